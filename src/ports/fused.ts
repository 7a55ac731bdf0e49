/**
 * A fused front-journal: one store whose single atomic call judges, appends and applies.
 *
 * Rules that collapse here: there are no gaps and no late applies (append and apply are one step), refused
 * writes never enter the journal (so the database does not judge again), the end is read exactly, and stream
 * ids carry positions (offset = count). What remains: an unanswered call is unknown and is settled by a void
 * entry; and a failover is a journal that may have lost its tail, so identity and generation are compared in
 * every call, and a difference is `fenced` until recovery has raised the generation.
 */
import type { ControlEntry, OpeningEntry, PlacedEntry, RecordRef, WriteEntry } from '../model/entry.ts'
import type { Position } from '../model/position.ts'
import type { FoldSnapshot, FrontReads, FrontSeen } from './front.ts'
import type { JournalReader } from './journal.ts'

/**
 * What `journal.info().identity` and the marks of a fused store are called: a side of a split that has not seen
 * the last opening has another journal, so that its lander cannot commit.
 */
export function fusedJournalName(generation: number): string {
  return `generation ${generation}`
}

export function isFusedJournalName(journal: string): boolean {
  return /^generation \d+( |$)/.test(journal)
}

/** The opening entry of a generation; the same whoever appends it, so that the database can hold its mark before. */
export function fusedOpening(generation: number): OpeningEntry {
  return { kind: 'opening', id: `opening-${generation}`, generation }
}

export type FusedVerdict =
  /** Judged, appended, applied. */
  | { readonly kind: 'applied'; readonly first: Position; readonly last: Position }
  /** Nothing was appended. */
  | { readonly kind: 'refused'; readonly code: 'sealed' | 'version-mismatch' }
  /** Nothing was appended: void by name, or by age. */
  | { readonly kind: 'void' }
  /** Nothing was appended: fill these first. */
  | { readonly kind: 'needs-fill'; readonly missing: readonly RecordRef[] }

export type FusedWriteResult =
  | { readonly kind: 'written'; readonly seen: FrontSeen; readonly verdicts: readonly FusedVerdict[] }
  /** Identity or generation is not what the caller speaks for: nothing was done. */
  | { readonly kind: 'fenced'; readonly seen: FrontSeen }

/** Entries of one partition, and what their writer speaks for. */
export interface FusedBatch {
  readonly partition: number
  readonly identity: string
  readonly generation: number
  readonly entries: readonly WriteEntry[]
}

export interface FusedFront {
  readonly partitions: number
  /** What this stream is called in a store that can hold several: it outlives the store's memory. */
  readonly place?: string
  /** Whether one `write` takes batches of several partitions; without it, of one. */
  readonly sharesCalls: boolean
  /** Writes of one frame, at most: one call has to judge and append it as a whole. Undefined: as entries can hold. */
  readonly frameWritesMax?: number
  readonly front: FrontReads
  /** Offsets are packed positions of the last write of an entry. */
  readonly journal: JournalReader
  /**
   * Judges and writes the entries of each batch in order, each with its own verdict, if identity and generation
   * match; one batch a partition, and a result for each in the same order. Rejects with `overloaded`/`unavailable`
   * only when nothing happened for certain; any other failure is unknown, and may have happened for some of them.
   */
  write(batches: readonly FusedBatch[]): Promise<readonly FusedWriteResult[]>
  /** Appends a control entry (void, seal, marker); same failures as `write`. */
  control(
    partition: number,
    identity: string,
    generation: number,
    entry: ControlEntry,
  ): Promise<
    | { readonly kind: 'written'; readonly seen: FrontSeen; readonly placed: PlacedEntry }
    | { readonly kind: 'fenced'; readonly seen: FrontSeen }
  >
  /**
   * Says whose stream this store holds: `owner` if nobody's name stands there, or always with `force`. The answer is
   * the name that stands now. It goes with the store's memory.
   */
  claim(owner: string, force: boolean): Promise<string>
  /**
   * Closes the partition to writers of older generations, before a raise compares stream and database: the fence
   * becomes `generation` if it is lower; nothing is appended, and nothing can be until `openGeneration`. The
   * answer is the fence that stands now: above `generation`, another process raises further.
   */
  fence(partition: number, generation: number): Promise<number>
  /**
   * Opens a generation: appends its opening entry and stores the present identity; keeps values only if
   * `keep` says that the stream was proven to continue the database's position, else empties the partition
   * and starts it at `fold`. Compare-and-advance: does nothing unless `identity` answers (the store whose stream was
   * compared), the fence is this very generation and it is not open yet; the mark in the answer tells.
   */
  openGeneration(
    partition: number,
    identity: string,
    generation: number,
    keep: boolean,
    fold: FoldSnapshot,
  ): Promise<FrontSeen>
}
