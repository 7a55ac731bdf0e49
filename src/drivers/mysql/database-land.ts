/**
 * Landing: batches of different partitions in one transaction, each with its own outcome.
 *
 *   position rows: compare and advance ──▶ elsewhere: `moved`, nothing else of that batch
 *   rows of all batches together, sorted ─▶ upserts, deletes, history, in statements of many rows
 *   are the tables what was learned of them? ──▶ changed: `TableChanged`, nothing has happened
 *   parked, counters, voids, seals, refused
 *   COMMIT ──▶ no answer: `outcome-unknown`; the compare of the next landing waits for it and finds out
 *
 * The position rows come first: they are what other landers of these partitions wait for, and a zombie learns that
 * it is one before it has sent a row. Rows are sorted over all batches, so that every lander locks in one order.
 *
 * When the data of some row is not accepted, everything is rolled back, and each batch goes by itself and carefully:
 * statements with a savepoint before each; the row that MariaDB names is taken out, or the statement is cut in half
 * until it is found. All bad rows are found; a row that waits for another row of its batch gets `PASSES_MAX` tries.
 */
import type { RecordRef } from '../../model/entry.ts'
import type { Version } from '../../model/position.ts'
import type { LandBatch, LandResult, LandRow } from '../../ports/database.ts'
import type { MysqlConnection } from './connection.ts'
import { dataCause, rowNamed } from './database-failures.ts'
import { advance, control, lockedMark, recount } from './database-fold.ts'
import type { Advanced } from './database-fold.ts'
import { boundPassed, clearParked, park } from './database-parked.ts'
import type { ParkedBounds } from './database-parked.ts'
import type { RowTable } from './row-table.ts'
import { statementsOf, writeRows } from './rows-write.ts'
import type { Step } from './rows-write.ts'
import { mustBeAsLearned } from './table-definition.ts'
import { committed } from './transaction.ts'

export interface LandOptions extends ParkedBounds {
  /** Positions after which a void is forgotten. */
  readonly ageMax: number
  tableOf(collection: string): RowTable
}

export interface Rejected {
  readonly row: LandRow
  readonly cause: string
}

const PASSES_MAX = 4
/** Rows that MariaDB names, taken out of a statement one by one; after that it is cut in half. */
const NAMED_MAX = 8

/** An outcome for each batch; at most one batch of a partition. Throws what is about no batch. */
export async function land(
  connection: MysqlConnection,
  batches: readonly LandBatch[],
  options: LandOptions,
  at: number,
): Promise<(LandResult | Error)[]> {
  const together = await attempt(connection, batches, options, at, quickly)
  if (together !== undefined) return together
  const results: (LandResult | Error)[] = []
  for (const batch of batches) {
    try {
      const [result] = (await attempt(connection, [batch], options, at, carefully)) as LandResult[]
      results.push(result as LandResult)
    } catch (error) {
      results.push(error as Error)
    }
  }
  return results
}

/** Writes steps; gives rows that were newer in the table and rows that are not accepted. */
type Writer = (
  connection: MysqlConnection,
  steps: readonly Step[],
) => Promise<{ readonly newer: readonly LandRow[]; readonly rejected: readonly Rejected[] }>

/** Thrown to roll back what shared a transaction, when one of its batches needs one for itself. */
class Apart extends Error {}

/** Undefined: rolled back, each batch has to go by itself. */
async function attempt(
  connection: MysqlConnection,
  batches: readonly LandBatch[],
  options: LandOptions,
  at: number,
  writer: Writer,
): Promise<LandResult[] | undefined> {
  const alone = writer === carefully
  try {
    return await committed(connection, async () => {
      const results = new Map<LandBatch, LandResult>()
      const begun: (readonly [LandBatch, Advanced])[] = []
      for (const batch of batches) {
        const advanced = await advance(connection, batch)
        if (advanced === undefined)
          results.set(batch, { kind: 'moved', mark: await lockedMark(connection, batch.partition) })
        else begun.push([batch, advanced])
      }
      const steps = stepsOf(
        begun.map(([batch]) => batch),
        options,
      )
      const { newer, rejected } = await writer(connection, steps)
      await mustBeAsLearned(
        connection,
        steps.map((step) => step.table),
      )
      if (rejected.length > 0)
        return { roll: 'back', value: [{ kind: 'rejects', rejects: rejectsOf(rejected) }] }
      const newerRows = new Set(newer)
      for (const [batch, advanced] of begun) {
        const cleared = await parkAndCount(connection, batch, advanced, options, at)
        if (typeof cleared === 'string') {
          if (!alone && batches.length > 1) throw new Apart()
          return { roll: 'back', value: [{ kind: 'parked-full', bound: cleared }] }
        }
        results.set(batch, {
          kind: 'landed',
          cleared,
          newer: refsOf(batch.rows.filter((row) => newerRows.has(row))),
        })
      }
      return { roll: 'forward', value: batches.map((batch) => results.get(batch) as LandResult) }
    })
  } catch (error) {
    if (!alone && (error instanceof Apart || dataCause(error) !== undefined)) return undefined
    throw error
  }
}

/** How many parked writes were overtaken; text: the bound that is passed. */
async function parkAndCount(
  connection: MysqlConnection,
  batch: LandBatch,
  { parkedBefore }: Advanced,
  options: LandOptions,
  at: number,
): Promise<number | string> {
  let cleared = parkedBefore > 0 ? await clearParked(connection, batch.rows) : 0
  if (batch.park.length > 0) {
    cleared += await park(connection, batch.park, batch.partition, at)
    const bound = await boundPassed(connection, options)
    if (bound !== undefined) return bound
  }
  await recount(connection, batch.partition, 0, cleared)
  await control(connection, batch, options.ageMax)
  return cleared
}

/** The first error ends it. */
async function quickly(
  connection: MysqlConnection,
  steps: readonly Step[],
): Promise<{ newer: LandRow[]; rejected: Rejected[] }> {
  const newer: LandRow[] = []
  for (const step of steps) {
    for (const rows of statementsOf(connection, step))
      newer.push(...(await writeRows(connection, step, rows)))
  }
  return { newer, rejected: [] }
}

/** Finds every row that is not accepted. */
export async function carefully(
  connection: MysqlConnection,
  steps: readonly Step[],
): Promise<{ newer: LandRow[]; rejected: Rejected[] }> {
  const newer: LandRow[] = []
  let remaining = steps
  for (let pass = 1; ; pass += 1) {
    const left: { readonly step: Step; readonly rejected: readonly Rejected[] }[] = []
    for (const step of remaining) {
      const rejected: Rejected[] = []
      for (const rows of statementsOf(connection, step))
        rejected.push(...(await sift(connection, step, rows, newer, NAMED_MAX)))
      if (rejected.length > 0) left.push({ step, rejected })
    }
    const rejected = left.flatMap((one) => one.rejected)
    const hopeless = rejected.length === countOf(remaining) || pass === PASSES_MAX
    if (rejected.length === 0 || hopeless) return { newer, rejected }
    remaining = left.map(({ step, rejected: rows }) => ({ ...step, rows: rows.map((one) => one.row) }))
  }
}

async function sift(
  connection: MysqlConnection,
  step: Step,
  rows: readonly LandRow[],
  newer: LandRow[],
  namedLeft: number,
): Promise<Rejected[]> {
  if (rows.length === 0) return []
  await connection.run('SAVEPOINT spillway')
  let failure: unknown
  try {
    newer.push(...(await writeRows(connection, step, rows)))
    return []
  } catch (error) {
    failure = error
  }
  const cause = dataCause(failure)
  if (cause === undefined) throw failure
  await connection.run('ROLLBACK TO SAVEPOINT spillway')
  const [first] = rows
  if (rows.length === 1) return [{ row: first as LandRow, cause }]
  const named = rowNamed(failure)
  const row = named === undefined ? undefined : rows[named - 1]
  if (row !== undefined && namedLeft > 0) {
    const others = rows.filter((one) => one !== row)
    const rejected = [{ row, cause }]
    for (const some of statementsOf(connection, { ...step, rows: others }))
      rejected.push(...(await sift(connection, step, some, newer, namedLeft - 1)))
    return rejected
  }
  const half = rows.length >> 1
  const before = await sift(connection, step, rows.slice(0, half), newer, 0)
  return [...before, ...(await sift(connection, step, rows.slice(half), newer, 0))]
}

function countOf(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + step.rows.length, 0)
}

/** Rows of all batches by collection, in one order; in each collection upserts, then deletes, then history. */
function stepsOf(batches: readonly LandBatch[], { tableOf }: LandOptions): Step[] {
  const steps: Step[] = []
  const rows =
    batches.length === 1
      ? (batches[0] as LandBatch).rows
      : batches.flatMap((batch) => batch.rows).sort(byRecord)
  const histories = batches.flatMap((batch) => batch.history).sort(byRecord)
  const collections = new Set([...rows, ...histories].map((row) => row.collection))
  for (const collection of [...collections].sort()) {
    const table = tableOf(collection)
    const own = collections.size === 1 ? rows : rows.filter((row) => row.collection === collection)
    const puts = own.filter((row) => row.value !== undefined)
    const deletes = puts.length === own.length ? [] : own.filter((row) => row.value === undefined)
    const history = histories.filter((row) => row.collection === collection)
    if (puts.length > 0) steps.push({ table, verb: 'upsert', rows: puts })
    if (deletes.length > 0) steps.push({ table, verb: 'delete', rows: deletes })
    if (history.length > 0) steps.push({ table, verb: 'history', rows: history })
  }
  return steps
}

function byRecord(a: RecordRef, b: RecordRef): number {
  if (a.collection !== b.collection) return a.collection < b.collection ? -1 : 1
  if (a.key === b.key) return 0
  return a.key < b.key ? -1 : 1
}

function refsOf(rows: readonly LandRow[]): RecordRef[] {
  return rows.map(({ collection, key }) => ({ collection, key }))
}

function rejectsOf(rejected: readonly Rejected[]): { ref: RecordRef; version: Version; cause: string }[] {
  const unique = new Map<Version, { ref: RecordRef; version: Version; cause: string }>()
  for (const { row, cause } of rejected) {
    const { collection, key, version } = row
    unique.set(version, { ref: { collection, key }, version, cause })
  }
  return [...unique.values()]
}
