/**
 * Reads: rows, parked writes and the partition's position in one statement.
 *
 *   SELECT 0, position FROM spillway_position        the position, also when no row is there
 *   UNION ALL SELECT n, version, … FROM table n      the columns of each table stand side by side, so that none is
 *   UNION ALL SELECT −n, version, … FROM parked      converted to the type of another's
 *
 * InnoDB reads all of one statement from one snapshot, so the position is that of the rows, whoever lands meanwhile.
 * Statements stay prepared under their text: keys are filled up to a power of two with the last one again.
 */
import type { RecordRef } from '../../model/entry.ts'
import { ORIGIN } from '../../model/position.ts'
import type { Position, Version } from '../../model/position.ts'
import type { DatabaseRead, ScannedRow } from '../../ports/database.ts'
import type { Held } from '../../ports/front.ts'
import { HELD_ABSENT } from '../../ports/front.ts'
import type { Bound, Cell } from './client.ts'
import type { MysqlConnection, Row } from './connection.ts'
import { parkedOf } from './database-parked.ts'
import { afterKey, afterKeyValues, anyKey, keysBound } from './row-sql.ts'
import { MappedRows, textOf } from './row-table.ts'
import type { RowTable } from './row-table.ts'
import { filledUp } from './statement-sizes.ts'

/** The keys of one collection, and where each stands in the answer. */
interface Asked {
  readonly table: RowTable
  readonly keys: string[]
  /** First column of the table's own in the answer. */
  readonly from: number
}

/** Branch, version, key and value of the shared table and of parked writes. */
const COMMON_COLUMNS = 4
const ROW = { branch: 0, version: 1, key: 2, value: 3 } as const

export async function readRows(
  connection: MysqlConnection,
  partition: number,
  refs: readonly RecordRef[],
  tableOf: (collection: string) => RowTable,
): Promise<DatabaseRead> {
  const asked = askedOf(refs, tableOf)
  const { sql, values } = statementOf(partition, asked)
  const rows = await connection.rows(sql, values)
  const found = new Map<string, Held>()
  let position = ORIGIN
  for (const row of rows) {
    const branch = Number(row[ROW.branch])
    if (branch === 0) position = Number(row[ROW.version]) as Position
    else if (branch > 0) take(found, asked[branch - 1] as Asked, row)
  }
  for (const row of rows) {
    const branch = Number(row[ROW.branch])
    if (branch < 0) takeParked(found, asked[-branch - 1] as Asked, row)
  }
  return { position, held: refs.map((ref) => found.get(nameOf(ref.collection, ref.key)) ?? HELD_ABSENT) }
}

function askedOf(refs: readonly RecordRef[], tableOf: (collection: string) => RowTable): Asked[] {
  const asked = new Map<string, Asked>()
  let from = COMMON_COLUMNS
  for (const { collection, key } of refs) {
    let one = asked.get(collection)
    if (one === undefined) {
      const table = tableOf(collection)
      one = { table, keys: [], from }
      if (table instanceof MappedRows) from += table.selected.length
      asked.set(collection, one)
    }
    one.keys.push(key)
  }
  return [...asked.values()]
}

function statementOf(partition: number, asked: readonly Asked[]): { sql: string; values: Bound[] } {
  const width = asked.reduce(
    (sum, { table }) => sum + (table instanceof MappedRows ? table.selected.length : 0),
    0,
  )
  const nulls = (count: number): string => ', NULL'.repeat(count)
  const branches = [
    `SELECT 0 AS branch, \`position\` AS version, NULL AS name, NULL AS value${nulls(width)} FROM spillway_position WHERE \`partition\` = ?`,
  ]
  const values: Bound[] = [partition]
  for (const [index, { table, keys, from }] of asked.entries()) {
    const { shape, selected } = table
    const filled = filledUp(keys)
    const own = table instanceof MappedRows
    const before = from - COMMON_COLUMNS
    const columns = own
      ? `NULL, NULL${nulls(before)}, ${selected.join(', ')}${nulls(width - before - selected.length)}`
      : `${selected.join(', ')}${nulls(width)}`
    branches.push(
      `SELECT ${index + 1}, ${shape.version}, ${columns} FROM ${shape.name} WHERE ${anyKey(shape, filled.length)}`,
      `SELECT ${-index - 1}, \`spillway_version\`, \`record_key\`, \`value\`${nulls(width)} FROM spillway_parked
       WHERE \`collection\` = ? AND \`record_key\` IN (${filled.map(() => '?').join(', ')})`,
    )
    const bound = filled.map((key) => table.bindKey(key))
    values.push(...keysBound(shape, bound), table.collection, ...filled)
  }
  return { sql: branches.join('\nUNION ALL '), values }
}

function take(found: Map<string, Held>, { table, from }: Asked, row: Row): void {
  const own = table instanceof MappedRows
  const cells = own ? row.slice(from, from + table.selected.length) : row.slice(ROW.key, ROW.value + 1)
  const key = own ? table.keyOf(cells) : textOf(row[ROW.key])
  found.set(nameOf(table.collection, key), {
    version: Number(row[ROW.version]) as Version,
    value: table.valueOf(cells),
  })
}

/** A parked write is newer than what the table has, or it would have been cleared; it is compared all the same. */
function takeParked(found: Map<string, Held>, { table }: Asked, row: Row): void {
  const name = nameOf(table.collection, textOf(row[ROW.key]))
  const { version, value } = parkedOf(row[ROW.version], row[ROW.value])
  if (version <= (found.get(name)?.version ?? 0)) return
  found.set(name, value === undefined ? HELD_ABSENT : { version, value })
}

function nameOf(collection: string, key: string): string {
  return `${collection}\0${key}`
}

/** What the table has of one key. */
export async function readTable(connection: MysqlConnection, table: RowTable, key: string): Promise<Held> {
  const { shape, selected } = table
  const [row] = await connection.rows(
    `SELECT ${[shape.version, ...selected].join(', ')} FROM ${shape.name} WHERE ${anyKey(shape, 1)}`,
    table.bindKey(key),
  )
  if (row === undefined) return HELD_ABSENT
  return { version: Number(row[0]) as Version, value: table.valueOf(row.slice(1)) }
}

export async function scanRows(
  connection: MysqlConnection,
  table: RowTable,
  after: string | undefined,
  limit: number,
): Promise<{ rows: ScannedRow[]; next: string | undefined }> {
  const { shape, selected } = table
  const own = table instanceof MappedRows
  const count = Math.trunc(limit) + 1
  const condition = own
    ? after === undefined
      ? 'TRUE'
      : afterKey(shape)
    : '`collection` = ? AND `record_key` > ?'
  const values = own
    ? after === undefined
      ? []
      : afterKeyValues(fromCursor(after))
    : [table.collection, after ?? '']
  const found = await connection.rows(
    `SELECT ${[shape.version, table.checkColumn, ...selected].join(', ')} FROM ${shape.name}
     WHERE ${condition} ORDER BY ${shape.key.join(', ')} LIMIT ${count}`,
    values,
  )
  const rows = found
    .slice(0, limit)
    .map(([version, check, ...cells]) => table.scanned(Number(version) as Version, cells, check ?? null))
  const last = found[limit - 1]
  if (found.length <= limit || last === undefined) return { rows, next: undefined }
  return { rows, next: own ? toCursor(last.slice(2, 2 + shape.key.length)) : rows.at(-1)?.key }
}

/** Key columns as they stand in the table: a row that others wrote may have a key that no template takes apart. */
function toCursor(cells: readonly Cell[]): string {
  return JSON.stringify(
    cells.map((cell) => (Buffer.isBuffer(cell) ? { bytes: cell.toString('base64') } : cell)),
  )
}

function fromCursor(cursor: string): Bound[] {
  const cells = JSON.parse(cursor) as (null | number | string | { readonly bytes: string })[]
  return cells.map((cell) =>
    cell !== null && typeof cell === 'object' ? Buffer.from(cell.bytes, 'base64') : cell,
  )
}

/** Collections that have rows: those of the shared table, and mapped ones whose table is not empty. */
export async function collectionsWithRows(
  connection: MysqlConnection,
  mapped: readonly RowTable[],
): Promise<string[]> {
  const shared = await connection.rows('SELECT DISTINCT `collection` FROM spillway_records')
  const names = new Set(shared.map((row) => textOf(row[0])))
  for (const { collection, shape } of mapped) {
    if ((await connection.rows(`SELECT 1 FROM ${shape.name} LIMIT 1`)).length > 0) names.add(collection)
  }
  return [...names].sort()
}
