/**
 * The journal: the durable, append-only order of writes, per partition. Its append is the acknowledgement.
 *
 * A driver stores entries and gives each an offset that grows inside its partition; it knows nothing of
 * positions, versions or verdicts. What a driver promises about durability is the profile's promise.
 */
import type { Entry, StoredEntry } from '../model/entry.ts'

export interface JournalPartitionInfo {
  /** Tells this journal from any other: changes when its content cannot be the continuation of what was. */
  readonly identity: string
  /** Nothing at or above this offset was trimmed; 1 when nothing ever was. The first entry may stand above it. */
  readonly first: number
  /** Offset of the newest entry; 0 when there never was one. A shared journal may answer late (see `exactEnd`). */
  readonly end: number
}

export interface JournalAppend {
  readonly partition: number
  readonly entries: readonly Entry[]
}

/** Offsets in the order of the entries; growing, not necessarily contiguous. */
export interface JournalAppended {
  readonly partition: number
  readonly offsets: readonly number[]
}

export interface JournalRead {
  readonly entries: readonly StoredEntry[]
  /** True when nothing was kept after the last returned entry at the time of the read. */
  readonly atEnd: boolean
}

export interface JournalReader {
  info(partition: number): Promise<JournalPartitionInfo>
  /**
   * Entries with an offset above `after`, in order, without a gap, up to the limits (at least one entry where
   * there is one). Rejects with `journal-mismatch` when entries right after `after` were trimmed away.
   */
  read(
    partition: number,
    after: number,
    limits: { readonly entriesMax: number; readonly bytesMax: number },
  ): Promise<JournalRead>
  /** The entry at exactly this offset, or undefined (trimmed, or not there). */
  at(partition: number, offset: number): Promise<StoredEntry | undefined>
  /** Forgets entries up to and including `offset`. Idempotent; may keep more than asked. */
  trim(partition: number, offset: number): Promise<void>
  /** Bytes kept, and the bound at which appends are turned away; for status and admission. */
  usage(): Promise<{ readonly bytes: number; readonly bytesMax: number }>
  /**
   * The same of one partition, landed entries with it, for a journal whose `usage` does not count those: what is kept
   * of them has to go before they are why writes are turned away.
   */
  kept?(partition: number): Promise<{ readonly bytes: number; readonly bytesMax: number }>
}

export interface Journal extends JournalReader {
  readonly partitions: number
  /** True when this process is the only appender, so that `info().end` is exact and offsets have no gaps. */
  readonly exclusive: boolean
  /**
   * Groups of partitions that share one commit: appends of one lane are coalesced into one call, lanes are
   * independent. SQLite: one lane; brokers: a lane per partition.
   */
  readonly lanes: number
  laneOf(partition: number): number
  /**
   * Appends all, durably under the profile's promise, entries of a partition in the given order.
   * Rejects with `overloaded` (full; nothing was appended; control entries have a reserve past that bound) or
   * `unavailable` (nothing was appended, for certain); every other failure is unknown: some, all or none of the
   * entries may be there or arrive later. The engine never sends an entry twice.
   */
  append(appends: readonly JournalAppend[]): Promise<readonly JournalAppended[]>
  close(): Promise<void>
}
