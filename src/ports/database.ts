/**
 * The database: the SQL store in which every acknowledged write lands.
 *
 * Rows, fold state, counters and the partition's position are one transaction. The position is compared in
 * that transaction: whoever lands from a place where the database no longer is, lands nothing.
 *
 * Failures come in two kinds, and the difference decides whether anything is parked:
 *   `unavailable`  lost connection, busy, locked, read-only, full, deadlock: try again, for ever
 *   `rejects`      the data of single rows is not accepted: those are parked
 */
import type { EntryId, Mark, RecordRef } from '../model/entry.ts'
import type { LedgerCounts } from '../model/ledger.ts'
import type { Position, Version } from '../model/position.ts'
import type { TableSpec } from '../model/table.ts'
import type { Value } from '../model/value.ts'
import type { FoldSnapshot, Held } from './front.ts'

/** A write on its way to a row; `value` undefined deletes. */
export interface LandRow extends RecordRef {
  readonly version: Version
  readonly value: Value | undefined
}

export interface ParkRow extends LandRow {
  readonly cause: string
  /** First position of the frame it belongs to: a frame is parked and retried whole. */
  readonly frame: Position | undefined
}

export interface LandBatch {
  readonly partition: number
  /** Where the database must be; its mark and generation are compared in the transaction. */
  readonly from: Mark
  readonly to: Mark
  /** At most one per key: the newest good one. Sorted by collection, then key bytes. */
  readonly rows: readonly LandRow[]
  /** Every version of collections with history, in journal order. */
  readonly history: readonly LandRow[]
  readonly park: readonly ParkRow[]
  readonly voids: readonly (readonly [EntryId, Position])[]
  readonly seals: readonly (readonly [string, Position])[]
  readonly refused: readonly Position[]
  /** Added to the counters; `parked` is what this batch parks (clearing is counted by the driver). */
  readonly counts: LedgerCounts
}

export type LandResult =
  /**
   * Committed. `cleared` = parked writes that newer good ones in this batch superseded (already counted).
   * `newer` = rows that already had a newer version than the batch brings: an alarm, somebody else writes here.
   */
  | { readonly kind: 'landed'; readonly cleared: number; readonly newer: readonly RecordRef[] }
  /** Rolled back: these rows are not accepted as data (index into `rows` or `history`, every one that was found). */
  | {
      readonly kind: 'rejects'
      readonly rejects: readonly {
        readonly ref: RecordRef
        readonly version: Version
        readonly cause: string
      }[]
    }
  /** Rolled back: the database is somewhere else. */
  | { readonly kind: 'moved'; readonly mark: Mark | undefined }
  /** Rolled back: as many writes or bytes are parked as may be; landing stops until some are resolved. */
  | { readonly kind: 'parked-full'; readonly bound: string }

export interface PartitionRow extends FoldSnapshot {
  readonly partition: number
  /** As `beginGeneration` issued it; the mark may still be in an older one. */
  readonly generation: number
  readonly counts: LedgerCounts
}

export interface ParkedItem extends RecordRef {
  readonly partition: number
  readonly version: Version
  readonly cause: string
  readonly frame: Position | undefined
  readonly attempts: number
  readonly bytes: number
  /** Wall ms since epoch at parking. */
  readonly at: number
}

export interface DatabaseRead {
  /** Of the partition, from the same statement as the rows. */
  readonly position: Position
  /** In the order of the keys: newest of table and parked; version 0 where there is neither. */
  readonly held: readonly Held[]
}

/** A row as `verify` sees it. */
export interface ScannedRow {
  readonly key: string
  readonly version: Version
  readonly value: Value
  /** `unchecked`: no check column, or version 1; `wrong`: the row is not what was landed. */
  readonly check: 'good' | 'wrong' | 'unchecked'
}

export interface Database {
  /** Rows of a batch above which it lands no faster here; undefined: the engine's own bound decides. */
  readonly batchRowsMax?: number
  /**
   * Makes sure of tables and columns (creates our own where it may) and of the journal: one position row a
   * partition. Refuses (`invalid`) tables that cannot be exact, naming the fix.
   */
  prepare(tables: readonly TableSpec[], partitions: number): Promise<void>
  /** All partitions' fold states; empty before the first `begin`. One snapshot. */
  partitions(): Promise<readonly PartitionRow[]>
  /**
   * Issues the first or the next generation for all partitions in one transaction: every position row gets
   * this generation's journal identity and mark. Fails with `moved` if some row is not where `expected` says.
   */
  beginGeneration(
    generation: number,
    marks: readonly Mark[],
    expected: readonly (Mark | undefined)[],
  ): Promise<'begun' | 'moved'>
  snapshot(partition: number): Promise<FoldSnapshot>
  read(partition: number, refs: readonly RecordRef[]): Promise<DatabaseRead>
  /**
   * The lander of a partition may send a batch before the one ahead of it is answered: they are taken in the order in
   * which they were sent. Where they are not, the later one finds the position elsewhere, and time is lost.
   */
  land(batch: LandBatch): Promise<LandResult>
  /** Forgets refused positions up to `upTo`, raises refusedFrom, in one transaction. Only after trimming. */
  forgetRefused(partition: number, upTo: Position): Promise<void>
  parked: {
    list(options: {
      readonly collection?: string
      readonly after?: string
      readonly limit: number
    }): Promise<{ readonly items: readonly ParkedItem[]; readonly next: string | undefined }>
    /** With the parked payload (undefined = a delete) and the row that the table has now. */
    get(
      ref: RecordRef,
    ): Promise<(ParkedItem & { readonly value: Value | undefined; readonly table: Held }) | undefined>
    /**
     * Lands parked writes in one transaction: each deletes its own parked row by key and version first, and
     * does nothing if that affected no row. `superseded`: the table has a newer version.
     */
    retry(
      partition: number,
      rows: readonly { readonly ref: RecordRef; readonly version: Version }[],
    ): Promise<readonly ('landed' | 'superseded' | 'gone' | { readonly rejected: string })[]>
  }
  /** Rows of a collection by key bytes, for verify. */
  scan(
    collection: string,
    after: string | undefined,
    limit: number,
  ): Promise<{ readonly rows: readonly ScannedRow[]; readonly next: string | undefined }>
  /** Collections that have rows (unmapped ones are found in the shared table). */
  collections(): Promise<readonly string[]>
  close(): Promise<void>
}
