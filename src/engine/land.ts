/**
 * Landing: applies one partition's journal to the database, batch by batch, each batch one transaction.
 *
 *   load fold state ─▶ read entries ─▶ plan ─▶ land ─ landed ─▶ (next batch)
 *        ▲                              ▲        ├ rejects ─▶ plan again, those parked
 *        │                              └────────┘
 *        ├───────────────────────────────────────┤ moved: somebody else landed, or the database went back
 *        └───────────────────────────────────────┘ no answer: the position is read again before anything else
 *
 * Where a whole batch more is waiting, it is read, planned and sent while the one before it is out, so that the
 * database need not wait for this process:
 *
 *   batch 1   read plan land ············ landed
 *   batch 2             read plan land ··············· landed       planned as if batch 1 had landed
 *   batch 3                                   read plan land ···
 *
 * The transaction compares the position, so two landers, a zombie, or a repeated batch can do no harm, and a batch
 * whose predecessor did not land does nothing (`moved`); that is why nothing here needs a lock. An outage is waited
 * out with back-off, for ever, and parks nothing; only data that the database does not accept is parked.
 *
 * Where several processes could land a partition, one does (`landing-turn.ts`).
 *
 * Follows the front while it answers, so that the front is never behind what the database has without need.
 * Bounds: rows and bytes of a batch; memory of `OUT_MAX` batches.
 */
import { SpillwayError } from '../errors.ts'
import { withDeadline } from '../kit/clock.ts'
import { BackgroundLoop } from '../kit/lifecycle.ts'
import type { Loop } from '../kit/lifecycle.ts'
import { Signal } from '../kit/signal.ts'
import { keysToJudge, planLanding, refId } from '../model/batch.ts'
import type { LandingPlan } from '../model/batch.ts'
import type { Mark, PlacedEntry } from '../model/entry.ts'
import { copyControlState, markAfter, newControlState } from '../model/fold.ts'
import type { ControlState } from '../model/fold.ts'
import { ABSENT } from '../model/position.ts'
import type { Version } from '../model/position.ts'
import type { LandResult } from '../ports/database.ts'
import type { FoldSnapshot } from '../ports/front.ts'
import type { EngineContext } from './context.ts'
import { markProblem, sameMark } from './mark.ts'
import type { ComparableJournal } from './mark.ts'
import type { Landed } from './landed.ts'
import { countsAfter, ofRows, settled, versionAfter } from './landing-batch.ts'
import type { Batch, DatabaseFold, Sent } from './landing-batch.ts'
import { LandingTurn } from './landing-turn.ts'
import { LandingYield } from './landing-yield.ts'
import type { LandingLoad } from './landing-yield.ts'

/** Where the lander gets entries from: right after a mark, in order, never past what may land now. */
export interface EntrySource {
  after(from: Mark, entriesMax: number, bytesMax: number): Promise<readonly PlacedEntry[]>
}

export interface LanderOptions {
  readonly context: EngineContext
  readonly partition: number
  /** Of how many. */
  readonly partitions: number
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

/** The one that the database works on, and the next. */
const OUT_MAX = 2

export class Lander implements Loop {
  readonly #options: LanderOptions
  readonly #loop: BackgroundLoop
  readonly #work = new Signal()
  readonly #turn: LandingTurn
  #fold: DatabaseFold | undefined
  readonly #yield: LandingYield
  readonly #rowsMax: number
  #stopped: string | undefined
  #changedOutside = false

  constructor(options: LanderOptions) {
    this.#options = options
    this.#yield = new LandingYield(options)
    this.#turn = new LandingTurn({ ...options, pauses: () => this.#yield.pauses() })
    const { clock, random, settings, report, database } = options.context
    this.#rowsMax = Math.min(settings.landRowsMax, database.batchRowsMax ?? settings.landRowsMax)
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
    if (this.#changedOutside) {
      this.#changedOutside = false
      this.#fold = undefined
    }
    if (!this.#turn.mine && !(await this.#takesOver(signal))) return
    const pausedMs = await this.#yield.pause(signal)
    this.#fold ??= await this.#load()
    const out: Sent[] = []
    try {
      const first = await this.#next(this.#fold, out)
      if (first === 'moved') return this.#reload()
      if (first === undefined) {
        await this.#work.wait(signal)
        return
      }
      out.push(this.#send(first, new Map()))
      for (let sent = out[0]; sent !== undefined; sent = out[0]) {
        if (pausedMs === 0 && !signal.aborted) await this.#goAhead(out)
        const result = await sent.result
        out.shift()
        if (result.kind !== 'landed') {
          await settled(out)
          return await this.#settle(sent, result, signal)
        }
        this.#advance(sent, result)
      }
    } finally {
      await settled(out)
    }
  }

  /** Sends the batch behind what is out, if it is a whole one and the machine is free for it. */
  async #goAhead(out: Sent[]): Promise<void> {
    const last = out[out.length - 1] as Sent
    const waiting = this.#options.load().end - last.to.position
    if (out.length >= OUT_MAX || waiting < this.#rowsMax || this.#changedOutside) return
    if (this.#yield.pauses()) return
    // Whatever is in the way, such as a database that has moved, is seen again when nothing is out.
    const next = await this.#next(this.#fold as DatabaseFold, out).catch(() => undefined)
    if (next !== undefined && next !== 'moved') out.push(this.#send(next, new Map()))
  }

  /** What follows what is out; undefined: nothing yet. */
  async #next(fold: DatabaseFold, out: readonly Sent[]): Promise<Batch | 'moved' | undefined> {
    const { context, source } = this.#options
    const before = out[out.length - 1]
    const from = before === undefined ? fold : { mark: before.to, control: before.after }
    const entries = ofRows(
      await source.after(from.mark, this.#rowsMax, context.settings.landBytesMax),
      this.#rowsMax,
    )
    const last = entries[entries.length - 1]
    if (last === undefined) return undefined
    const versions = await this.#versions(fold, out, entries)
    if (versions === undefined) return 'moved'
    return { from, to: markAfter(from.mark.journal, last), entries, versions }
  }

  /** Plans a batch, `rejected` as parked, and sends it. Whoever sent it waits for its result, or for it to settle. */
  #send(batch: Batch, rejected: ReadonlyMap<Version, string>): Sent {
    const { context, judged, hasHistory } = this.#options
    const after = copyControlState(batch.from.control)
    const plan = planLanding({
      control: after,
      entries: batch.entries,
      versionOf: (ref) => batch.versions.get(refId(ref)) ?? ABSENT,
      judged,
      rejected,
      hasHistory,
    })
    const { counts, park, refused } = plan
    const result = this.#land(batch.from.mark, batch.to, plan)
    result.catch(() => undefined)
    return {
      from: batch.from.mark,
      to: batch.to,
      after,
      plan: { counts, park, versionAfter: plan.versionAfter },
      refused: refused.length,
      sentAt: context.clock.monotonic(),
      result,
    }
  }

  /** The database did not take a batch as it was, and nothing is out any more: parks what it rejects. */
  async #settle(sent: Sent, answer: LandResult, signal: AbortSignal): Promise<void> {
    const rejected = new Map<Version, string>()
    let last = sent
    for (let result = answer; ; result = await last.result) {
      switch (result.kind) {
        case 'landed':
          return this.#advance(last, result)
        case 'moved':
          this.#turn.moved(sent.from, result.mark)
          // Another process was first: that is how they share the work, and nothing to tell.
          if (!this.#turn.mine) return void (this.#fold = undefined)
          return this.#reload()
        case 'parked-full':
          return this.#stand(result.bound, signal)
        case 'rejects': {
          this.#takeRejects(rejected, result.rejects)
          const again = await this.#next(this.#fold as DatabaseFold, [])
          if (again === undefined || again === 'moved') return this.#reload()
          last = this.#send(again, rejected)
        }
      }
    }
  }

  #takeRejects(
    rejected: Map<Version, string>,
    rejects: Extract<LandResult, { kind: 'rejects' }>['rejects'],
  ): void {
    const before = rejected.size
    for (const one of rejects) rejected.set(one.version, one.cause)
    if (rejected.size > before) return
    throw new Error(
      `The database rejected the same rows of partition ${this.#options.partition} twice: ${rejects[0]?.cause}`,
    )
  }

  /** Another process lands here: true once it does not any more, and something is left to land. */
  async #takesOver(signal: AbortSignal): Promise<boolean> {
    const { landed, load } = this.#options
    if (load().end <= landed.position) {
      await this.#work.wait(signal)
      return false
    }
    this.#fold = undefined
    this.#yield.begin()
    return this.#turn.comes(signal)
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

  /** Versions that decide conditions, as of when all that is out has landed; undefined: the database has moved. */
  async #versions(
    fold: DatabaseFold,
    out: readonly Sent[],
    entries: readonly PlacedEntry[],
  ): Promise<ReadonlyMap<string, Version> | undefined> {
    const versions = new Map<string, Version>()
    if (this.#options.judged) return versions
    const asked = keysToJudge(entries)
    const refs = asked.filter((ref) => {
      const version = versionAfter(out, ref)
      if (version !== undefined) versions.set(refId(ref), version)
      return version === undefined
    })
    if (refs.length === 0) return versions
    const { position, held } = await this.#options.context.database.read(this.#options.partition, refs)
    // None of these keys is in what is out: they are the same before it, after it and in between.
    if (position !== fold.mark.position && !out.some((one) => one.to.position === position)) return undefined
    refs.forEach((ref, index) => versions.set(refId(ref), held[index]?.version ?? ABSENT))
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

  #advance(sent: Sent, result: Extract<LandResult, { kind: 'landed' }>): void {
    const { context, partition, landed, onLanded } = this.#options
    const { plan, refused, to, after, sentAt } = sent
    const before = this.#fold as DatabaseFold
    const fold = { mark: to, control: after, counts: countsAfter(before.counts, plan, result.cleared) }
    this.#fold = fold
    this.#yield.took(context.clock.monotonic() - sentAt)
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
    onLanded(fold.mark, refused)
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

export function controlOf(fold: FoldSnapshot, ageMax: number): ControlState {
  const control = newControlState(ageMax)
  control.through = fold.mark.position
  for (const [id, at] of [...fold.voids].sort((a, b) => a[1] - b[1])) control.voids.set(id, at)
  for (const [collection, at] of fold.seals) control.seals.set(collection, at)
  return control
}
