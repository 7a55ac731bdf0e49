/**
 * One seed: a world, its stores and processes, clients and faults; then everything heals, has to drain, and is judged.
 *
 *   start ──▶ clients and faults ──▶ heal ──▶ unknown outcomes are settled, landing drains ──▶ checkers
 *
 * Safety is judged over the whole run. That nothing hangs and everything lands (I10) is demanded of the part after
 * `heal`, within a bound of virtual time.
 */
import type { StoredEntry } from '../model/entry.ts'
import { lostOf, violationsOf } from './checkers.ts'
import { Cluster } from './cluster.ts'
import type { SimNode } from './cluster.ts'
import { FakeDatabase } from './fake-database.ts'
import { FakeFront } from './fake-front.ts'
import { FakeFused } from './fake-fused.ts'
import { FakeJournal } from './fake-journal.ts'
import { heal, planFaults } from './faults.ts'
import type { Shape, Stage } from './faults.ts'
import { History } from './history.ts'
import { keysFor, openSimulated, planSettings } from './open-simulated.ts'
import { truthOf } from './oracle.ts'
import { SimProcess } from './process.ts'
import { StepBoard } from './step-board.ts'
import type { Subject } from './subject.ts'
import { Workload } from './workload.ts'
import { World } from './world.ts'

export interface SimulateOptions {
  readonly seed: number
  readonly shape: Shape
  /** Default 220. */
  readonly operations?: number
  /** Default 5 to 8. */
  readonly faults?: number
  /** Lines of trace that are kept; default 60. */
  readonly tailLines?: number
}

export interface SimResult {
  readonly seed: number
  readonly shape: Shape
  readonly violations: readonly string[]
  /** Hash over all events: equal for equal seeds, or the simulator is a lie. */
  readonly trace: string
  readonly tail: readonly string[]
  /** `fault × step` → how often. */
  readonly cells: ReadonlyMap<string, number>
  /** How operations ended, for a look at whether the workload still means something. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly events: number
  readonly virtualMs: number
}

/** Virtual time that a healed world has to drain. */
const DRAIN_MS = 90_000
/** Late appends arrive up to this long after their error. */
const LATE_MS = 2_500
const CLIENTS_MS = 120_000

export async function simulate(options: SimulateOptions): Promise<SimResult> {
  const { seed, shape } = options
  const world = new World({ seed, ...(options.tailLines === undefined ? {} : { tailLines: options.tailLines }) })
  const board = new StepBoard(world)
  const history = new History()
  const plan = planSettings(world, shape)
  const { ageMax, partitions, releaseEagerness } = plan
  const exclusive = shape === 'embedded'
  const fused = shape === 'fused' ? new FakeFused({ world, board, partitions, ageMax, releaseEagerness }) : undefined
  const journal = shape === 'fused' ? undefined : new FakeJournal({ world, board, partitions, exclusive })
  const front = shape === 'separate' ? new FakeFront({ world, board, partitions, shared: true, ageMax, releaseEagerness }) : undefined
  const database = new FakeDatabase({ world, board, ageMax, sameHost: exclusive })
  database.onBegun = (partition, landed, kept) => fused?.raised(partition, landed, kept)
  const stores = { world, board, plan, journal, front, fused, database }
  const cluster = new Cluster({
    world,
    history,
    nodes: exclusive ? 1 : 3,
    open: (process: SimProcess): Promise<Subject> => openSimulated(stores, process),
  })
  const splits: { from: number; to: number }[] = []
  const victim: Stage['victim'] = (flight) => {
    const struck = cluster.nodes.find((node) => node.process === flight?.process && node.process.alive)
    const alive = cluster.nodes.filter((node) => node.process.alive)
    return struck ?? world.pick(alive.length > 0 ? alive : cluster.nodes)
  }
  const stage: Stage = { world, cluster, board, shape, journal, front, fused, database, splits, victim, backMax: plan.settings.trimMargin }
  const workload = new Workload(
    {
      world,
      cluster,
      history,
      clients: 8,
      operations: options.operations ?? 220,
      keys: keysFor(partitions),
      sealed: world.chance(0.3) ? 'forms' : undefined,
      thinkMs: 50,
      poison: world.chance(0.5) ? 0.06 : 0,
    },
    new SimProcess(world, 'clients'),
  )

  const hung: string[] = []
  const step = async (done: () => boolean, ms: number, what: string): Promise<void> => {
    if (hung.length > 0) return
    try {
      if ((await world.run(done, world.now + ms)) === 'late') hung.push(`I10: ${what} within ${ms} ms`)
    } catch (error) {
      hung.push(`I10: ${what}: ${String(error)}`)
    }
  }
  await step(() => cluster.up.length > 0, 60_000, `no process came up (${String(cluster.lastOpenError)})`)
  keepDumps(stage)
  planFaults(stage, options.faults ?? 5 + world.random.integer(4), 3_000)
  workload.start()
  await step(() => workload.idle, CLIENTS_MS, 'the clients did not end')
  heal(stage)
  const healedAt = world.now
  world.note('healed')
  workload.settleAll()
  const lateUntil = world.now + LATE_MS
  await step(() => workload.finished && world.now >= lateUntil, DRAIN_MS, 'operations did not end after everything healed')
  database.rejecting = world.chance(0.5)
  if (!database.rejecting) workload.retryParked()
  await step(() => workload.finished && allOpen(cluster.nodes) && drained(stage, partitions), DRAIN_MS, 'not everything landed after everything healed')
  workload.audit()
  const landed = (): boolean => workload.finished && drained(stage, partitions)
  await step(landed, DRAIN_MS, 'the last reads did not end, or what they appended did not land')
  if (hung.length > 0) for (const wait of workload.waits.values()) hung.push(`still waiting: ${wait}`)

  const truth = truthOf(
    Array.from({ length: partitions }, (_, partition) => historyOf(stage, partition)),
    ageMax,
    shape === 'fused',
  )
  const fronts = [front?.server, fused?.server].filter((one) => one !== undefined)
  const slackMs = plan.settings.confirmMs + 1_000
  const staleMsAt = (start: number): number =>
    splits.some((split) => start >= split.from && start <= split.to + slackMs) ? slackMs : 0
  const trimmed = (partition: number): number => journal?.trimmed(partition) ?? fused?.trimmed(partition) ?? 0
  const violations = [...hung, ...violationsOf({ history, truth, database: database.state, fronts, staleMsAt, lost: lostOf(fused?.lost ?? []), discarded: fused?.discarded ?? [], healedAt, trimmed })]
  return {
    seed,
    shape,
    violations,
    trace: world.trace,
    tail: world.tail,
    cells: board.cells,
    outcomes: outcomesOf(history),
    events: world.events,
    virtualMs: world.now,
  }
}

/** Copies that front and database may go back to, now and then while faults may strike. */
function keepDumps({ world, front, fused, database }: Stage): void {
  const again = (): void => {
    if (world.chance(0.5)) front?.dump()
    if (world.chance(0.5)) fused?.dump()
    if (world.chance(0.5)) database.dump()
    if (world.now < 10_000) world.schedule(world.between(50, 300), again)
  }
  again()
}

function allOpen(nodes: readonly SimNode[]): boolean {
  return nodes.every((node) => node.subject !== undefined)
}

function historyOf({ journal, fused }: Stage, partition: number): readonly StoredEntry[] {
  return journal?.history(partition) ?? fused?.history(partition) ?? []
}

function drained(stage: Stage, partitions: number): boolean {
  for (let at = 0; at < partitions; at += 1) {
    if (stage.database.state.partitions[at]?.mark.offset !== (historyOf(stage, at).at(-1)?.offset ?? 0)) return false
  }
  return true
}

function outcomesOf(history: History): Map<string, number> {
  const counts = new Map<string, number>()
  for (const op of history.ops) {
    const outcome = op.kind === 'read' ? (op.outcome === undefined ? (op.code ?? 'lost') : 'ok') : (op.outcome?.kind ?? 'open')
    const code = op.kind !== 'read' && (op.outcome?.kind === 'refused' || op.outcome?.kind === 'rejected') ? ` ${op.outcome.code}` : ''
    const name = `${op.kind} ${outcome}${code}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
