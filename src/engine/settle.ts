/**
 * Settling: turns "may or may not have happened" into an answer that holds for ever.
 *
 *   known end ──────── … entry? … ──────── void ──▶
 *        └── read without a gap ────────────┘
 *
 * A void entry that names the unknown one is appended, and the journal is read from the entry's known end up to
 * it. Entry first: it is judged as everybody judges it. Void first: it never counts, whenever it still arrives.
 * No clock decides anything. Where the journal was trimmed past the known end nobody can say any more, and the
 * answer stays `outcome-unknown`.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import type { PlacedEntry } from '../model/entry.ts'
import { digestOf, place } from '../model/fold.ts'
import { generationOf } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { FrontReads } from '../ports/front.ts'
import type { JournalReader } from '../ports/journal.ts'
import type { EngineContext } from './context.ts'
import type { EntryHandle } from './entry-handle.ts'
import { formatHandle } from './entry-handle.ts'
import type { WritePath } from './write-path.ts'

export type Settled =
  | { readonly kind: 'applied'; readonly first: Position; readonly stage: 'journaled' | 'visible' }
  | { readonly kind: 'refused'; readonly code: 'sealed' | 'version-mismatch' }
  | { readonly kind: 'void' }

export interface SettlerOptions {
  readonly context: EngineContext
  readonly journal: JournalReader
  readonly front: FrontReads
  readonly writes: Pick<WritePath, 'control'>
  /** True where only judged entries enter the journal (fused). */
  readonly judged: boolean
  /** Where a collection was sealed in this partition, as far as this process has read. */
  sealedAt(partition: number, collection: string): Position | undefined
  /** Makes the front reach a position, bounded in time. */
  reach(partition: number, position: Position): Promise<void>
}

const READ_LIMITS = { entriesMax: 2_000, bytesMax: 8 * 2 ** 20 }

export class Settler {
  readonly #options: SettlerOptions

  constructor(options: SettlerOptions) {
    this.#options = options
  }

  /** The outcome, or a rejection with `outcome-unknown` (same handle) where it cannot be learned now. */
  async settle(handle: EntryHandle): Promise<Settled> {
    try {
      const end = await this.#options.writes.control(handle.partition, (id) => ({
        kind: 'void',
        id,
        target: handle.id,
      }))
      const found = await this.#find(handle, end)
      if (found === undefined) return { kind: 'void' }
      return await this.#judge(handle, found)
    } catch (error) {
      if (isSpillwayError(error, 'internal')) throw error
      throw unknownOutcome(handle, error)
    }
  }

  /** The entry's place, if it stands before every void of it. */
  async #find(handle: EntryHandle, end: PlacedEntry): Promise<PlacedEntry | undefined> {
    let through = handle.knownEnd
    let offset = handle.knownOffset
    await this.#compare(handle)
    while (offset < end.offset) {
      const { entries } = await this.#options.journal.read(handle.partition, offset, READ_LIMITS)
      for (const stored of entries) {
        const placed = place(through, stored)
        if (placed.entry.kind === 'void' && placed.entry.target === handle.id) return undefined
        if (placed.entry.id === handle.id) return placed
        through = placed.last
        offset = placed.offset
      }
      if (entries.length === 0) {
        throw new SpillwayError(
          'unavailable',
          'The journal did not give the entries up to the void that was appended; retry.',
        )
      }
    }
    return undefined
  }

  /** Without the entry at the known end nothing tells that this is the journal in which the other was sent. */
  async #compare(handle: EntryHandle): Promise<void> {
    if (handle.knownOffset === 0) return
    const known = await this.#options.journal.at(handle.partition, handle.knownOffset)
    if (
      known !== undefined &&
      digestOf(known.entry, generationOf(handle.knownEnd), known.offset) === handle.knownDigest
    )
      return
    throw unknownOutcome(handle, undefined)
  }

  async #judge(handle: EntryHandle, placed: PlacedEntry): Promise<Settled> {
    const { entry } = placed
    if (entry.kind !== 'write')
      throw new SpillwayError('internal', `Entry ${handle.id} is no write. Please report this.`)
    if (this.#options.judged) return { kind: 'applied', first: placed.first, stage: 'visible' }
    if (generationOf(entry.knownEnd) < generationOf(placed.first)) return { kind: 'void' }
    if (placed.first - entry.knownEnd > this.#options.context.settings.ageMax) return { kind: 'void' }
    for (const write of entry.writes) {
      const sealedAt = this.#options.sealedAt(handle.partition, write.collection)
      if (sealedAt !== undefined && sealedAt < placed.first) return { kind: 'refused', code: 'sealed' }
    }
    // Readers see it once the front is there; where that takes too long it is durable all the same.
    const reached = await this.#options.reach(handle.partition, placed.last).then(
      () => true,
      () => false,
    )
    if (!handle.conditional)
      return { kind: 'applied', first: placed.first, stage: reached ? 'visible' : 'journaled' }
    return this.#judgeCondition(handle, placed, reached)
  }

  /** Conditions were judged by whoever folded the entry; the front or the database still knows. */
  async #judgeCondition(handle: EntryHandle, placed: PlacedEntry, reached: boolean): Promise<Settled> {
    const { front, context } = this.#options
    const { first, last } = placed
    const asked = reached ? await front.refused(handle.partition, [first]).catch(() => undefined) : undefined
    const through = asked?.seen.mark?.position
    if (asked !== undefined && through !== undefined && through >= last) {
      if (asked.refused[0] === true) return MISMATCHED
      if (asked.seen.refusedFrom < first) return { kind: 'applied', first, stage: 'visible' }
    }
    const fold = await context.database.snapshot(handle.partition)
    if (fold.refused.includes(first)) return MISMATCHED
    if (fold.mark.position >= last && fold.refusedFrom < first)
      return { kind: 'applied', first, stage: 'journaled' }
    throw unknownOutcome(handle, undefined)
  }
}

const MISMATCHED: Settled = { kind: 'refused', code: 'version-mismatch' }

export function unknownOutcome(handle: EntryHandle, cause: unknown): SpillwayError {
  return new SpillwayError(
    'outcome-unknown',
    `The write of ${handle.writes === 1 ? 'this record' : 'this frame'} was sent and its outcome could not be learned; settle its entry.`,
    { cause, entry: formatHandle(handle) },
  )
}

/** The caller may give up waiting; what was sent is then unknown to it, and the entry's handle is its answer. */
export function orAbort<T>(work: Promise<T>, signal: AbortSignal, handle: () => EntryHandle): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(unknownOutcome(handle(), signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
