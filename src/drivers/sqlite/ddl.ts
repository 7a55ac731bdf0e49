/**
 * The tables of a SQLite database: Spillway's own, and the statements that make a user's table fit.
 *
 *   spillway_position   a row a partition: where it stands in the journal, and the ledger's counters at that place
 *   spillway_void       entry ids that never count           spillway_seal     sealed collections
 *   spillway_refused    positions of refused entries         spillway_parked   writes that no table accepts, by key
 *   spillway_records    rows of all unmapped collections     spillway_records_history   all their versions
 *
 * Keys are TEXT with SQLite's default BINARY collation: it compares the UTF-8 bytes with memcmp, and every string
 * comes back as it was (NUL, emoji and a byte order mark were tried on Node and Bun), while people can still write
 * `WHERE record_key = 'k'`.
 *
 * Tables of records have a rowid: `WITHOUT ROWID` took 17,000 instead of 48,000 upserts/s at 500 bytes a value and
 * random keys (two shared cores), because every page of that tree carries values.
 *
 * `spillway_records` is not STRICT: a value that somebody edits as text must be readable, so that `verify` can
 * name it.
 */
import type { ColumnAs } from '../../model/columns.ts'
import { CHECK_COLUMN, DELETED_COLUMN } from '../../model/table.ts'
import type { MappedColumn, MappedTable, TableSpec } from '../../model/table.ts'

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

const OWN_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS spillway_position (
  partition INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  journal TEXT NOT NULL,
  position INTEGER NOT NULL,
  "offset" INTEGER NOT NULL,
  digest TEXT NOT NULL,
  refused_from INTEGER NOT NULL DEFAULT 0,
  landed INTEGER NOT NULL DEFAULT 0,
  superseded INTEGER NOT NULL DEFAULT 0,
  refused INTEGER NOT NULL DEFAULT 0,
  parked INTEGER NOT NULL DEFAULT 0,
  voided INTEGER NOT NULL DEFAULT 0,
  control INTEGER NOT NULL DEFAULT 0
) STRICT`,
  `CREATE TABLE IF NOT EXISTS spillway_void (
  partition INTEGER NOT NULL,
  entry_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (partition, entry_id)
) STRICT, WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS spillway_seal (
  partition INTEGER NOT NULL,
  collection TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (partition, collection)
) STRICT, WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS spillway_refused (
  partition INTEGER NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (partition, position)
) STRICT, WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS spillway_parked (
  collection TEXT NOT NULL,
  record_key TEXT NOT NULL,
  spillway_version INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  frame INTEGER,
  cause TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  at INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  value BLOB,
  PRIMARY KEY (collection, record_key)
) STRICT`,
  `CREATE TABLE IF NOT EXISTS spillway_records (
  collection TEXT NOT NULL,
  record_key TEXT NOT NULL,
  spillway_version INTEGER NOT NULL DEFAULT 1,
  spillway_check TEXT,
  value BLOB NOT NULL,
  PRIMARY KEY (collection, record_key)
)`,
  `CREATE TABLE IF NOT EXISTS spillway_records_history (
  collection TEXT NOT NULL,
  record_key TEXT NOT NULL,
  spillway_version INTEGER NOT NULL,
  spillway_deleted INTEGER NOT NULL,
  spillway_check TEXT,
  value BLOB,
  PRIMARY KEY (collection, record_key, spillway_version)
)`,
]

/** The tables that are Spillway's own whatever the collections are; harmless where they exist. */
export function ownDdl(): readonly string[] {
  return OWN_TABLES
}

/** `ANY` in a STRICT table keeps a string a string and a number a number. */
const TYPES: Record<ColumnAs, string> = {
  text: 'TEXT',
  int64: 'INTEGER',
  decimal: 'TEXT',
  date: 'TEXT',
  instant: 'TEXT',
  bool: 'INTEGER',
  binary: 'BLOB',
  json: 'TEXT',
}

export function typeOf(column: MappedColumn): string {
  return column.as === undefined ? 'ANY' : TYPES[column.as]
}

/** All statements that make the tables of a collection from nothing. */
export function ddlFor(spec: TableSpec): string[] {
  const table = spec.mapped
  if (table === undefined) return [...OWN_TABLES]
  return [createTable(table), ...(spec.history ? [createHistory(table)] : [])]
}

export function createTable(table: MappedTable): string {
  const lines = table.columns.map(
    (column) => `${quoted(column.column)} ${typeOf(column)}${column.isKey ? ' NOT NULL' : ''}`,
  )
  lines.push(`${quoted(table.versionColumn)} INTEGER NOT NULL DEFAULT 1`)
  if (table.check) lines.push(`${quoted(CHECK_COLUMN)} TEXT`)
  lines.push(`PRIMARY KEY (${keyColumns(table)})`)
  return `CREATE TABLE ${quoted(table.name)} (\n  ${lines.join(',\n  ')}\n) STRICT`
}

/** Every version of a row; a deleted one has no values. */
export function createHistory(table: MappedTable): string {
  const lines = table.columns.map(
    (column) => `${quoted(column.column)} ${typeOf(column)}${column.isKey ? ' NOT NULL' : ''}`,
  )
  lines.push(`${quoted(table.versionColumn)} INTEGER NOT NULL`)
  if (table.check) lines.push(`${quoted(CHECK_COLUMN)} TEXT`)
  lines.push(`${quoted(DELETED_COLUMN)} INTEGER NOT NULL`)
  lines.push(`PRIMARY KEY (${keyColumns(table)}, ${quoted(table.versionColumn)})`)
  return `CREATE TABLE ${quoted(table.historyName)} (\n  ${lines.join(',\n  ')}\n) STRICT`
}

export function addColumn(table: string, column: string, definition: string): string {
  return `ALTER TABLE ${quoted(table)} ADD COLUMN ${quoted(column)} ${definition}`
}

export function addVersionColumn(table: MappedTable): string {
  return addColumn(table.name, table.versionColumn, 'INTEGER NOT NULL DEFAULT 1')
}

function keyColumns(table: MappedTable): string {
  return table.columns
    .slice(0, table.keyCount)
    .map((column) => quoted(column.column))
    .join(', ')
}
