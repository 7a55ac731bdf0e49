/**
 * One run: a world with its stores and processes, the bound on every wait, and the verdict at the end. What happens
 * in between is a script's business: random clients and faults (`simulate.ts`), or a hand-made trace (`traces.ts`).
 */
import type { StoredEntry } from '../model/entry.ts'
import { lostOf, violationsOf } from './checkers.ts'

import { Cluster } from './cluster.ts'
import type { SimNode } from './cluster.ts'
import { FakeDatabase } from './fake-database.ts'
import { FakeFront } from './fake-front.ts'
import { FakeFused } from './fake-fused.ts'
import { FakeJournal } from './fake-journal.ts'
import type { Shape, Stage } from './faults.ts'
import { History } from './history.ts'
import { openSimulated, planSettings } from './open-simulated.ts'
import type { SimPlan } from './open-simulated.ts'
import { truthOf } from './oracle.ts'
import { StepBoard } from './step-board.ts'
import { World } from './world.ts'

export interface RunOptions {
  readonly seed: number
  readonly shape: Shape
  /** Lines of trace that are kept; default 60. */
  readonly tailLines?: number | undefined
  /** Default: drawn from the seed. */
  readonly plan?: SimPlan
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
  /** Faults that struck. */
  readonly faults: number
  /** How operations ended, for a look at whether the workload still means something. */
  readonly outcomes: ReadonlyMap<string, number>
  readonly events: number
  readonly virtualMs: number
}

export class Run {
  readonly options: RunOptions
  readonly world: World
  readonly plan: SimPlan
  readonly history = new History()
  readonly stage: Stage
  readonly cluster: Cluster
  healedAt = Number.POSITIVE_INFINITY
  readonly #hung: string[] = []

  constructor(options: RunOptions) {
    const { seed, shape, tailLines } = options
    this.options = options
    const world = new World({ seed, ...(tailLines === undefined ? {} : { tailLines }) })
    this.world = world
    this.plan = options.plan ?? planSettings(world)
    const { ageMax, partitions, releaseEagerness, settings } = this.plan
    const board = new StepBoard(world)
    const exclusive = shape === 'embedded'
    const common = { world, board, partitions, ageMax, releaseEagerness }
    const fused = shape === 'fused' ? new FakeFused(common) : undefined
    const journal = shape === 'fused' ? undefined : new FakeJournal({ world, board, partitions, exclusive })
    const front = shape === 'separate' ? new FakeFront({ ...common, shared: true }) : undefined
    const database = new FakeDatabase({ world, board, ageMax, sameHost: exclusive })
    database.onBegun = (partition, landed, kept) => fused?.raised(partition, landed, kept)
    const stores = { world, board, plan: this.plan, journal, front, fused, database }
    const cluster = new Cluster({
      world,
      history: this.history,
      nodes: exclusive ? 1 : 3,
      open: (process) => openSimulated(stores, process),
    })
    this.cluster = cluster
    const victim: Stage['victim'] = (flight) => {
      const struck = cluster.nodes.find((node) => node.process === flight?.process && node.process.alive)
      const alive = cluster.nodes.filter((node) => node.process.alive)
      return struck ?? world.pick(alive.length > 0 ? alive : cluster.nodes)
    }
    this.stage = {
      world,
      cluster,
      board,
      shape,
      journal,
      front,
      fused,
      database,
      splits: [],
      victim,
      backMax: settings.trimMargin,
    }
  }

  /** Lets the world go on until `done`; a wait that takes longer than `ms` of its time is a violation. */
  async until(done: () => boolean, ms: number, what: string): Promise<void> {
    if (this.#hung.length > 0) return
    try {
      const late = (await this.world.run(done, this.world.now + ms)) === 'late'
      if (late) this.#hung.push(`I10: ${what} within ${ms} ms`)
    } catch (error) {
      this.#hung.push(`I10: ${what}: ${String(error)}`)
    }
  }

  get hangs(): boolean {
    return this.#hung.length > 0
  }

  get allOpen(): boolean {
    return this.cluster.nodes.every((node: SimNode) => node.subject !== undefined)
  }

  /** The database has everything that is in the journal. */
  get drained(): boolean {
    for (let at = 0; at < this.plan.partitions; at += 1) {
      const end = this.#journal(at).at(-1)?.offset ?? 0
      if (this.stage.database.state.partitions[at]?.mark.offset !== end) return false
    }
    return true
  }

  judge(): SimResult {
    const { seed, shape } = this.options
    const { world, history, plan, stage } = this
    const { journal, front, fused, database, board, splits } = stage
    const journals = Array.from({ length: plan.partitions }, (_, partition) => this.#journal(partition))
    const slackMs = plan.settings.confirmMs + 1_000
    const violations = violationsOf({
      history,
      truth: truthOf(journals, plan.ageMax, shape === 'fused'),
      database: database.state,
      fronts: [front?.server, fused?.server].filter((one) => one !== undefined),
      staleMsAt: (start) =>
        splits.some((split) => start >= split.from && start <= split.to + slackMs) ? slackMs : 0,
      lost: lostOf(fused?.lost ?? []),
      discarded: fused?.discarded ?? [],
      healedAt: this.healedAt,
      reaches: (partition, offset) =>
        offset > (journal?.trimmed(partition) ?? fused?.trimmed(partition) ?? 0) &&
        this.#journal(partition).some((stored) => stored.offset === offset),
    })
    return {
      seed,
      shape,
      violations: [...this.#hung, ...violations],
      trace: world.trace,
      tail: world.tail,
      cells: board.cells,
      faults: board.strikes,
      outcomes: outcomesOf(history),
      events: world.events,
      virtualMs: world.now,
    }
  }

  #journal(partition: number): readonly StoredEntry[] {
    return this.stage.journal?.history(partition) ?? this.stage.fused?.history(partition) ?? []
  }
}

function outcomesOf(history: History): Map<string, number> {
  const counts = new Map<string, number>()
  for (const op of history.ops) {
    const outcome =
      op.kind === 'read'
        ? op.outcome === undefined
          ? (op.code ?? 'lost')
          : 'ok'
        : (op.outcome?.kind ?? 'open')
    const code =
      op.kind !== 'read' && (op.outcome?.kind === 'refused' || op.outcome?.kind === 'rejected')
        ? ` ${op.outcome.code}`
        : ''
    const name = `${op.kind} ${outcome}${code}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
