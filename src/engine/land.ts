/**
 * Landing: applies one partition's journal to the database, batch by batch, each batch one transaction.
 *
 *   load fold state ─▶ read entries ─▶ plan ─▶ land ─ landed ─▶ (next batch)
 *        ▲                              ▲        ├ rejects ─▶ plan again, those parked
 *        │                              └────────┘
 *        ├───────────────────────────────────────┤ moved: somebody else landed, or the database went back
 *        └───────────────────────────────────────┘ no answer: the position is read again before anything else
 *
 * The transaction compares the position, so two landers, a zombie, or a repeated batch can do no harm; that is
 * why nothing here needs a lock. An outage is waited out with back-off, for ever, and parks nothing; only data
 * that the database does not accept is parked.
 *
 * Where several processes could land a partition, one does (`landing-turn.ts`).
 *
 * Follows the front while it answers, so that the front is never behind what the database has without need.
 * Bounds: rows and bytes of a batch; memory of one batch.
 */
import { SpillwayError } from '../errors.ts'
import { withDeadline } from '../kit/clock.ts'
import { BackgroundLoop } from '../kit/lifecycle.ts'
import type { Loop } from '../kit/lifecycle.ts'
import { Signal } from '../kit/signal.ts'
import { keysToJudge, planLanding, refId } from '../model/batch.ts'
import { pauseBeforeLanding } from '../model/landing-pace.ts'
import type { LandingPlan } from '../model/batch.ts'
import { spanOf } from '../model/entry.ts'
import type { Mark, PlacedEntry } from '../model/entry.ts'
import { copyControlState, markAfter, newControlState } from '../model/fold.ts'
import type { ControlState } from '../model/fold.ts'
import { addLedger } from '../model/ledger.ts'
import type { LedgerCounts } from '../model/ledger.ts'
import { ABSENT } from '../model/position.ts'
import type { Position, Version } from '../model/position.ts'
import type { LandResult } from '../ports/database.ts'
import type { FoldSnapshot } from '../ports/front.ts'
import type { EngineContext } from './context.ts'
import { markProblem, sameMark } from './mark.ts'
import type { ComparableJournal } from './mark.ts'
import type { Landed } from './landed.ts'
import { LandingTurn } from './landing-turn.ts'

/** What lets the lander judge whether to yield to a spike. */
export interface LandingLoad {
  /** How far the journal is known to go. */
  readonly end: Position
  /** How much of the memory for what has not landed is used, 0 to 1. */
  readonly filled: number
  /** Age of the oldest write that has not landed. */
  readonly lagMs: number
}

/** Where the lander gets entries from: right after a mark, in order, never past what may land now. */
export interface EntrySource {
  after(from: Mark, entriesMax: number, bytesMax: number): Promise<readonly PlacedEntry[]>
}

export interface LanderOptions {
  readonly context: EngineContext
  readonly partition: number
  readonly source: EntrySource
  readonly journal: ComparableJournal
  readonly landed: Landed
  /** True when what is in the journal was judged when it was appended (fused). */
  readonly judged: boolean
  hasHistory(collection: string): boolean
  /** What else this process has to do, and how much is left to land as far as it knows. */
  load(): LandingLoad
  /** Called after each landed batch, with the mark that the database has now and how many entries it refused. */
  onLanded(mark: Mark, refused: number): void
}

interface DatabaseFold {
  readonly mark: Mark
  readonly control: ControlState
  readonly counts: LedgerCounts
}

export class Lander implements Loop {
  readonly #options: LanderOptions
  readonly #loop: BackgroundLoop
  readonly #work = new Signal()
  readonly #turn: LandingTurn
  #fold: DatabaseFold | undefined
  /** Where the journal ended when the last batch was begun, when that was, and how long the batch took. */
  #last = { end: 0, at: 0, tookMs: 0 }
  #stopped: string | undefined
  #changedOutside = false

  constructor(options: LanderOptions) {
    this.#options = options
    this.#turn = new LandingTurn(options)
    const { clock, random, settings, report } = options.context
    this.#loop = new BackgroundLoop({
      name: `landing of partition ${options.partition}`,
      clock,
      random,
      run: (signal) => this.#step(signal),
      backoffBaseMs: settings.retryBaseMs,
      backoffPauseMsMax: settings.retryMsMax,
      onFailure: ({ error, failures }) => {
        // What the database has now is not known any more: it is read again before the next batch.
        this.#fold = undefined
        if (failures === 3) report({ name: 'store-unavailable', partition: options.partition, error })
      },
    })
  }

  get started(): Promise<void> {
    return this.#loop.started
  }

  /** Why this partition does not land, where somebody has to act; undefined while all is well. */
  get stopped(): string | undefined {
    return this.#stopped
  }

  start(): void {
    this.#loop.start()
  }

  /** There may be something to land. */
  wake(): void {
    this.#work.raise()
  }

  /** The database was changed by somebody else's hand (a retried parked write): its counters are read again. */
  refresh(): void {
    this.#changedOutside = true
    this.#work.raise()
  }

  /** Somebody read where the database is. An idle lander that believed otherwise has missed that it went back. */
  look(mark: Mark): void {
    if (this.#fold !== undefined && !sameMark(this.#fold.mark, mark)) this.refresh()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { context, source, partition } = this.#options
    const { settings } = context
    if (this.#changedOutside) {
      this.#changedOutside = false
      this.#fold = undefined
    }
    if (!this.#turn.mine && !(await this.#takesOver(signal))) return
    await this.#yield(signal)
    const fold = (this.#fold ??= await this.#load())
    const entries = ofRows(
      await source.after(fold.mark, settings.landRowsMax, settings.landBytesMax),
      settings.landRowsMax,
    )
    const last = entries[entries.length - 1]
    if (last === undefined) {
      await this.#work.wait(signal)
      return
    }
    const to = markAfter(fold.mark.journal, last)
    const versions = await this.#versions(fold, entries)
    if (versions === undefined) return this.#reload()
    const rejected = new Map<Version, string>()
    for (;;) {
      const control = copyControlState(fold.control)
      const plan = planLanding({
        control,
        entries,
        versionOf: (ref) => versions.get(refId(ref)) ?? ABSENT,
        judged: this.#options.judged,
        rejected,
        hasHistory: this.#options.hasHistory,
      })
      const result = await this.#land(fold.mark, to, plan)
      if (result.kind === 'rejects') {
        const before = rejected.size
        for (const one of result.rejects) rejected.set(one.version, one.cause)
        if (rejected.size > before) continue
        throw new Error(
          `The database rejected the same rows of partition ${partition} twice: ${result.rejects[0]?.cause}`,
        )
      }
      if (result.kind === 'landed')
        return this.#advance(
          { mark: to, control, counts: countsAfter(fold.counts, plan, result.cleared) },
          plan,
          result,
        )
      if (result.kind === 'moved') {
        this.#turn.moved(fold.mark, result.mark)
        // Another process was first: that is how they share the work, and nothing to tell.
        if (!this.#turn.mine) return void (this.#fold = undefined)
        return this.#reload()
      }
      return this.#stand(result.bound, signal)
    }
  }

  /** Another process lands here: true once it does not any more, and something is left to land. */
  async #takesOver(signal: AbortSignal): Promise<boolean> {
    const { landed, load } = this.#options
    if (load().end <= landed.position) {
      await this.#work.wait(signal)
      return false
    }
    this.#fold = undefined
    return this.#turn.comes(signal)
  }

  /** Leaves the machine to a spike of writes for a while; whoever waits for landing ends the pause. */
  async #yield(signal: AbortSignal): Promise<void> {
    const load = this.#options.load()
    const { clock, settings } = this.#options.context
    const { landed } = this.#options
    const { end, at, tookMs } = this.#last
    const now = clock.monotonic()
    const { filled, lagMs } = load
    const pressure = {
      arrived: load.end - end,
      sinceMs: now - at,
      waiting: load.end - landed.position,
      rowsMax: settings.landRowsMax,
      batchMs: tookMs,
      filled,
      lagMs,
      waited: landed.waited,
    }
    const pauseMs = pauseBeforeLanding(pressure)
    if (pauseMs > 0) {
      const cancel = clock.after(pauseMs, () => landed.asked.raise())
      await landed.asked.wait(signal)
      cancel()
    }
    this.#last = { end: load.end, at: clock.monotonic(), tookMs: 0 }
  }

  async #load(): Promise<DatabaseFold> {
    const { context, partition, landed } = this.#options
    const rows = await context.database.partitions()
    const row = rows.find((one) => one.partition === partition)
    if (row === undefined) throw new Error(`The database has no position of partition ${partition}`)
    const problem = await markProblem(context, this.#options.journal, partition, row.mark)
    if (problem !== undefined) {
      // Others may have landed and trimmed past what was read here: only a database that stood still is judged.
      const [now] = (await context.database.partitions()).filter((one) => one.partition === partition)
      if (now === undefined || !sameMark(now.mark, row.mark))
        throw new SpillwayError('unavailable', 'The database moved while it was compared with the journal.')
      this.#stopped = problem
      throw new SpillwayError('journal-mismatch', problem)
    }
    landed.note(row.mark.position, row.counts)
    // Who landed it may have ended before it gave back the memory that a shared store counts for it.
    if (this.#options.judged) this.#options.onLanded(row.mark, 0)
    return { mark: row.mark, control: controlOf(row, context.settings.ageMax), counts: row.counts }
  }

  /** Versions that decide conditions, as of exactly where this lander is; undefined: the database has moved. */
  async #versions(
    fold: DatabaseFold,
    entries: readonly PlacedEntry[],
  ): Promise<ReadonlyMap<string, Version> | undefined> {
    const versions = new Map<string, Version>()
    if (this.#options.judged) return versions
    const refs = keysToJudge(entries)
    if (refs.length === 0) return versions
    const read = await this.#options.context.database.read(this.#options.partition, refs)
    if (read.position !== fold.mark.position) return undefined
    refs.forEach((ref, index) => versions.set(refId(ref), read.held[index]?.version ?? ABSENT))
    return versions
  }

  #land(from: Mark, to: Mark, plan: LandingPlan): Promise<LandResult> {
    const { context, partition } = this.#options
    const { rows, history, park, voids, seals, refused, counts } = plan
    return withDeadline(
      context.clock,
      context.settings.callMs * 3,
      context.database.land({ partition, from, to, rows, history, park, voids, seals, refused, counts }),
    )
  }

  #advance(fold: DatabaseFold, plan: LandingPlan, result: Extract<LandResult, { kind: 'landed' }>): void {
    const { context, partition, landed, onLanded } = this.#options
    this.#fold = fold
    this.#last = { ...this.#last, tookMs: context.clock.monotonic() - this.#last.at }
    this.#stopped = undefined
    landed.note(fold.mark.position, fold.counts)
    for (const parked of plan.park) {
      context.report({
        name: 'write-parked',
        partition,
        detail: `${parked.collection}/${parked.key} version ${parked.version}: ${parked.cause}`,
      })
    }
    for (const ref of result.newer)
      context.report({ name: 'row-newer', partition, detail: `${ref.collection}/${ref.key}` })
    onLanded(fold.mark, plan.refused.length)
  }

  #reload(): void {
    this.#fold = undefined
    this.#options.context.report({ name: 'landing-moved', partition: this.#options.partition })
  }

  /** As much is parked as may be: stands still, says so, and looks again now and then. */
  async #stand(bound: string, signal: AbortSignal): Promise<void> {
    const { context, partition } = this.#options
    if (this.#stopped === undefined) context.report({ name: 'landing-stopped', partition, detail: bound })
    this.#stopped = `Landing of partition ${partition} stands still: ${bound}. Resolve or retry parked writes.`
    this.#fold = undefined
    await context.clock.sleep(context.settings.retryMsMax, signal)
  }
}

/** As many whole entries as have so many rows, but at least one: a frame lands whole, however many rows it has. */
function ofRows(entries: readonly PlacedEntry[], rowsMax: number): readonly PlacedEntry[] {
  let rows = 0
  for (let index = 0; index < entries.length; index += 1) {
    rows += spanOf((entries[index] as PlacedEntry).entry)
    if (rows > rowsMax && index > 0) return entries.slice(0, index)
  }
  return entries
}

export function controlOf(fold: FoldSnapshot, ageMax: number): ControlState {
  const control = newControlState(ageMax)
  control.through = fold.mark.position
  for (const [id, at] of [...fold.voids].sort((a, b) => a[1] - b[1])) control.voids.set(id, at)
  for (const [collection, at] of fold.seals) control.seals.set(collection, at)
  return control
}

function countsAfter(before: LedgerCounts, plan: LandingPlan, cleared: number): LedgerCounts {
  const added = addLedger(before, plan.counts)
  return { ...added, parked: added.parked - cleared, superseded: added.superseded + cleared }
}
