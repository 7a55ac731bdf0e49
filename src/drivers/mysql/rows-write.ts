/**
 * Writes rows of one table: upserts, deletes, history, each in statements of many rows.
 *
 * What the server counts tells how many rows stayed as they were, without asking: of N rows of an upsert, A affected
 * and D of them changed, N − A + D were newer in the table already. Only then are versions read.
 *
 * A failed statement of MariaDB undoes itself and leaves the transaction as it was. A warning is an error here, but
 * its statement was done; whoever goes on after it has to go back to a savepoint.
 */
import { SpillwayError } from '../../errors.ts'
import type { Value } from '../../model/value.ts'
import type { LandRow } from '../../ports/database.ts'
import type { Bound } from './client.ts'
import type { Done, MysqlConnection } from './connection.ts'
import { RowWarning } from './database-failures.ts'
import {
  deleteSql,
  insertNewSql,
  insertSql,
  keysBound,
  updateSql,
  upsertSql,
  versionsSql,
  writtenColumns,
} from './row-sql.ts'
import type { RowTable } from './row-table.ts'
import { chunksOf, filledUp } from './statement-sizes.ts'

/** What is to happen to rows; all rows of a step have values, or none has (`delete`). */
export type Verb = 'upsert' | 'delete' | 'history'

export interface Step {
  readonly table: RowTable
  readonly verb: Verb
  readonly rows: readonly LandRow[]
}

/** Statements above it bring nothing more. */
const STATEMENT_BYTES_MAX = 8 * 2 ** 20
/** Of a packet, for what is not values. */
const PACKET_MARGIN_BYTES = 64 * 2 ** 10
const BYTES_PER_PARAMETER = 16

/** Rows of a step, cut into statements. */
export function statementsOf(
  connection: MysqlConnection,
  { table, verb, rows }: Step,
): (readonly LandRow[])[] {
  if (verb === 'upsert' && table.rowByRow) return rows.map((row) => [row])
  const placeholders = table.shape.key.length + table.shape.rest.length + 2
  return chunksOf(rows, (row) => bytesOf(row) + placeholders * BYTES_PER_PARAMETER, {
    placeholders,
    bytesMax: Math.min(STATEMENT_BYTES_MAX, connection.server.packetBytesMax - PACKET_MARGIN_BYTES),
  })
}

function bytesOf({ key, value }: LandRow): number {
  return key.length * 3 + (value === undefined ? 0 : Math.max(value.rawBytes, value.bytes.byteLength))
}

/** One statement of `statementsOf`; those of its rows that the table had newer. Throws what the server says. */
export async function writeRows(
  connection: MysqlConnection,
  { table, verb }: Pick<Step, 'table' | 'verb'>,
  rows: readonly LandRow[],
): Promise<readonly LandRow[]> {
  switch (verb) {
    case 'upsert':
      return table.rowByRow
        ? writeOne(connection, table, rows[0] as LandRow)
        : upsert(connection, table, rows)
    case 'delete':
      return remove(connection, table, rows)
    case 'history':
      await keep(connection, table, rows)
      return []
  }
}

async function upsert(
  connection: MysqlConnection,
  table: RowTable,
  rows: readonly LandRow[],
): Promise<readonly LandRow[]> {
  const values: Bound[] = []
  for (const row of rows) for (const one of table.bindRow(row, row.value as Value)) values.push(one)
  const sql = textOf(table, 'upsert', rows.length, () =>
    upsertSql(table.shape, connection.server.dialect, rows.length),
  )
  const { affected, duplicates } = await write(connection, sql, values)
  const unchanged = rows.length === 1 ? (affected === 0 ? 1 : 0) : rows.length - affected + duplicates
  return unchanged === 0 ? [] : newerOf(connection, table, rows)
}

/**
 * Versions first: rows have a guard each, and a condition with one for each takes longer than two statements. They
 * are read without a lock, which would also lock the gaps where keys are absent; of this partition nobody else
 * writes while its position row is locked.
 */
async function remove(
  connection: MysqlConnection,
  table: RowTable,
  rows: readonly LandRow[],
): Promise<readonly LandRow[]> {
  const versions = await versionsOf(connection, table, rows, '')
  const older = rows.filter((row) => (versions.get(row.key) ?? row.version) < row.version)
  if (older.length > 0) {
    const keys = filledUp(older).map((row) => table.bindKey(row.key))
    await write(connection, deleteSql(table.shape, keys.length), keysBound(table.shape, keys))
  }
  return rows.filter((row) => (versions.get(row.key) ?? 0) > row.version)
}

async function keep(connection: MysqlConnection, table: RowTable, rows: readonly LandRow[]): Promise<void> {
  const { history } = table
  if (history === undefined) return
  const sql = textOf(table, 'history', rows.length, () =>
    insertNewSql(history.name, history.columns, rows.length),
  )
  await write(
    connection,
    sql,
    rows.flatMap((row) => table.bindHistory(row)),
  )
}

/**
 * UPDATE or INSERT: what violates another UNIQUE index is an error and overwrites nothing. Which of the two is read
 * first, because an UPDATE that finds no row would lock the gap in which other landers insert.
 */
async function writeOne(
  connection: MysqlConnection,
  table: RowTable,
  row: LandRow,
): Promise<readonly LandRow[]> {
  const { shape } = table
  const bound = table.bindRow(row, row.value as Value)
  const there = (await versionsOf(connection, table, [row], '')).get(row.key)
  if (there === undefined) {
    await write(connection, insertSql(shape.name, writtenColumns(shape), 1), bound)
    return []
  }
  const key = bound.slice(0, shape.key.length)
  const rest = bound.slice(shape.key.length)
  const { affected } = await write(connection, updateSql(shape), [...rest, ...key, row.version])
  return affected > 0 || there === row.version ? [] : [row]
}

async function newerOf(
  connection: MysqlConnection,
  table: RowTable,
  rows: readonly LandRow[],
): Promise<readonly LandRow[]> {
  const versions = await versionsOf(connection, table, rows, ' FOR UPDATE')
  return rows.filter((row) => (versions.get(row.key) ?? 0) > row.version)
}

async function versionsOf(
  connection: MysqlConnection,
  table: RowTable,
  rows: readonly LandRow[],
  /** With it rows as they are now, whatever this transaction has read before. */
  lock: '' | ' FOR UPDATE',
): Promise<ReadonlyMap<string, number>> {
  const filled = filledUp(rows).map((row) => table.bindKey(row.key))
  const found = await connection.rows(
    versionsSql(table.shape, filled.length) + lock,
    keysBound(table.shape, filled),
  )
  const width = table.shape.key.length
  return new Map(found.map((row) => [table.keyOf(row.slice(0, width)), Number(row[width])]))
}

/** Codes of warnings that say nothing about data: statements that a replica could do otherwise, old syntax. */
const HARMLESS = new Set([1287, 1592, 1681, 3719])

async function write(connection: MysqlConnection, sql: string, values: readonly Bound[]): Promise<Done> {
  refuseLarge(connection, values)
  const done = await connection.write(sql, values)
  if (done.warnings > 0) {
    const warnings = await connection.ask('SHOW WARNINGS')
    const [first] = warnings.filter(([, code]) => !HARMLESS.has(Number(code)))
    if (first !== undefined) throw new RowWarning(Number(first[1]), String(first[2]))
  }
  return done
}

/** No bad data: parking would need the same packet. It waits until somebody has raised the bound. */
function refuseLarge(connection: MysqlConnection, values: readonly Bound[]): void {
  const { packetBytesMax } = connection.server
  let bytes = values.length * 4
  for (const value of values) {
    if (typeof value === 'string') bytes += value.length
    else if (value !== null && typeof value === 'object') bytes += value.length
  }
  if (bytes <= packetBytesMax) return
  // Only a new session knows another bound.
  connection.destroy()
  throw new SpillwayError(
    'unavailable',
    `A row of ${bytes} bytes is above max_allowed_packet = ${packetBytesMax} of MariaDB: raise it (SET GLOBAL max_allowed_packet = ${2 ** Math.ceil(Math.log2(bytes + PACKET_MARGIN_BYTES))}).`,
  )
}

const texts = new WeakMap<object, Map<string, string>>()

/** Statements of many rows are long: each is written once a table. */
function textOf(table: RowTable, verb: Verb, rows: number, make: () => string): string {
  const owner = table.history === undefined ? table.shape : table.history
  let known = texts.get(owner)
  if (known === undefined) {
    known = new Map()
    texts.set(owner, known)
  }
  const name = `${verb} ${rows}`
  let text = known.get(name)
  if (text === undefined) {
    text = make()
    known.set(name, text)
  }
  return text
}
