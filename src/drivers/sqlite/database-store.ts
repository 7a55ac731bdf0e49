/**
 * What a database connection does, synchronously, in its worker thread.
 *
 * Landing
 *
 *   BEGIN IMMEDIATE ─▶ batch 1 ─▶ batch 2 ─▶ … ─▶ COMMIT        batches of different partitions share one fsync
 *                      │ position row: compare and advance ──▶ elsewhere: `moved`, rolled back
 *                      │ rows, parked, history, voids, seals, refused
 *                      └ a row is not accepted ─▶ go on and find all of them ─▶ `rejects`, rolled back
 *
 * Batches that share are run without savepoints; if one of them does not land, all are run again, each with one, so
 * that only that one is rolled back. With a savepoint SQLite keeps every page as it was before it, and writing a
 * row took 8.2 us instead of 4.9 (192,000 rows of 500 bytes, 1,000 a batch, 16 batches a transaction).
 *
 * A row that fails is tried again after all the others (another row of the batch may have stood in its way, or be
 * what it refers to) for as long as that helps, at most `PASSES_MAX` times.
 *
 * A trigger may roll the whole transaction back (RAISE(ROLLBACK)). Then its batch is tested to the end without a
 * hope to commit, and batches that shared the transaction are run again, each by itself.
 *
 * Whatever fails before COMMIT has happened in no way. COMMIT itself fails with nothing done when the file is busy,
 * full or a deferred constraint stands; after an I/O error it is unknown whether the commit is in the log.
 */
import { SpillwayError, invariant } from '../../errors.ts'
import type { Mark, RecordRef } from '../../model/entry.ts'
import { ORIGIN } from '../../model/position.ts'
import type { Position, Version } from '../../model/position.ts'
import type { TableSpec } from '../../model/table.ts'
import type { Value } from '../../model/value.ts'
import type { LandBatch, LandResult, LandRow, ParkedItem, PartitionRow } from '../../ports/database.ts'
import type { FoldSnapshot, Held } from '../../ports/front.ts'
import { HELD_ABSENT } from '../../ports/front.ts'
import { SqliteError } from '../../runtime/sqlite.ts'
import type { SqliteConnection, SqliteStatement } from '../../runtime/sqlite.ts'
import { blameForeignKeys } from './database-deferred.ts'
import { dataCause, failureOf } from './database-failures.ts'
import { FoldTables } from './database-fold.ts'
import { ParkedTable } from './database-parked.ts'
import type { ParkedBounds } from './database-parked.ts'
import { rejectsOf } from './database-rejects.ts'
import type { Rejected } from './database-rejects.ts'
import { MappedRows, SharedRows, SharedTable } from './database-rows.ts'
import type { Rows, ScanPage } from './database-rows.ts'

export interface StoreOptions extends ParkedBounds {
  /** Positions after which a void is forgotten. */
  readonly ageMax: number
}

export type RetryOutcome = 'landed' | 'superseded' | 'gone' | { readonly rejected: string }

const PASSES_MAX = 4

export class DatabaseStore {
  readonly #connection: SqliteConnection
  readonly #options: StoreOptions
  readonly #specs: ReadonlyMap<string, TableSpec>
  readonly #fold: FoldTables
  readonly #parked: ParkedTable
  readonly #shared: SharedTable
  readonly #mapped = new Map<string, MappedRows>()
  readonly #begin: SqliteStatement
  readonly #beginRead: SqliteStatement
  readonly #commit: SqliteStatement
  readonly #rollback: SqliteStatement
  readonly #savepoint: SqliteStatement
  readonly #rollbackTo: SqliteStatement
  readonly #release: SqliteStatement

  /** The own tables must be there. */
  constructor(connection: SqliteConnection, specs: readonly TableSpec[], options: StoreOptions) {
    this.#connection = connection
    this.#options = options
    this.#specs = new Map(specs.map((spec) => [spec.collection, spec]))
    this.#fold = new FoldTables(connection)
    this.#parked = new ParkedTable(connection)
    this.#shared = new SharedTable(connection)
    this.#begin = connection.prepare('BEGIN IMMEDIATE')
    this.#beginRead = connection.prepare('BEGIN')
    this.#commit = connection.prepare('COMMIT')
    this.#rollback = connection.prepare('ROLLBACK')
    this.#savepoint = connection.prepare('SAVEPOINT batch')
    this.#rollbackTo = connection.prepare('ROLLBACK TO batch')
    this.#release = connection.prepare('RELEASE batch')
  }

  partitions(): PartitionRow[] {
    return this.#reading(() => this.#fold.partitions())
  }

  snapshot(partition: number): FoldSnapshot {
    const fold = this.#reading(() => this.#fold.snapshot(partition))
    invariant(
      fold !== undefined,
      `The database has no position row of partition ${partition}: no generation was begun`,
    )
    return fold
  }

  beginGeneration(
    generation: number,
    marks: readonly Mark[],
    expected: readonly (Mark | undefined)[],
  ): 'begun' | 'moved' {
    return this.#writing(() => this.#fold.beginGeneration(generation, marks, expected))
  }

  forgetRefused(partition: number, upTo: Position): void {
    this.#writing(() => this.#fold.forgetRefused(partition, upTo))
  }

  /**
   * Position and rows from one snapshot: in WAL mode a transaction sees the database as it was at its first read,
   * whoever commits meanwhile.
   */
  read(partition: number, refs: readonly RecordRef[]): { position: Position; held: Held[] } {
    return this.#reading(() => {
      const position = this.#fold.position(partition) ?? ORIGIN
      const anyParked = this.#parked.any()
      return { position, held: refs.map((ref) => this.#newest(ref, anyParked)) }
    })
  }

  scan(collection: string, after: string | undefined, limit: number): ScanPage {
    return this.#rowsOf(collection).scan(after, limit)
  }

  collections(): string[] {
    return this.#reading(() => {
      const unmapped = this.#shared.names.all().map((row) => String(row.name))
      const mapped = [...this.#specs.values()].filter(
        (spec) => spec.mapped !== undefined && this.#rowsOf(spec.collection).any(),
      )
      return [...new Set([...unmapped, ...mapped.map((spec) => spec.collection)])].sort()
    })
  }

  listParked(
    collection: string | undefined,
    after: string | undefined,
    limit: number,
  ): { items: ParkedItem[]; next: string | undefined } {
    return this.#parked.list(collection, after, limit)
  }

  getParked(
    ref: RecordRef,
  ): (ParkedItem & { readonly value: Value | undefined; readonly table: Held }) | undefined {
    return this.#reading(() => {
      const item = this.#parked.item(ref)
      if (item === undefined) return undefined
      return {
        ...item,
        value: this.#parked.held(ref)?.value,
        table: this.#rowsOf(ref.collection).held(ref.key),
      }
    })
  }

  /**
   * One transaction for all, an outcome for each; an error is the outcome of its batch alone where batches went
   * by themselves. `at` is the wall clock for what is parked.
   */
  land(batches: readonly LandBatch[], at: number): (LandResult | Error)[] {
    if (batches.length > 1) {
      const together = this.#landAll(batches, at) ?? this.#landTogether(batches, at)
      if (together !== undefined) return together
    }
    return batches.map((batch) => {
      try {
        return this.#landAlone(batch, at)
      } catch (error) {
        return error as Error
      }
    })
  }

  retry(
    partition: number,
    wanted: readonly { readonly ref: RecordRef; readonly version: Version }[],
  ): RetryOutcome[] {
    const causes = new Map<number, string>()
    this.#begin.run()
    try {
      const outcomes = wanted.map(({ ref, version }, index): RetryOutcome => {
        const held = this.#parked.held(ref)
        if (!this.#parked.take(ref, version)) return 'gone'
        try {
          return this.#landParked(partition, { ...ref, version, value: held?.value })
        } catch (error) {
          const cause = dataCause(error)
          if (cause === undefined) throw error
          causes.set(index, cause)
          if (!this.#connection.inTransaction) this.#begin.run()
          return { rejected: cause }
        }
      })
      if (causes.size === 0) {
        const cause = this.#commitOrCause()
        if (cause === undefined) return outcomes
        wanted.forEach((_, index) => causes.set(index, cause))
      }
      this.#rollbackAll()
      return this.#noteTried(wanted, outcomes, causes)
    } catch (error) {
      this.#rollbackAll()
      throw error
    }
  }

  #landParked(partition: number, row: LandRow): 'landed' | 'superseded' {
    const outcome = this.#rowsOf(row.collection).land(row) === 'landed' ? 'landed' : 'superseded'
    if (this.#specs.get(row.collection)?.history === true) this.#rowsOf(row.collection).landHistory(row)
    this.#fold.recount(partition, outcome === 'landed' ? 1 : 0, outcome === 'landed' ? 0 : 1)
    return outcome
  }

  #noteTried(
    wanted: readonly { readonly ref: RecordRef; readonly version: Version }[],
    outcomes: readonly RetryOutcome[],
    causes: ReadonlyMap<number, string>,
  ): RetryOutcome[] {
    return this.#writing(() =>
      wanted.map(({ ref, version }, index) => {
        if (outcomes[index] === 'gone') return 'gone'
        const cause = causes.get(index) ?? 'another write of its frame is not accepted'
        this.#parked.tried(ref, version, cause)
        return { rejected: cause }
      }),
    )
  }

  /** All of them; undefined, with nothing done, unless every batch lands. */
  #landAll(batches: readonly LandBatch[], at: number): LandResult[] | undefined {
    this.#begin.run()
    try {
      const results: LandResult[] = []
      for (const batch of batches) {
        const result = this.#apply(batch, at)
        if (this.#lost || result.kind !== 'landed') return undefined
        results.push(result)
      }
      return this.#commitOrCause() === undefined ? results : undefined
    } finally {
      this.#rollbackAll()
    }
  }

  /** Those that can; undefined, with nothing done, where batches that share a transaction do each other harm. */
  #landTogether(batches: readonly LandBatch[], at: number): LandResult[] | undefined {
    this.#begin.run()
    try {
      const results: LandResult[] = []
      for (const batch of batches) {
        this.#savepoint.run()
        const result = this.#apply(batch, at)
        if (this.#lost) return undefined
        if (result.kind !== 'landed') this.#rollbackTo.run()
        this.#release.run()
        results.push(result)
      }
      return this.#commitOrCause() === undefined ? results : undefined
    } finally {
      this.#rollbackAll()
    }
  }

  #landAlone(batch: LandBatch, at: number): LandResult {
    this.#begin.run()
    try {
      const result = this.#apply(batch, at)
      if (result.kind !== 'landed') return result
      const cause = this.#commitOrCause()
      if (cause === undefined) return result
      const blamed = blameForeignKeys(this.#connection, this.#specs, batch.rows)
      return { kind: 'rejects', rejects: rejectsOf(blamed.map((row) => ({ row, cause }))) }
    } finally {
      this.#rollbackAll()
    }
  }

  /** True after a trigger rolled the transaction back, until the next rollback of ours. */
  #lost = false

  #apply(batch: LandBatch, at: number): LandResult {
    if (!this.#fold.advance(batch)) return { kind: 'moved', mark: this.#fold.mark(batch.partition) }
    const anyParked = this.#parked.any()
    const newer: RecordRef[] = []
    const rejected = this.#eachRow(batch.rows, (row) => {
      if (this.#rowsOf(row.collection).land(row) === 'newer')
        newer.push({ collection: row.collection, key: row.key })
    })
    rejected.push(...this.#eachRow(batch.history, (row) => this.#rowsOf(row.collection).landHistory(row)))
    if (rejected.length > 0) return { kind: 'rejects', rejects: rejectsOf(rejected) }
    let cleared = 0
    if (anyParked) for (const row of batch.rows) cleared += this.#parked.clear(row)
    for (const row of batch.park) cleared += this.#parked.park(row, batch.partition, at)
    if (batch.park.length > 0) {
      const bound = this.#parked.bound(this.#options)
      if (bound !== undefined) return { kind: 'parked-full', bound }
    }
    if (cleared > 0) this.#fold.recount(batch.partition, 0, cleared)
    this.#fold.control(batch, this.#options.ageMax)
    return { kind: 'landed', cleared, newer }
  }

  /** Lands all that are accepted; what remains after no pass helps any more. */
  #eachRow(rows: readonly LandRow[], land: (row: LandRow) => void): Rejected[] {
    let remaining = rows
    for (let pass = 1; ; pass += 1) {
      const rejected: Rejected[] = []
      for (const row of remaining) {
        try {
          land(row)
        } catch (error) {
          const cause = dataCause(error)
          if (cause === undefined) throw error
          rejected.push({ row, cause })
          if (!this.#connection.inTransaction) {
            this.#lost = true
            this.#begin.run()
          }
        }
      }
      const hopeless = rejected.length === remaining.length || pass === PASSES_MAX || this.#lost
      if (rejected.length === 0 || hopeless) return rejected
      remaining = rejected.map((one) => one.row)
    }
  }

  /** Commits; the cause where a deferred constraint forbids it, with the transaction still open. */
  #commitOrCause(): string | undefined {
    try {
      this.#commit.run()
      return undefined
    } catch (error) {
      const cause = dataCause(error)
      if (cause !== undefined) return cause
      if (
        error instanceof SqliteError &&
        failureOf(error) === 'lost' &&
        error.primaryCode === 'SQLITE_IOERR'
      ) {
        throw new SpillwayError(
          'outcome-unknown',
          `COMMIT was answered by ${error.message} (${error.code}): read the position to learn whether it happened.`,
          { cause: error },
        )
      }
      throw error
    }
  }

  #newest(ref: RecordRef, anyParked: boolean): Held {
    const held = this.#rowsOf(ref.collection).held(ref.key)
    const parked = anyParked ? this.#parked.held(ref) : undefined
    if (parked === undefined || parked.version <= held.version) return held
    return parked.value === undefined ? HELD_ABSENT : { version: parked.version, value: parked.value }
  }

  #rowsOf(collection: string): Rows {
    const spec = this.#specs.get(collection)
    // Anybody may name an unmapped collection: those are not remembered, or names would fill the memory.
    if (spec?.mapped === undefined) return new SharedRows(this.#shared, collection)
    let rows = this.#mapped.get(collection)
    if (rows === undefined) {
      rows = new MappedRows(this.#connection, collection, spec.mapped, spec.history)
      this.#mapped.set(collection, rows)
    }
    return rows
  }

  #reading<T>(read: () => T): T {
    return this.#inside(this.#beginRead, read)
  }

  #writing<T>(write: () => T): T {
    return this.#inside(this.#begin, write)
  }

  #inside<T>(begin: SqliteStatement, act: () => T): T {
    begin.run()
    try {
      const result = act()
      const cause = this.#commitOrCause()
      invariant(cause === undefined, `Spillway's own tables refused a commit: ${cause ?? ''}`)
      return result
    } finally {
      this.#rollbackAll()
    }
  }

  /** SQLite ends a transaction by itself on some errors, so it is asked first. */
  #rollbackAll(): void {
    this.#lost = false
    if (this.#connection.inTransaction) this.#rollback.run()
  }
}
