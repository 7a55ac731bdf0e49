/**
 * The tail: one process's own reading of one partition's journal.
 *
 *        trimmed      landed          applied to front       read
 *   ───────┼────────────┼──────────────────┼───────────────────┼──────▶ journal
 *          │            └── kept in memory while it fits ──────┘
 *
 * It counts positions, judges what follows from control entries alone (void, sealed), and keeps the newest
 * entries in memory, so that applying and landing need not read them back. Entries come in by one of two ways:
 * own appends that continue it without a gap are taken as they are; everything else is read from the journal.
 * Both go through one queue, so that the tail only ever grows by the next entry.
 *
 * Bounds: `entriesMax` and `bytesMax` of memory; older entries are read from the journal again when asked for.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import type { Mark, PlacedEntry, StoredEntry, WriteEntry } from '../model/entry.ts'
import { advanceControl, judgeControl, markAfter, placeAll, place } from '../model/fold.ts'
import type { ControlState, Verdict } from '../model/fold.ts'
import type { Position } from '../model/position.ts'
import type { JournalRead, JournalReader } from '../ports/journal.ts'
import { PackedEntries } from './packed-entries.ts'

export interface TailEntry extends PlacedEntry {
  /** Undefined where conditions (or nothing) decide. */
  readonly verdict: Verdict | undefined
}

/** Where a tail begins: the database's fold state at a mark. */
export interface TailStart {
  readonly mark: Mark
  readonly control: ControlState
  /** Writes up to `mark` that are neither control entries nor void, as the database counted them. */
  readonly accepted: number
}

export interface TailOptions extends TailStart {
  readonly journal: JournalReader
  readonly partition: number
  /** Of the journal, as its info said. */
  readonly identity: string
  readonly entriesMax: number
  readonly bytesMax: number
  /** Called after the tail grew by entries that were read; whoever appended looks after its own. */
  onGrown(): void
  /** The journal was trimmed past this tail (its process slept): where to begin again, from the database's fold. */
  restart(): Promise<TailStart>
}

/** What is in a slot below the start; nothing reads it. */
const GONE = undefined as unknown as TailEntry
/** Of what is packed together: it is unpacked together too. */
const RUN_ENTRIES_MAX = 128
const RUN_BYTES_MAX = 256 * 1024
const READ_LIMITS = { entriesMax: 2_000, bytesMax: 8 * 2 ** 20 }

export class Tail {
  readonly #options: TailOptions
  #control: ControlState
  #mark: Mark
  /** The mark right before the first kept entry. */
  #keptFrom: Mark
  /** What the front of this process has, and landing still needs: before what is in #kept. */
  readonly #packed = new PackedEntries()
  #kept: TailEntry[] = []
  /** Index in #kept of the first entry that still counts; shifting one by one would be quadratic. */
  #start = 0
  #bytes = 0
  #accepted: number
  #queue: Promise<void> = Promise.resolve()
  #queued = 0

  constructor(options: TailOptions) {
    this.#options = options
    this.#control = options.control
    this.#mark = options.mark
    this.#keptFrom = options.mark
    this.#accepted = options.accepted
  }

  /** Folded up to `mark`. */
  get control(): ControlState {
    return this.#control
  }

  /** How far this process has read. */
  get mark(): Mark {
    return this.#mark
  }

  get position(): Position {
    return this.#mark.position
  }

  /** Writes up to here that are neither control entries nor void. */
  get accepted(): number {
    return this.#accepted
  }

  /** How much of its memory is used, where `bytesMax` is its own bound or a smaller one; 0 to 1. */
  filled(bytesMax: number): number {
    const entries = this.#count / this.#options.entriesMax
    return Math.max(entries, this.#size / Math.min(bytesMax, this.#options.bytesMax))
  }

  /** Takes own appended entries, in order; resolves once the tail includes them. */
  async take(own: readonly StoredEntry[]): Promise<readonly PlacedEntry[]> {
    return this.takeNow(own) ?? this.#takeLater(own)
  }

  /** The same where nothing comes in between: at once. Undefined: not so. */
  takeNow(own: readonly StoredEntry[]): readonly PlacedEntry[] | undefined {
    return this.#queued === 0 && this.#continues(own[0]) ? this.#push(own) : undefined
  }

  #takeLater(own: readonly StoredEntry[]): Promise<readonly PlacedEntry[]> {
    return this.#enqueue(async () => {
      const first = own[0]
      if (first === undefined) return []
      if (this.#continues(first)) return this.#push(own)
      await this.#readUntil(own[own.length - 1]?.offset ?? 0)
      const offsets = new Set(own.map((stored) => stored.offset))
      return this.#kept.slice(this.#start).filter((entry) => offsets.has(entry.offset))
    })
  }

  /** Reads what the journal has; true when it grew. `toOffset` asks for at least that far. */
  read(toOffset = 0): Promise<boolean> {
    return this.#enqueue(async () => {
      const before = this.#mark.offset
      await this.#readUntil(toOffset)
      return this.#mark.offset > before
    })
  }

  /**
   * Entries right after `from`, at most so many and (about) so many bytes, from memory where they are kept, else
   * from the journal. Empty when `from` is where the tail ends. Never goes past the tail.
   */
  async after(from: Mark, entriesMax: number, bytesMax: number): Promise<readonly PlacedEntry[]> {
    if (from.position >= this.#mark.position) return []
    if (from.position >= this.#keptFrom.position && from.position < Number(this.#packed.end))
      return this.#packed.after(from.position, entriesMax, bytesMax)
    if (from.position >= this.#keptFrom.position)
      return limit(this.#kept, this.#indexAfter(from.position), entriesMax, bytesMax)
    const { entries } = await this.#options.journal.read(this.#options.partition, from.offset, {
      entriesMax,
      bytesMax,
    })
    return placeAll(from.position, entries).filter((placed) => placed.last <= this.#mark.position)
  }

  /** The verdict by control entries of an entry at this position, if it is still in memory. */
  find(first: Position): TailEntry | undefined {
    const index = this.#indexAfter((first - 1) as Position)
    const entry = this.#kept[index]
    return entry?.first === first ? entry : undefined
  }

  /**
   * The front of this process has applied all that is here, and its verdicts are told: only landing needs it now. It
   * is not found any more; who asks for a verdict all the same settles it.
   */
  pack(): void {
    const kept = this.#kept
    for (let at = this.#start; at < kept.length;) {
      const from = this.#packed.end ?? this.#keptFrom.position
      const isOne = at === 0 && kept.length <= RUN_ENTRIES_MAX && this.#bytes <= RUN_BYTES_MAX
      const run = isOne ? kept : limit(kept, at, RUN_ENTRIES_MAX, RUN_BYTES_MAX)
      at += run.length
      this.#packed.push(from, run, this.markOf(run[run.length - 1] as TailEntry))
    }
    this.#kept = []
    this.#start = 0
    this.#bytes = 0
  }

  /** The mark right after an entry: what a store stands at when it has folded up to it. */
  markOf(placed: PlacedEntry): Mark {
    // Most often it is where the tail ends, whose digest is known; and the same object is compared in one step.
    if (placed.last === this.#mark.position && placed.offset === this.#mark.offset) return this.#mark
    return markAfter(this.#options.identity, placed)
  }

  #enqueue<T>(step: () => Promise<T>): Promise<T> {
    this.#queued += 1
    const run = this.#queue.then(step).finally(() => {
      this.#queued -= 1
    })
    this.#queue = run.then(
      () => undefined,
      () => undefined,
    )
    return run
  }

  #continues(stored: StoredEntry | undefined): boolean {
    if (stored === undefined) return true
    return stored.offset === this.#mark.offset + 1
  }

  async #readUntil(offset: number): Promise<void> {
    for (;;) {
      const { entries, atEnd } = await this.#next()
      if (this.#push(entries).length > 0) this.#options.onGrown()
      if (this.#mark.offset >= offset && (offset > 0 || atEnd)) return
      if (entries.length === 0) {
        throw new SpillwayError(
          'unavailable',
          `The journal did not give the entries up to offset ${offset} of partition ${this.#options.partition}; retry.`,
        )
      }
    }
  }

  async #next(): Promise<JournalRead> {
    const { journal, partition } = this.#options
    try {
      return await journal.read(partition, this.#mark.offset, READ_LIMITS)
    } catch (error) {
      if (!isSpillwayError(error, 'journal-mismatch')) throw error
      const { mark, control, accepted } = await this.#options.restart()
      // The database must be further than this tail, or entries are missing that nobody has: stop there.
      if (mark.offset <= this.#mark.offset) throw error
      this.#mark = mark
      this.#control = control
      this.#accepted = accepted
      this.#keptFrom = mark
      this.#packed.clear()
      this.#kept = []
      this.#start = 0
      this.#bytes = 0
      return journal.read(partition, mark.offset, READ_LIMITS)
    }
  }

  #push(stored: readonly StoredEntry[]): PlacedEntry[] {
    const placedAll: PlacedEntry[] = []
    let last: PlacedEntry | undefined
    for (const one of stored) {
      if (one.offset <= this.#mark.offset && this.#mark.offset > 0) continue
      const { offset, entry: what, first, last: lastPosition } = place(this.#control.through, one)
      const entry: { -readonly [field in keyof TailEntry]: TailEntry[field] } = {
        offset,
        entry: what,
        first,
        last: lastPosition,
        verdict: undefined,
      }
      const verdict = judgeControl(this.#control, entry)
      entry.verdict = verdict
      advanceControl(this.#control, entry)
      this.#kept.push(entry)
      this.#bytes += weigh(entry)
      if (one.entry.kind === 'write' && verdict?.kind !== 'void') this.#accepted += one.entry.writes.length
      placedAll.push(entry)
      last = entry
    }
    if (last !== undefined) {
      this.#mark = markAfter(this.#options.identity, last)
      this.#shrink()
    }
    return placedAll
  }

  get #count(): number {
    return this.#packed.entries + this.#kept.length - this.#start
  }

  get #size(): number {
    return this.#packed.bytes + this.#bytes
  }

  #shrink(): void {
    const { entriesMax, bytesMax } = this.#options
    while (this.#count > entriesMax || this.#size > bytesMax) {
      const packed = this.#packed.dropOldest()
      if (packed !== undefined) {
        this.#keptFrom = packed
        continue
      }
      const oldest = this.#kept[this.#start]
      if (oldest === undefined) break
      this.#drop(oldest)
      // Only the last one's mark is needed, but more than one is hardly ever dropped.
      this.#keptFrom = this.markOf(oldest)
    }
    this.#compact()
  }

  /** Forgets entries up to a position that every store has; they will not be asked for again. */
  forget(upTo: Position): void {
    const packed = this.#packed.forget(upTo)
    if (packed !== undefined) this.#keptFrom = packed
    if (this.#packed.entries > 0) return
    let dropped: TailEntry | undefined
    for (;;) {
      const entry = this.#kept[this.#start]
      if (entry === undefined || entry.last > upTo) break
      dropped = entry
      this.#drop(entry)
    }
    if (dropped !== undefined) this.#keptFrom = this.markOf(dropped)
    this.#compact()
  }

  /** The slot is emptied at once: until the array is compacted it must not hold the entry's values. */
  #drop(first: TailEntry): void {
    this.#bytes -= weigh(first)
    this.#kept[this.#start] = GONE
    this.#start += 1
  }

  #compact(): void {
    // What is left in the array holds its values: at most as many as count, and none once all has landed.
    if (this.#start === this.#kept.length || (this.#start > 64 && this.#start * 2 > this.#kept.length)) {
      this.#kept = this.#kept.slice(this.#start)
      this.#start = 0
    }
  }

  /** Index in #kept of the first entry whose first position is above `at`. */
  #indexAfter(at: Position): number {
    let low = this.#start
    let high = this.#kept.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#kept[middle] as TailEntry).first > at) high = middle
      else low = middle + 1
    }
    return low
  }
}

function limit(
  entries: readonly TailEntry[],
  start: number,
  entriesMax: number,
  bytesMax: number,
): readonly PlacedEntry[] {
  let bytes = 0
  let end = start
  while (end < entries.length && end - start < entriesMax) {
    bytes += weigh(entries[end] as TailEntry)
    if (bytes > bytesMax && end > start) break
    end += 1
  }
  return entries.slice(start, end)
}

/** Bytes that an entry is counted as: its values and keys, and a fixed share for the objects around them. */
export function weigh(placed: PlacedEntry): number {
  if (placed.entry.kind !== 'write') return 200
  return 200 + bytesOfWrites(placed.entry)
}

export function bytesOfWrites(entry: WriteEntry): number {
  let bytes = 0
  for (const write of entry.writes)
    bytes += write.key.length + write.collection.length + (write.value?.bytes.byteLength ?? 0)
  return bytes
}
