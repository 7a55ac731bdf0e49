/**
 * The faults of a simulation, one name each, by shape. A fault strikes at a random time, or lies in wait for a
 * step of the engine (see `step-board.ts`), and most of them pass after a while; `heal` ends whatever is left.
 */
import type { Cluster, SimNode } from './cluster.ts'
import type { FakeDatabase } from './fake-database.ts'
import type { FakeFront } from './fake-front.ts'
import type { FakeFused } from './fake-fused.ts'
import type { FakeJournal } from './fake-journal.ts'
import { AWAY, CUT, SLOW, STORM } from './link.ts'
import type { Weather } from './link.ts'
import type { SimProcess } from './process.ts'
import type { Flight, Step, StepBoard } from './step-board.ts'
import { STEPS } from './step-board.ts'
import type { World } from './world.ts'

export const SHAPES = ['embedded', 'fused', 'separate'] as const
export type Shape = (typeof SHAPES)[number]

export interface Stage {
  readonly world: World
  readonly cluster: Cluster
  readonly board: StepBoard
  readonly shape: Shape
  /** Undefined in the fused shape. */
  readonly journal: FakeJournal | undefined
  /** Undefined where every process has its own, and in the fused shape. */
  readonly front: FakeFront | undefined
  readonly fused: FakeFused | undefined
  readonly database: FakeDatabase
  /** Positions of a partition that the database may lose: less than the journal keeps behind it. */
  readonly backMax: number
  /** Times from and to which a front may answer for the past. */
  readonly splits: { readonly from: number; to: number }[]
  /** The process whose call sprang the ambush; else any. */
  victim(flight: Flight | undefined): SimNode
}

interface Fault {
  readonly shapes: readonly Shape[]
  strike(stage: Stage, flight: Flight | undefined): void
}

const ALL: readonly Shape[] = SHAPES
const SHARED: readonly Shape[] = ['separate']
const JOURNALED: readonly Shape[] = ['embedded', 'separate']
const FUSED: readonly Shape[] = ['fused']

interface Weathered {
  readonly fairWeather: Weather
  weather: Weather
  readonly weatherOf: Map<SimProcess, Weather>
}

function weather(
  store: Weathered | undefined,
  { world }: Stage,
  change: Weather,
  ms: readonly [number, number],
): void {
  if (store === undefined) return
  store.weather = change
  world.schedule(world.between(...ms), () => {
    if (store.weather === change) store.weather = store.fairWeather
  })
}

/** One process has lost its way to a store that all others reach. */
function cutOff(store: Weathered | undefined, stage: Stage, flight: Flight | undefined): void {
  const { process } = stage.victim(flight)
  store?.weatherOf.set(process, stage.world.chance(0.7) ? CUT : SLOW)
  stage.world.schedule(stage.world.between(200, 3_000), () => store?.weatherOf.delete(process))
}

function full(store: { full: boolean } | undefined, { world }: Stage): void {
  if (store === undefined) return
  store.full = true
  world.schedule(world.between(50, 800), () => {
    store.full = false
  })
}

/** Whatever the stores did to the past: until when reads may be bounded instead of exact. */
function openSplit({ world, splits }: Stage): { readonly from: number; to: number } {
  const split = { from: world.now, to: Number.POSITIVE_INFINITY }
  splits.push(split)
  return split
}

export const FAULTS = {
  crash: {
    shapes: ALL,
    strike: (stage, flight) => {
      const { world, cluster } = stage
      cluster.crash(stage.victim(flight), world.between(1, 1_500))
      if (cluster.nodes.length > 1 && world.chance(0.15)) {
        for (const node of cluster.nodes) cluster.crash(node, world.between(1, 1_500))
      }
    },
  },
  pause: {
    shapes: ALL,
    strike: (stage, flight) => stage.victim(flight).process.pause(stage.world.between(50, 4_000)),
  },
  'clock jump': {
    shapes: ALL,
    strike: (stage, flight) => {
      stage.victim(flight).process.wallSkewMs = stage.world.between(-3_600_000, 3_600_000)
    },
  },
  'journal away': { shapes: JOURNALED, strike: (stage) => weather(stage.journal, stage, AWAY, [50, 1_500]) },
  'journal storm': {
    shapes: JOURNALED,
    strike: (stage) => weather(stage.journal, stage, STORM, [100, 2_000]),
  },
  'journal slow': { shapes: JOURNALED, strike: (stage) => weather(stage.journal, stage, SLOW, [100, 1_000]) },
  'journal full': { shapes: JOURNALED, strike: (stage) => full(stage.journal, stage) },
  'journal stale': {
    shapes: SHARED,
    strike: (stage, flight) => {
      const { process } = stage.victim(flight)
      stage.journal?.setStale(process, true)
      stage.world.schedule(stage.world.between(100, 2_000), () => stage.journal?.setStale(process, false))
    },
  },
  'front away': { shapes: SHARED, strike: (stage) => weather(stage.front, stage, AWAY, [50, 1_500]) },
  'front storm': { shapes: SHARED, strike: (stage) => weather(stage.front, stage, STORM, [100, 2_000]) },
  'front slow': { shapes: SHARED, strike: (stage) => weather(stage.front, stage, SLOW, [100, 1_000]) },
  'front cut off': {
    shapes: SHARED,
    strike: (stage, flight) => {
      cutOff(stage.front, stage, flight)
      // Slow for the others: those who are cut off land ahead of a front that lags.
      if (stage.world.chance(0.5)) cutOff(stage.front, stage, undefined)
      if (stage.world.chance(0.7)) weather(stage.front, stage, SLOW, [300, 2_000])
    },
  },
  'journal cut off': { shapes: SHARED, strike: (stage, flight) => cutOff(stage.journal, stage, flight) },
  'front lost': { shapes: SHARED, strike: (stage) => stage.front?.lose('other') },
  'front flushed': {
    shapes: SHARED,
    strike: (stage) => {
      // Nothing but a smaller `through` tells of it, and only those who knew better: bounded, as in a split.
      const split = openSplit(stage)
      split.to = stage.world.now
      stage.front?.lose('same')
    },
  },
  'front back': { shapes: SHARED, strike: (stage) => stage.front?.goBack() },
  'front flip': { shapes: SHARED, strike: (stage) => stage.front?.flip() },
  'front split': {
    shapes: SHARED,
    strike: (stage) => {
      const { front, world, cluster } = stage
      if (front === undefined || front.split) return
      const stay = cluster.nodes.filter(() => world.chance(0.5)).map((node) => node.process)
      front.splitOff(stay, world.chance(0.5))
      const split = openSplit(stage)
      world.schedule(world.between(100, 3_000), () => {
        front.healSplit()
        split.to = world.now
      })
    },
  },
  'fused away': { shapes: FUSED, strike: (stage) => weather(stage.fused, stage, AWAY, [50, 1_500]) },
  'fused storm': { shapes: FUSED, strike: (stage) => weather(stage.fused, stage, STORM, [100, 2_000]) },
  'fused slow': { shapes: FUSED, strike: (stage) => weather(stage.fused, stage, SLOW, [100, 1_000]) },
  'fused cut off': { shapes: FUSED, strike: (stage, flight) => cutOff(stage.fused, stage, flight) },
  'fused full': { shapes: FUSED, strike: (stage) => full(stage.fused, stage) },
  'fused failover': { shapes: FUSED, strike: (stage) => stage.fused?.failover(false) },
  'fused tail lost': { shapes: FUSED, strike: (stage) => stage.fused?.failover(true) },
  'database away': { shapes: ALL, strike: (stage) => weather(stage.database, stage, AWAY, [50, 3_000]) },
  'database storm': { shapes: ALL, strike: (stage) => weather(stage.database, stage, STORM, [100, 2_000]) },
  'database slow': { shapes: ALL, strike: (stage) => weather(stage.database, stage, SLOW, [100, 1_500]) },
  'database cut off': {
    shapes: ['fused', 'separate'],
    strike: (stage, flight) => cutOff(stage.database, stage, flight),
  },
  'database back': { shapes: ALL, strike: (stage) => void stage.database.goBack(stage.backMax) },
} as const satisfies Record<string, Fault>

/** A fault that has lain in wait for so long strikes anyway. */
const AMBUSH_MS = 600

export type FaultName = keyof typeof FAULTS

export function faultsOf(shape: Shape): FaultName[] {
  return (Object.keys(FAULTS) as FaultName[]).filter((name) =>
    (FAULTS[name].shapes as readonly Shape[]).includes(shape),
  )
}

/** Strikes now, and writes down which steps were under way. */
export function strike(stage: Stage, name: FaultName, flight: Flight | undefined): void {
  stage.world.note(
    `fault: ${name}${flight === undefined ? '' : ` during ${flight.step} of ${flight.process.name}`}`,
  )
  stage.board.record(name)
  const fault: Fault = FAULTS[name]
  fault.strike(stage, flight)
}

/** Faults over `spanMs`: half at random times, half in wait for a step. */
export function planFaults(stage: Stage, count: number, spanMs: number): void {
  const { world, board, shape } = stage
  const names = faultsOf(shape)
  for (let at = 0; at < count; at += 1) {
    // The seed walks through the table, so that no cell depends on luck alone.
    const name = names[(stage.world.seed + at * 7) % names.length] as FaultName
    const step = STEPS[Math.floor(stage.world.seed / names.length + at) % STEPS.length] as Step
    const phase = world.chance(0.5) ? 'departed' : 'effective'
    const waits = world.chance(0.6)
    world.schedule(world.between(0, spanMs), () => {
      if (!waits) {
        strike(stage, name, undefined)
        return
      }
      const disarm = board.ambush(step, phase, (flight) => strike(stage, name, flight))
      world.schedule(AMBUSH_MS, () => {
        if (disarm()) strike(stage, name, undefined)
      })
    })
  }
}

/** Everything works again from here on. */
export function heal({ journal, front, fused, database, board, cluster }: Stage): void {
  board.disarm()
  for (const store of [journal, fused, front, database]) {
    if (store === undefined) continue
    if ('full' in store) store.full = false
    store.weather = store.fairWeather
    store.weatherOf.clear()
  }
  for (const node of cluster.nodes) journal?.setStale(node.process, false)
  front?.healSplit()
}
