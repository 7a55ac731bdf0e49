/** Puts the real engine on simulated stores, with bounds so small that a run of a few seconds meets them. */
import { openMemoryFront } from '../drivers/memory/front.ts'
import { Engine } from '../engine/engine.ts'
import type { Stores } from '../engine/engine.ts'
import type { EngineSettings } from '../engine/settings.ts'
import { DEFAULT_SETTINGS } from '../engine/settings.ts'
import { AGE_MAX } from '../model/fold.ts'
import { compileTable } from '../model/table.ts'
import type { Database } from '../ports/database.ts'
import type { FakeDatabase } from './fake-database.ts'
import type { FakeFused } from './fake-fused.ts'
import { FakeFront } from './fake-front.ts'
import type { FakeJournal } from './fake-journal.ts'
import type { SimProcess } from './process.ts'
import type { StepBoard } from './step-board.ts'
import { Subject } from './subject.ts'
import type { WorkloadKeys } from './workload-options.ts'
import type { World } from './world.ts'

export interface SimPlan {
  readonly partitions: number
  readonly ageMax: number
  /** How eagerly fronts drop what is landed, 0 to 1. */
  readonly releaseEagerness: number
  /** Where a process has its front for itself: bytes of the real memory front; undefined takes the simulated one. */
  readonly memoryFrontBytes: number | undefined
  readonly settings: EngineSettings
}

export interface SimStores {
  readonly world: World
  readonly board: StepBoard
  readonly plan: SimPlan
  /** Undefined in the fused shape. */
  readonly journal: FakeJournal | undefined
  /** Undefined where each process has its own. */
  readonly front: FakeFront | undefined
  readonly fused: FakeFused | undefined
  readonly database: FakeDatabase
}

/** Drawn from the seed: some runs forget voids soon, some trim and release soon, some batch in ones. */
export function planSettings(world: World): SimPlan {
  const ageMax = world.chance(0.4) ? world.pick([24, 64, 160]) : AGE_MAX
  const trimMargin = world.pick([20, 60, 200, 1_000])
  return {
    partitions: world.pick([1, 2, 2, 3]),
    ageMax,
    releaseEagerness: world.pick([0.1, 0.5, 1]),
    memoryFrontBytes: world.pick([undefined, 6_000, 40_000, 1_000_000]),
    settings: {
      ...DEFAULT_SETTINGS,
      ageMax,
      trimMargin,
      releaseMargin: world.pick([0, 0, 10]),
      landRowsMax: world.pick([1, 5, 20, 100]),
      applyEntriesMax: world.pick([1, 8, 100]),
      appendEntriesMax: world.pick([2, 20, 1_000]),
      tailEntriesMax: world.pick([8, 40, 1_000]),
      visibleWaitMs: world.pick([100, 600, 2_000]),
      settleWaitMs: world.pick([100, 600, 2_000]),
      followMs: world.pick([50, 150, 300]),
      standBackMs: world.pick([20, 200, 500]),
      holdMs: world.pick([50, 2_000]),
      callMs: 4_000,
      retryMsMax: 500,
      waitMs: 3_000,
    },
  }
}

/** Three collections; keys of a partition are together, so that frames can hold them. */
export function keysFor(partitions: number): WorkloadKeys {
  return ['plain', 'kept', 'forms'].map((collection) => ({
    collection,
    keys: Array.from({ length: partitions }, (_, partition) =>
      Array.from({ length: partitions === 1 ? 3 : 2 }, (_unused, key) => `p${partition}k${key}`),
    ),
  }))
}

/** The collection whose every version is kept. */
const WITH_HISTORY = 'kept'

export async function openSimulated(stores: SimStores, process: SimProcess): Promise<Subject> {
  const { plan, world } = stores
  const database = stores.database.connect(process)
  const engine = await Engine.open({
    stores: connect(stores, process, database),
    tables: [compileTable('plain'), compileTable('kept', { history: true }), compileTable('forms')],
    clock: process.clock,
    random: process.random,
    settings: plan.settings,
    report: ({ name, partition, detail, error }) => {
      world.note(
        `${process.name} event ${name} ${partition ?? ''} ${detail ?? ''} ${error === undefined ? '' : String(error)}`,
      )
    },
    hasHistory: (collection) => collection === WITH_HISTORY,
  })
  return new Subject(engine, database)
}

function connect(stores: SimStores, process: SimProcess, database: Database): Stores {
  const { world, board, plan, journal, fused } = stores
  if (fused !== undefined) return { kind: 'fused', fused: fused.connect(process), database }
  if (journal === undefined) throw new Error('A simulation has a journal or a fused store')
  const { partitions, ageMax, releaseEagerness, memoryFrontBytes } = plan
  const front =
    stores.front?.connect(process) ??
    (memoryFrontBytes === undefined
      ? new FakeFront({ world, board, partitions, shared: false, ageMax, releaseEagerness }).connect(process)
      : openMemoryFront({ partitions, bytesMax: memoryFrontBytes, clock: process.clock, ageMax }))
  return { kind: 'separate', front, journal: journal.connect(process), database }
}
