/**
 * `spillway/testing`: the seeded simulator and its fakes, for tests of Spillway itself and of programs on it.
 */
export { World } from './world.ts'
export { SimProcess } from './process.ts'
export { StepBoard, STEPS } from './step-board.ts'
export type { Step } from './step-board.ts'
export { FakeDatabase } from './fake-database.ts'
export { FakeFront } from './fake-front.ts'
export { FakeJournal } from './fake-journal.ts'
export { CALM, FAIR, STORM } from './link.ts'
export type { Weather } from './link.ts'
export { FaultTable } from './table.ts'
export { FAULTS, SHAPES, faultsOf } from './faults.ts'
export type { FaultName, Shape } from './faults.ts'
export { TRACES, playTrace } from './traces.ts'
export { simulate } from './simulate.ts'
export type { SimulateOptions } from './simulate.ts'
export type { SimResult } from './run.ts'
