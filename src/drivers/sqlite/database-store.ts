/**
 * What a database connection does, synchronously, in its worker thread: reads of one snapshot each, landing
 * (`database-land.ts`), and what an operator does with parked writes.
 */
import { invariant } from '../../errors.ts'
import type { Mark, RecordRef } from '../../model/entry.ts'
import { ORIGIN } from '../../model/position.ts'
import type { Position, Version } from '../../model/position.ts'
import type { TableSpec } from '../../model/table.ts'
import type { Value } from '../../model/value.ts'
import type { LandResult, LandRow, ParkedItem, PartitionRow } from '../../ports/database.ts'
import type { FoldSnapshot, Held } from '../../ports/front.ts'
import { HELD_ABSENT } from '../../ports/front.ts'
import type { SqliteConnection } from '../../runtime/sqlite.ts'
import { dataCause } from './database-failures.ts'
import { FoldTables } from './database-fold.ts'
import { Landing } from './database-land.ts'
import type { StoreOptions } from './database-land.ts'
import { ParkedTable } from './database-parked.ts'
import { MappedRows, SharedRows, SharedTable } from './database-rows.ts'
import type { Rows, ScanPage } from './database-rows.ts'
import { Transactions } from './database-transaction.ts'
import type { PackedBatch } from './database-wire.ts'

export type RetryOutcome = 'landed' | 'superseded' | 'gone' | { readonly rejected: string }

export class DatabaseStore {
  readonly #connection: SqliteConnection
  readonly #specs: ReadonlyMap<string, TableSpec>
  readonly #fold: FoldTables
  readonly #parked: ParkedTable
  readonly #shared: SharedTable
  readonly #mapped = new Map<string, MappedRows>()
  readonly #transactions: Transactions
  readonly #landing: Landing

  /** The own tables must be there. */
  constructor(connection: SqliteConnection, specs: readonly TableSpec[], options: StoreOptions) {
    this.#connection = connection
    this.#specs = new Map(specs.map((spec) => [spec.collection, spec]))
    this.#fold = new FoldTables(connection)
    this.#parked = new ParkedTable(connection)
    this.#shared = new SharedTable(connection)
    this.#transactions = new Transactions(connection)
    this.#landing = new Landing({
      connection,
      transactions: this.#transactions,
      specs: this.#specs,
      fold: this.#fold,
      parked: this.#parked,
      options,
      rowsOf: (collection) => this.#rowsOf(collection),
    })
  }

  partitions(): PartitionRow[] {
    return this.#transactions.reading(() => this.#fold.partitions())
  }

  snapshot(partition: number): FoldSnapshot {
    const fold = this.#transactions.reading(() => this.#fold.snapshot(partition))
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
    return this.#transactions.writing(() => this.#fold.beginGeneration(generation, marks, expected))
  }

  forgetRefused(partition: number, upTo: Position): void {
    this.#transactions.writing(() => this.#fold.forgetRefused(partition, upTo))
  }

  /**
   * Position and rows from one snapshot: in WAL mode a transaction sees the database as it was at its first read,
   * whoever commits meanwhile.
   */
  read(partition: number, refs: readonly RecordRef[]): { position: Position; held: Held[] } {
    return this.#transactions.reading(() => {
      const position = this.#fold.position(partition) ?? ORIGIN
      const anyParked = this.#parked.any()
      return { position, held: refs.map((ref) => this.#newest(ref, anyParked)) }
    })
  }

  scan(collection: string, after: string | undefined, limit: number): ScanPage {
    return this.#rowsOf(collection).scan(after, limit)
  }

  collections(): string[] {
    return this.#transactions.reading(() => {
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
    return this.#transactions.reading(() => {
      const item = this.#parked.item(ref)
      if (item === undefined) return undefined
      return {
        ...item,
        value: this.#parked.held(ref)?.value,
        table: this.#rowsOf(ref.collection).held(ref.key),
      }
    })
  }

  /** As `Landing`. */
  land(batches: readonly PackedBatch[], at: number): (LandResult | Error)[] {
    return this.#landing.land(batches, at)
  }

  retry(
    partition: number,
    wanted: readonly { readonly ref: RecordRef; readonly version: Version }[],
  ): RetryOutcome[] {
    const causes = new Map<number, string>()
    this.#transactions.begin()
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
          if (!this.#transactions.open) this.#transactions.begin()
          return { rejected: cause }
        }
      })
      if (causes.size === 0) {
        const cause = this.#transactions.commitOrCause()
        if (cause === undefined) return outcomes
        wanted.forEach((_, index) => causes.set(index, cause))
      }
      this.#transactions.rollBack()
      return this.#noteTried(wanted, outcomes, causes)
    } catch (error) {
      this.#transactions.rollBack()
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
    return this.#transactions.writing(() =>
      wanted.map(({ ref, version }, index) => {
        if (outcomes[index] === 'gone') return 'gone'
        const cause = causes.get(index) ?? 'another write of its frame is not accepted'
        this.#parked.tried(ref, version, cause)
        return { rejected: cause }
      }),
    )
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
}
