/**
 * Moves the front of one partition along the journal, and tells writers what became of their entries.
 *
 *            tail grew                 all applied
 *   idle ─────────────────▶ applying ───────────────▶ idle
 *                            │  ▲
 *            turned away ────┤  ├── read the journal up to where the front is (somebody else applied)
 *            needs fill  ────┤  ├── fill from the database, then the rest
 *            missing     ────┤  ├── start the front at the database's fold state
 *            no answer   ────┘  └── ask where it stands; compare-and-advance makes a second apply harmless
 *
 * Anyone may apply: two processes that do so at once cannot hurt each other, because the front takes only what
 * begins exactly where it stands. An entry that somebody else applied has the same verdict: void and sealed
 * follow from the journal alone, and a failed condition from the refused positions that the front keeps.
 *
 * Bounds: writers waiting here are bounded by admission; a writer waits at most `visibleWaitMs`.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { Backoff } from '../kit/backoff.ts'
import { PositionWaiters } from '../kit/gate.ts'
import type { Mark, PlacedEntry } from '../model/entry.ts'
import { APPLIED, MISMATCH, isConditional } from '../model/fold.ts'
import type { Verdict } from '../model/fold.ts'
import { ORIGIN } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { ApplyResult, DropUpTo, Front, FrontSeen } from '../ports/front.ts'
import type { EngineContext } from './context.ts'
import type { Gate } from './gate.ts'
import { markProblem } from './mark.ts'
import type { ComparableJournal } from './mark.ts'
import { Outage } from './outage.ts'
import type { Tail } from './tail.ts'

/** What a writer learns: a verdict, `late` (not applied in time) or `forgotten` (applied, verdict no longer known). */
export type AppliedOutcome = Verdict | { readonly kind: 'late' } | { readonly kind: 'forgotten' }

interface Waiting {
  readonly placed: PlacedEntry
  readonly since: number
  readonly resolve: (outcome: AppliedOutcome) => void
}

const APPLY_BYTES_MAX = 8 * 2 ** 20

export interface ApplierOptions {
  readonly context: EngineContext
  readonly partition: number
  readonly front: Front
  readonly journal: ComparableJournal
  readonly tail: Tail
  readonly gate: Gate
  /** Called whenever the front is known to have moved, or to be away. */
  onChange(): void
}

export class Applier {
  readonly #options: ApplierOptions
  readonly #backoff: Backoff
  readonly #outage: Outage
  readonly #stop = new AbortController()
  readonly #reached = new PositionWaiters({ name: 'the front', waitersMax: 100_000 })
  /** Own entries that wait for their verdict, in journal order. */
  #waiting: Waiting[] = []
  #seen: FrontSeen | undefined
  /** The mark of the front is proven to be of this journal. */
  #proven = false
  #drop: DropUpTo | undefined
  #running = false
  /** Woken while a step was out: what that step saw may be old. */
  #again = false
  #ended: Promise<void> = Promise.resolve()
  #sweeping = false

  constructor(options: ApplierOptions) {
    this.#options = options
    const { clock, random, settings } = options.context
    this.#outage = new Outage({
      report: options.context.report,
      store: 'front',
      partition: options.partition,
    })
    this.#backoff = new Backoff({
      clock,
      random,
      baseMs: settings.retryBaseMs,
      pauseMsMax: settings.retryMsMax,
    })
  }

  /** Where the front is known to stand; undefined before its first answer. */
  get through(): Position | undefined {
    return this.#seen?.mark?.position
  }

  get identity(): string | undefined {
    return this.#seen?.identity
  }

  /** True while the front does not answer. */
  get away(): boolean {
    return this.#backoff.failures > 2
  }

  /** The verdict of an own entry, once the front has applied it; bounded by `visibleWaitMs`. */
  outcome(placed: PlacedEntry): Promise<AppliedOutcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ placed, since: this.#options.context.clock.monotonic(), resolve })
      this.wake()
      this.#sweepLater()
    })
  }

  /**
   * Own entries that the tail has just taken, right after `from`: applied at once where the front is this process's
   * own memory and stands there. Undefined where it takes more than that; then `outcome` tells their verdicts.
   */
  applyNow(from: Mark, entries: readonly PlacedEntry[]): readonly Verdict[] | undefined {
    const { front, tail, gate, partition } = this.#options
    const seen = this.#seen
    if (front.applyNow === undefined || this.#running || this.#waiting.length > 0) return undefined
    if (seen === undefined || !this.#proven || seen.mark !== from || this.#stop.signal.aborted)
      return undefined
    const drop = this.#drop
    if (drop !== undefined && Number(entries[0]?.first) <= drop.position) return undefined
    const sent = gate.through
    const to = tail.mark
    const result = front.applyNow({ partition, identity: seen.identity, from, to, entries, drop: undefined })
    this.#saw(result.seen, sent)
    if (result.kind !== 'applied') return undefined
    tail.pack()
    return result.verdicts as readonly Verdict[]
  }

  /** Something is to be applied, or to be looked at. */
  wake(): void {
    this.#again = true
    if (this.#running || this.#stop.signal.aborted) return
    this.#running = true
    this.#ended = this.#run()
  }

  /** The front has to be asked where it stands before anything is believed again. */
  distrust(): void {
    this.#seen = undefined
    this.#proven = false
    this.#reached.retreat(ORIGIN)
    this.wake()
  }

  /** What the database is known to have: entries up to there are dropped, not judged. */
  dropUpTo(drop: DropUpTo): void {
    if (this.#drop === undefined || drop.position > this.#drop.position) this.#drop = drop
    this.wake()
  }

  /** Resolves once the front has reached `position`; rejects when `signal` is aborted. */
  async reached(position: Position, signal: AbortSignal): Promise<void> {
    if ((this.through ?? -1) >= position) return
    const reached = this.#reached.wait(position, signal)
    this.wake()
    await reached
  }

  async stop(): Promise<void> {
    this.#stop.abort(new SpillwayError('closed', 'This process is ending.'))
    this.#reached.close()
    await this.#ended
    for (const waiting of this.#waiting.splice(0)) waiting.resolve({ kind: 'late' })
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stop.signal.aborted) {
        try {
          this.#again = false
          const more = await this.#step()
          this.#backoff.reset()
          this.#outage.answered()
          // Whoever woke it during the step relies on another look: the step may have ended before they came.
          if (!more && !this.#again) return
        } catch (error) {
          if (this.#stop.signal.aborted) return
          this.#outage.failed(error)
          if (!isSpillwayError(error, 'unavailable')) this.#seen = undefined
          if (isSpillwayError(error, 'journal-mismatch')) this.#proven = false
          if (this.away) this.#options.onChange()
          await this.#backoff.pause(this.#stop.signal).catch(() => undefined)
        }
      }
    } finally {
      this.#running = false
    }
  }

  /** One call to the front; true when there may be more to do. */
  async #step(): Promise<boolean> {
    const { tail, front, partition, gate } = this.#options
    const seen = this.#seen ?? (await this.#look())
    const from = seen.mark
    if (from === undefined) return this.#startFront()
    if (!this.#proven && !(await this.#prove(seen, from))) return true
    if (from.position > tail.position) {
      await tail.read(from.offset)
      return true
    }
    const { applyEntriesMax } = this.#options.context.settings
    const entries = await tail.after(from, applyEntriesMax, APPLY_BYTES_MAX)
    const last = entries[entries.length - 1]
    if (last === undefined) {
      // What was read before must be there again: a leader that no longer leads gave less. Ask once more later.
      if (from.position < tail.position)
        throw new SpillwayError('unavailable', 'The journal did not give entries that it has; retry.')
      await this.#settleApplied(seen)
      return false
    }
    const to = tail.markOf(last)
    const sent = gate.through
    const result = await front.apply({
      partition,
      identity: seen.identity,
      from,
      to,
      entries,
      drop: this.#drop,
    })
    await this.#took(result, entries, sent)
    return true
  }

  async #look(): Promise<FrontSeen> {
    const { front, partition, gate } = this.#options
    const sent = gate.through
    const seen = await front.state(partition)
    this.#saw(seen, sent)
    return seen
  }

  /** Takes an answer whose call was sent when the gate had seen `sent`. */
  #saw(seen: FrontSeen, sent: Position): void {
    const before = this.#seen
    const wentBack = seen.mark !== undefined && seen.mark.position < sent
    if (before === undefined || before.identity !== seen.identity || wentBack) this.#proven = false
    this.#seen = seen
    this.#options.gate.admits(seen, sent)
    const through = seen.mark?.position
    this.#reached.retreat(through ?? ORIGIN)
    if (through === undefined) return
    this.#reached.advance(through)
    this.#options.onChange()
  }

  async #took(result: ApplyResult, entries: readonly PlacedEntry[], sent: Position): Promise<void> {
    this.#saw(result.seen, sent)
    if (result.kind === 'turned-away') {
      // Somebody else moved it, or it is another front: look at its own words before the next step.
      if (result.seen.mark !== undefined) await this.#settleApplied(result.seen)
      return
    }
    this.#settleVerdicts(entries, result.verdicts)
    if (result.kind === 'needs-fill') await this.#fill(result)
  }

  /** Fills what an entry's condition needs; where the database is further than the front, its position is dropped up to. */
  async #fill(result: Extract<ApplyResult, { kind: 'needs-fill' }>): Promise<void> {
    const { front, partition, context, gate } = this.#options
    const through = result.seen.mark?.position
    const read = await context.database.read(partition, result.missing)
    if (through !== undefined && read.position > through) {
      this.#drop = await context.database.snapshot(partition).then(dropOf)
      return
    }
    const rows = result.missing.map((ref, index) => ({
      ...ref,
      held: read.held[index] ?? { version: 0 as Position, value: undefined },
    }))
    const sent = gate.through
    const filled = await front.fill(partition, result.seen.identity, read.position, rows)
    this.#saw(filled.seen, sent)
    if (filled.noRoom === true || filled.held.some((held) => held === undefined)) {
      throw new SpillwayError(
        'unavailable',
        `The front of partition ${partition} has no room for a fill, or released more than has landed; landing mends both.`,
      )
    }
  }

  /** A missing front starts at the database's position with the rest of the fold state. */
  async #startFront(): Promise<boolean> {
    const { front, partition, context } = this.#options
    const fold = await context.database.snapshot(partition)
    const seen = await front.start(partition, fold)
    // A process's own memory is empty at every start; of a store that others use it is worth a word.
    if (front.shared) context.report({ name: 'front-restarted', partition })
    this.#saw(seen, ORIGIN)
    return true
  }

  /** The front's mark must be of this journal and still be continued by it; else the front's partition is discarded. */
  async #prove(seen: FrontSeen, mark: Mark): Promise<boolean> {
    const { journal, front, partition, context } = this.#options
    const snapshot = await context.database.snapshot(partition).catch(() => undefined)
    if (snapshot !== undefined && snapshot.mark.position > mark.position) this.#drop = dropOf(snapshot)
    const good = (await markProblem(context, journal, partition, mark)) === undefined
    if (!good) {
      this.#saw(await front.discard(partition, seen.identity), ORIGIN)
      return false
    }
    this.#proven = true
    return true
  }

  /** Both lists are in journal order: one walk through them. */
  #settleVerdicts(entries: readonly PlacedEntry[], verdicts: readonly (Verdict | undefined)[]): void {
    const waiting = this.#waiting
    let kept = 0
    let at = 0
    for (let index = 0; index < waiting.length; index += 1) {
      const one = waiting[index] as Waiting
      while (at < verdicts.length && (entries[at] as PlacedEntry).first < one.placed.first) at += 1
      if (at < verdicts.length && (entries[at] as PlacedEntry).first === one.placed.first) {
        one.resolve(verdicts[at] ?? this.#droppedVerdict(one.placed))
      } else {
        waiting[kept] = one
        kept += 1
      }
    }
    waiting.length = kept
  }

  /** The database judged it: refused if it says so, else what control entries say, else applied. */
  #droppedVerdict(entry: PlacedEntry): AppliedOutcome {
    const found = this.#options.tail.find(entry.first)
    if (found?.verdict !== undefined) return found.verdict
    const drop = this.#drop
    if (drop === undefined || found === undefined) return { kind: 'forgotten' }
    if (drop.refused.includes(entry.first)) return MISMATCH
    if (entry.entry.kind === 'write' && isConditional(entry.entry) && entry.first <= drop.refusedFrom)
      return { kind: 'forgotten' }
    return APPLIED
  }

  /** Verdicts of own entries that the front has passed without this process applying them. */
  async #settleApplied(seen: FrontSeen): Promise<void> {
    const through = seen.mark?.position
    if (through === undefined) return
    const passed = this.#waiting.filter((waiting) => waiting.placed.last <= through)
    if (passed.length === 0) return
    const { front, partition, tail } = this.#options
    const answer = await front.refused(
      partition,
      passed.map((waiting) => waiting.placed.first),
    )
    const reached = answer.seen.mark?.position
    const same = answer.seen.identity === seen.identity
    for (const [index, waiting] of passed.entries()) {
      if (!same || reached === undefined || reached < waiting.placed.last) continue
      const at = this.#waiting.indexOf(waiting)
      if (at < 0) continue
      this.#waiting.splice(at, 1)
      waiting.resolve(this.#verdictOf(waiting.placed, answer.refused[index] === true, answer.seen, tail))
    }
  }

  #verdictOf(placed: PlacedEntry, refused: boolean, seen: FrontSeen, tail: Tail): AppliedOutcome {
    const found = tail.find(placed.first)
    if (found === undefined) return { kind: 'forgotten' }
    if (found.verdict !== undefined) return found.verdict
    if (refused) return MISMATCH
    const conditional = placed.entry.kind === 'write' && isConditional(placed.entry)
    return conditional && placed.first <= seen.refusedFrom ? { kind: 'forgotten' } : APPLIED
  }

  #sweepLater(): void {
    if (this.#sweeping) return
    this.#sweeping = true
    const { clock, settings } = this.#options.context
    clock.after(settings.visibleWaitMs, () => this.#sweep(), { unref: true })
  }

  #sweep(): void {
    this.#sweeping = false
    const { clock, settings } = this.#options.context
    const before = clock.monotonic() - settings.visibleWaitMs
    const late = this.#waiting.filter((waiting) => waiting.since <= before)
    this.#waiting = this.#waiting.filter((waiting) => waiting.since > before)
    for (const waiting of late) waiting.resolve({ kind: 'late' })
    if (this.#waiting.length > 0) this.#sweepLater()
  }
}

export function dropOf(snapshot: {
  readonly mark: Mark
  readonly refused: readonly Position[]
  readonly refusedFrom: Position
}): DropUpTo {
  return { position: snapshot.mark.position, refused: snapshot.refused, refusedFrom: snapshot.refusedFrom }
}
