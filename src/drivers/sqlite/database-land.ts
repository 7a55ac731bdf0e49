/**
 * Landing: batches of different partitions in one transaction and one fsync, each with its own outcome.
 *
 *   BEGIN IMMEDIATE ─▶ position rows ─▶ rows of all batches, sorted ─▶ the rest of each batch ─▶ COMMIT
 *                      │                └ a row is not accepted ┐      parked, history, voids, seals, refused
 *                      └ elsewhere ─────────────────────────────┴─▶ rolled back, one by one:
 *
 *   BEGIN IMMEDIATE ─▶ savepoint, batch 1 ─▶ savepoint, batch 2 ─▶ … ─▶ COMMIT
 *                      │ `moved`, or `rejects` with all rows that are not accepted: only this batch is undone
 *
 * Sorted together, rows go through the table's index from one end to the other, once a commit: 5.4 us a row where
 * each batch sorted by itself takes 8.1 (192,000 rows of 500 bytes, 16,000 a transaction). And with a savepoint SQLite
 * keeps every page as it was before it: 8.2 us instead of 4.9. So batches are written together, and go one by one only
 * if one of them does not land.
 *
 * A row that fails is tried again after all the others (another row of the batch may have stood in its way, or be
 * what it refers to) for as long as that helps, at most `PASSES_MAX` times.
 *
 * A trigger may roll the whole transaction back (RAISE(ROLLBACK)). Then its batch is tested to the end without a
 * hope to commit, and batches that shared the transaction are run again, each by itself.
 */
import type { RecordRef } from '../../model/entry.ts'
import type { TableSpec } from '../../model/table.ts'
import type { LandResult, LandRow } from '../../ports/database.ts'
import type { SqliteConnection } from '../../runtime/sqlite.ts'
import { blameForeignKeys } from './database-deferred.ts'
import { dataCause } from './database-failures.ts'
import type { FoldTables } from './database-fold.ts'
import { MergedRows } from './database-merge.ts'
import type { ParkedBounds, ParkedTable } from './database-parked.ts'
import { rejectsOf } from './database-rejects.ts'
import type { Rejected } from './database-rejects.ts'
import { GROUP_ROWS } from './database-rows.ts'
import type { Rows } from './database-rows.ts'
import type { Transactions } from './database-transaction.ts'
import { unpackPark, unpackRows } from './database-wire.ts'
import type { PackedBatch } from './database-wire.ts'

export interface StoreOptions extends ParkedBounds {
  /** Positions after which a void is forgotten. */
  readonly ageMax: number
}

export interface LandingParts {
  readonly connection: SqliteConnection
  readonly transactions: Transactions
  readonly specs: ReadonlyMap<string, TableSpec>
  readonly fold: FoldTables
  readonly parked: ParkedTable
  readonly options: StoreOptions
  rowsOf(collection: string): Rows
}

const PASSES_MAX = 4

export class Landing {
  readonly #parts: LandingParts
  /** True after a trigger rolled the transaction back, until the next rollback of ours. */
  #lost = false

  constructor(parts: LandingParts) {
    this.#parts = parts
  }

  /**
   * One transaction for all, an outcome for each; an error is the outcome of its batch alone where batches went
   * by themselves. `at` is the wall clock for what is parked.
   */
  land(batches: readonly PackedBatch[], at: number): (LandResult | Error)[] {
    if (batches.length > 1) {
      const all = this.#landAll(batches, at) ?? this.#landTogether(batches, at)
      if (all !== undefined) return all
    }
    return batches.map((batch) => {
      try {
        return this.#landAlone(batch, at)
      } catch (error) {
        return error as Error
      }
    })
  }

  /** All of them; undefined, with nothing done, unless every batch lands. */
  #landAll(batches: readonly PackedBatch[], at: number): LandResult[] | undefined {
    const { fold, transactions } = this.#parts
    return this.#inTransaction(() => {
      for (const batch of batches) if (!fold.advance(batch)) return undefined
      const results = this.#write(batches, at)
      if (!Array.isArray(results) || this.#lost) return undefined
      return transactions.commitOrCause() === undefined ? results : undefined
    })
  }

  /** Those that can; undefined, with nothing done, where batches that share a transaction do each other harm. */
  #landTogether(batches: readonly PackedBatch[], at: number): LandResult[] | undefined {
    const { transactions } = this.#parts
    return this.#inTransaction(() => {
      const results: LandResult[] = []
      for (const batch of batches) {
        transactions.savepoint()
        const result = this.#apply(batch, at)
        if (this.#lost) return undefined
        transactions.release(result.kind === 'landed')
        results.push(result)
      }
      return transactions.commitOrCause() === undefined ? results : undefined
    })
  }

  #landAlone(batch: PackedBatch, at: number): LandResult {
    const { connection, specs, transactions } = this.#parts
    return this.#inTransaction(() => {
      const result = this.#apply(batch, at)
      if (result.kind !== 'landed') return result
      const cause = transactions.commitOrCause()
      if (cause === undefined) return result
      const blamed = blameForeignKeys(connection, specs, unpackRows(batch.rows))
      return { kind: 'rejects', rejects: rejectsOf(blamed.map((row) => ({ row, cause }))) }
    })
  }

  #inTransaction<T>(act: () => T): T {
    const { transactions } = this.#parts
    this.#lost = false
    transactions.begin()
    try {
      return act()
    } finally {
      transactions.rollBack()
    }
  }

  #apply(batch: PackedBatch, at: number): LandResult {
    const { fold } = this.#parts
    if (!fold.advance(batch)) return { kind: 'moved', mark: fold.mark(batch.partition) }
    const results = this.#write([batch], at)
    return Array.isArray(results) ? (results[0] as LandResult) : results
  }

  /** All of batches whose positions are advanced: a result for each, or what forbids them. */
  #write(batches: readonly PackedBatch[], at: number): LandResult[] | LandResult {
    const { parked, rowsOf } = this.#parts
    // Also what one of these batches parks and a later one of its partition overtakes.
    const anyParked = parked.any() || batches.some(({ park }) => park.count > 0)
    const newer = new Set<string>()
    const rows = new MergedRows(
      batches.map((batch) => batch.rows),
      true,
    )
    const rejected = this.#eachRow(this.#groups(rows), (row) => {
      if (rowsOf(row.collection).land(row) === 'newer') newer.add(nameOf(row))
    })
    for (const { history } of batches)
      rejected.push(...this.#eachRow(unpackRows(history), (row) => rowsOf(row.collection).landHistory(row)))
    if (rejected.length > 0) return { kind: 'rejects', rejects: rejectsOf(rejected) }
    const results: LandResult[] = []
    for (const batch of batches) {
      const cleared = this.#park(batch, anyParked, at)
      if (typeof cleared === 'string') return { kind: 'parked-full', bound: cleared }
      results.push({ kind: 'landed', cleared, newer: newer.size === 0 ? [] : refsIn(newer, batch) })
    }
    return results
  }

  /** Everything of a batch but its rows; how many parked writes were overtaken, or the bound that is passed. */
  #park(batch: PackedBatch, anyParked: boolean, at: number): number | string {
    const { fold, parked, options } = this.#parts
    let cleared = 0
    if (anyParked) for (const row of unpackRows(batch.rows)) cleared += parked.clear(row)
    for (const row of unpackPark(batch)) cleared += parked.park(row, batch.partition, at)
    if (batch.park.count > 0) {
      const bound = parked.bound(options)
      if (bound !== undefined) return bound
    }
    if (cleared > 0) fold.recount(batch.partition, 0, cleared)
    fold.control(batch, options.ageMax)
    return cleared
  }

  /** Lands what goes in groups; the rows that have to go by themselves. */
  #groups(rows: MergedRows): LandRow[] {
    const left: LandRow[] = []
    let group: LandRow[] = []
    for (let row = rows.next(); row !== undefined; row = rows.next()) {
      if (row.value === undefined) {
        left.push(row)
        continue
      }
      if (group.length > 0 && (group[0] as LandRow).collection !== row.collection)
        left.push(...group.splice(0))
      group.push(row)
      if (group.length < GROUP_ROWS) continue
      if (!this.#landGroup(group)) left.push(...group)
      group = []
    }
    left.push(...group)
    return left
  }

  #landGroup(group: readonly LandRow[]): boolean {
    let landed = false
    this.#cause(() => {
      landed = this.#parts.rowsOf((group[0] as LandRow).collection).landGroup(group)
    })
    return landed
  }

  /** Lands all that are accepted; what remains after no pass helps any more. */
  #eachRow(rows: readonly LandRow[], land: (row: LandRow) => void): Rejected[] {
    let remaining = rows
    for (let pass = 1; ; pass += 1) {
      const rejected: Rejected[] = []
      for (const row of remaining) {
        const cause = this.#cause(() => land(row))
        if (cause !== undefined) rejected.push({ row, cause })
      }
      const hopeless = rejected.length === remaining.length || pass === PASSES_MAX || this.#lost
      if (rejected.length === 0 || hopeless) return rejected
      remaining = rejected.map((one) => one.row)
    }
  }

  /** Why `act` was not accepted as data; undefined: it was. */
  #cause(act: () => void): string | undefined {
    const { transactions } = this.#parts
    try {
      act()
      return undefined
    } catch (error) {
      const cause = dataCause(error)
      if (cause === undefined) throw error
      if (!transactions.open) {
        this.#lost = true
        transactions.begin()
      }
      return cause
    }
  }
}

function refsIn(newer: ReadonlySet<string>, { rows }: PackedBatch): RecordRef[] {
  return unpackRows(rows)
    .filter((row) => newer.has(nameOf(row)))
    .map(({ collection, key }) => ({ collection, key }))
}

function nameOf({ collection, key }: RecordRef): string {
  return `${collection}\0${key}`
}
