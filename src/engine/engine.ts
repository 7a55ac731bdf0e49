/**
 * The engine: one process's view of all partitions, below the public API and above the stores.
 *
 * It admits (bounds, memory, conditions that need a key in the front), hands writes to the shape's write path,
 * serves reads, waits for landing, and ends in order. Everything is in terms of partitions, records and bytes;
 * schemas, JSON and names are the business of the tier above.
 */
import { SpillwayError } from '../errors.ts'
import type { Report } from '../events.ts'
import { withDeadline } from '../kit/clock.ts'
import type { Clock } from '../kit/clock.ts'
import type { Random } from '../kit/random.ts'
import type { RecordRef, Write } from '../model/entry.ts'
import { generationOf } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { TableSpec } from '../model/table.ts'
import type { Database } from '../ports/database.ts'
import type { Front, Held, HeldCopy } from '../ports/front.ts'
import type { FusedFront } from '../ports/fused.ts'
import type { Journal } from '../ports/journal.ts'
import { Admission, WRITE_OVERHEAD_BYTES } from './admit.ts'
import { asked, untilStoresAnswer } from './asked.ts'
import { quietly } from './context.ts'
import type { EngineContext } from './context.ts'
import { DatabaseWatch } from './database-watch.ts'
import { Reader } from './read.ts'
import type { ReadLimits } from './read.ts'
import { parseHandle } from './entry-handle.ts'
import type { EntryHandle } from './entry-handle.ts'
import { DEFAULT_SETTINGS } from './settings.ts'
import type { EngineSettings } from './settings.ts'
import { orAbort, unknownOutcome } from './settle.ts'
import type { Settled } from './settle.ts'
import type { Shape, ShapePartition } from './shape.ts'
import { openFusedShape } from './shape-fused.ts'
import { openSeparateShape } from './shape-separate.ts'
import type { CloseReport, LedgerTotals } from './tier.ts'
import type { WriteOutcome, WriteRequest, Written } from './write-path.ts'

export type Stores =
  | {
      readonly kind: 'separate'
      readonly front: Front
      readonly journal: Journal
      readonly database: Database
    }
  | { readonly kind: 'fused'; readonly fused: FusedFront; readonly database: Database }

export interface EngineOptions {
  readonly stores: Stores
  readonly tables: readonly TableSpec[]
  readonly clock: Clock
  readonly random: Random
  readonly settings?: Partial<EngineSettings>
  readonly report?: Report
  readonly acceptLoss?: boolean
  /** Default true: this process lands. */
  readonly lands?: boolean
  hasHistory?(collection: string): boolean
}

/** How far a write has come when its waiter is answered. */
export type WaitStage = 'journaled' | 'visible' | 'landed'
type Closed = Omit<CloseReport, 'where'>

/** Room that the journal must have for this process to call itself ready: a batch of small writes. */
const JOURNAL_ROOM_BYTES = 64 * 1024

export class Engine {
  readonly context: EngineContext
  readonly shape: Shape
  readonly #reader: Reader
  readonly #admission: Admission
  readonly #lands: boolean
  readonly #watch: DatabaseWatch
  readonly #alone: boolean
  #closed = false
  #closing: Promise<Closed> | undefined
  #readyAt = Number.NEGATIVE_INFINITY

  /** Opens stores that answer; what they lack is made, what does not belong together is refused. */
  static async open(options: EngineOptions): Promise<Engine> {
    const { stores, clock, random } = options
    const settings = { ...DEFAULT_SETTINGS, ...options.settings }
    const context: EngineContext = {
      clock,
      random,
      settings,
      database: stores.database,
      report: quietly(options.report),
    }
    const lands = options.lands ?? true
    const hasHistory = (collection: string): boolean => options.hasHistory?.(collection) ?? false
    const partitions = stores.kind === 'separate' ? stores.journal.partitions : stores.fused.partitions
    await untilStoresAnswer(context, () => stores.database.prepare(options.tables, partitions))
    const shape =
      stores.kind === 'separate'
        ? await openSeparateShape({
            context,
            front: stores.front,
            journal: stores.journal,
            acceptLoss: options.acceptLoss ?? false,
            lands,
            hasHistory,
          })
        : await openFusedShape({
            context,
            fused: stores.fused,
            acceptLoss: options.acceptLoss ?? false,
            lands,
            hasHistory,
          })
    const alone = stores.kind === 'separate' && stores.journal.exclusive
    return new Engine(context, shape, lands, alone)
  }

  private constructor(context: EngineContext, shape: Shape, lands: boolean, alone: boolean) {
    this.context = context
    this.shape = shape
    this.#lands = lands
    this.#alone = alone
    this.#reader = new Reader(context, shape.front, shape.partitions)
    this.#admission = new Admission(context, shape, this.#reader)
    this.#watch = new DatabaseWatch(context, shape, lands)
    shape.start()
    this.#watch.start()
  }

  get partitions(): number {
    return this.shape.partitions.length
  }

  /** Journals writes of one partition as one entry (several = a frame) and waits for its verdict. */
  write(partition: number, writes: readonly Write[], signal?: AbortSignal): Promise<Written> {
    return new Promise((done, failed) => this.begin({ partition, writes, signal }, { done, failed }))
  }

  /** The same for who has something to tell the outcome to: no promise for each write. */
  begin(request: WriteRequest, outcome: WriteOutcome): void {
    if (this.#closed) outcome.failed(closedError())
    else this.#admission.begin(request, outcome)
  }

  /** Records in order; version 0 = absent. */
  get(partition: number, refs: readonly RecordRef[], limits: ReadLimits): Promise<readonly Held[]> {
    if (this.#closed) return Promise.reject(closedError())
    return this.#reader.get(partition, refs, limits)
  }

  /** What `get` would answer, at once, where the front is this process's own memory and holds the key. */
  peek(partition: number, ref: RecordRef): Held | undefined {
    const { front } = this.shape
    if (front.peek === undefined || this.#closed || !this.#partition(partition).gate.open) return undefined
    return front.peek(partition, ref)
  }

  /** The same, copied to `target`; undefined also where it is compressed or has no room there. */
  peekInto(partition: number, ref: RecordRef, target: Uint8Array, at: number): HeldCopy | undefined {
    const { front } = this.shape
    if (front.peekInto === undefined || this.#closed || !this.#partition(partition).gate.open)
      return undefined
    return front.peekInto(partition, ref, target, at)
  }

  /** From the database alone: possibly older than what was acknowledged. */
  async getStale(partition: number, refs: readonly RecordRef[]): Promise<readonly Held[]> {
    return (await asked(this.context.database.read(partition, refs))).held
  }

  async settle(entry: string, signal?: AbortSignal): Promise<Settled & { readonly handle: EntryHandle }> {
    const handle = parseHandle(entry)
    if (handle.partition >= this.partitions) {
      throw new SpillwayError(
        'invalid',
        `The handle names partition ${handle.partition}, and there are ${this.partitions}: it is of another deployment.`,
      )
    }
    const late = (): SpillwayError => unknownOutcome(handle, undefined)
    const settling = withDeadline(
      this.context.clock,
      this.context.settings.waitMs,
      this.shape.settler.settle(handle),
      late,
    )
    const settled = await (signal === undefined ? settling : orAbort(settling, signal, () => handle))
    return { ...settled, handle }
  }

  /** Refuses every later write of the collection; the seal's position in each partition. */
  async seal(collection: string): Promise<readonly Position[]> {
    if (this.#closed) throw closedError()
    const placed = await Promise.all(
      this.shape.partitions.map((_, partition) =>
        this.shape.writes.control(partition, (id) => ({ kind: 'seal', id, collection })),
      ),
    )
    await this.#bounded(this.context.settings.waitMs, undefined, (signal) =>
      Promise.all(placed.map((entry, partition) => this.#partition(partition).reached(entry.last, signal))),
    )
    return placed.map((entry, partition) => this.#partition(partition).sealedAt(collection) ?? entry.first)
  }

  /** Waits until the front has it; the stage reached at the deadline. */
  async visible(
    partition: number,
    position: Position,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<WaitStage> {
    const one = this.#partition(partition)
    const reached = await this.#within(timeoutMs, signal, (until) => one.reached(position, until))
    return reached ? 'visible' : 'journaled'
  }

  /** Waits until the database has it. Rejects with `parked` when it is set aside there. */
  async landed(
    partition: number,
    ref: RecordRef,
    position: Position,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<boolean> {
    const { landed, lander } = this.#partition(partition)
    if (this.#lands) lander.wake()
    const reached = await this.#within(timeoutMs, signal, (until) => landed.reached(position, until))
    if (!reached) return false
    if (this.shape.judged && generationOf(landed.position) > generationOf(position)) {
      await this.#keptByRaise(partition, ref, position)
    }
    if (landed.counts.parked === 0) return true
    const parked = await asked(this.context.database.parked.get(ref))
    if (parked?.version !== position) return true
    throw new SpillwayError(
      'parked',
      `The database does not accept version ${position} of ${ref.collection}/${ref.key}: ${parked.cause}. See \`spillway parked\`.`,
    )
  }

  /** A raise may have lost the tail of the generation before: then a position behind it says nothing of this write. */
  async #keptByRaise(partition: number, ref: RecordRef, position: Position): Promise<void> {
    const { held } = await asked(this.context.database.read(partition, [ref]))
    if ((held[0]?.version ?? 0) >= position) return
    throw new SpillwayError(
      'outcome-unknown',
      `The store lost the end of its journal after version ${position} of ${ref.collection}/${ref.key} was acknowledged; the write may be lost. Read the record.`,
    )
  }

  /** Makes the front forget a landed key. Waits for its landing; `catching-up` when that takes too long. */
  async invalidate(partition: number, ref: RecordRef): Promise<void> {
    const one = this.#partition(partition)
    await this.#bounded(this.context.settings.waitMs, undefined, async (until) => {
      for (;;) {
        await one.landed.reached(one.end, until)
        const seen = await asked(this.shape.front.state(partition))
        if (await asked(this.shape.front.invalidate(partition, seen.identity, ref, one.landed.position)))
          return
        until.throwIfAborted()
        await this.context.clock.sleep(this.context.settings.retryBaseMs, until)
      }
    })
  }

  /** Rejects with the reason when a write would not be taken now. */
  async ready(): Promise<void> {
    if (this.#closed) throw closedError()
    const { clock, settings } = this.context
    const usage = await asked(this.shape.journal.usage())
    if (usage.bytes + JOURNAL_ROOM_BYTES > usage.bytesMax)
      throw new SpillwayError(
        'overloaded',
        `The journal is full (journalBytesMax = ${usage.bytesMax}); it shrinks as writes land.`,
      )
    if (!this.shape.front.reserve(WRITE_OVERHEAD_BYTES)) {
      throw new SpillwayError(
        'overloaded',
        `The front is full of writes that have not landed (frontBytesMax = ${this.shape.front.usage().bytesMax}).`,
      )
    }
    this.shape.front.unreserve(WRITE_OVERHEAD_BYTES)
    const now = clock.monotonic()
    if (now - this.#readyAt < settings.confirmMs) return
    await withDeadline(clock, settings.waitMs, asked(this.shape.probe()))
    this.#readyAt = clock.monotonic()
  }

  /** Stops taking writes, waits for those on their way, lands what fits in the time, ends all loops and stores. */
  close(drainMs: number): Promise<Closed> {
    this.#closing ??= this.#close(drainMs)
    return this.#closing
  }

  async #close(drainMs: number): Promise<Closed> {
    this.#closed = true
    const { shape, context } = this
    await shape.writes.idle()
    if (this.#lands) {
      await this.#within(drainMs, undefined, async (until) => {
        // It may have gone back while nothing was to land: then there is something.
        await this.#watch.look()
        for (const one of shape.partitions) one.lander.wake()
        await Promise.all(shape.partitions.map((one) => one.landed.reached(one.end, until)))
      }).catch(() => false)
    }
    shape.writes.close()
    await this.#watch.stop()
    await shape.stop()
    // What is left is counted from what the database has now.
    const confirmed = await this.#watch.look()
    const pending = this.pending()
    await shape.close()
    await context.database.close()
    return { pending, confirmed }
  }

  /** Asks the database before it is said that nothing is pending: it may have gone back. False: it does not answer. */
  confirmLanded(): Promise<boolean> {
    return this.pending() > 0 ? Promise.resolve(true) : this.#watch.look()
  }

  /** True when other processes append too, so that a version may be beyond what this process has read. */
  get mayGrowElsewhere(): boolean {
    return !this.#alone
  }

  /** Writes that are journaled, as far as this process knows, and not in the database. */
  pending(): number {
    return this.shape.partitions.reduce((sum, _, partition) => sum + this.pendingOf(partition), 0)
  }

  pendingOf(partition: number): number {
    return this.ledgerOf(partition).pending
  }

  /** At the end of the journal as this process knows it, against the database's counters. */
  ledgerOf(partition: number): LedgerTotals {
    const { accepted: journaled, landed } = this.#partition(partition)
    const { landed: rows, superseded, refused, parked } = landed.counts
    const done = rows + superseded + refused + parked
    const accepted = Math.max(journaled, done)
    return { accepted, landed: rows, superseded, refused, parked, pending: accepted - done }
  }

  /** Age of the oldest write that has not landed. */
  lagMs(partition: number): number {
    const one = this.#partition(partition)
    return one.lag.ms(one.landed.position, one.end)
  }

  /** The database's counters changed outside of landing (a parked write was retried): reads them again. */
  async refreshLanded(partition: number): Promise<void> {
    const one = this.#partition(partition)
    const rows = await asked(this.context.database.partitions())
    const row = rows.find((each) => each.partition === partition)
    if (row !== undefined) one.landed.note(row.mark.position, row.counts)
    one.lander.refresh()
  }

  #partition(partition: number): ShapePartition {
    return this.shape.partitions[partition] as ShapePartition
  }

  /** True when the work was done in time, false at the deadline; other failures reject. */
  async #within(
    timeoutMs: number,
    signal: AbortSignal | undefined,
    work: (until: AbortSignal) => Promise<unknown>,
  ): Promise<boolean> {
    const deadline = new SpillwayError('catching-up', `Not reached within ${timeoutMs} ms.`)
    try {
      await withDeadline(
        this.context.clock,
        timeoutMs,
        (until) => work(signal === undefined ? until : AbortSignal.any([until, signal])),
        () => deadline,
      )
      return true
    } catch (error) {
      if (error === deadline) return false
      throw error
    }
  }

  async #bounded<T>(
    timeoutMs: number,
    signal: AbortSignal | undefined,
    work: (until: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return withDeadline(
      this.context.clock,
      timeoutMs,
      (until) => work(signal === undefined ? until : AbortSignal.any([until, signal])),
      () => new SpillwayError('catching-up', `The front did not get there within ${timeoutMs} ms; retry.`),
    )
  }
}

function closedError(): SpillwayError {
  return new SpillwayError('closed', 'This process is ending and takes nothing any more; use another one.')
}
