/**
 * The tables of a MariaDB database: Spillway's own, and the statements that make a user's table fit.
 *
 *   spillway_position   a row a partition: where it stands in the journal, and the ledger's counters at that place
 *   spillway_void       entry ids that never count           spillway_seal     sealed collections
 *   spillway_refused    positions of refused entries         spillway_parked   writes that no table accepts, by key
 *   spillway_records    rows of all unmapped collections     spillway_records_history   all their versions
 *
 * Keys of ours are VARBINARY: MariaDB compares text by collation, and all of its default ones take 'a', 'A' and 'a '
 * for the same key. Keys of mapped tables made here are text of a collation that does not (`_nopad_bin`), so that
 * people can still write `WHERE candidate = 'x'`.
 *
 * `spillway_position.landings` counts commits: an update that left every column as it was would not count as a
 * changed row, and the compare-and-advance goes by changed rows.
 */
import type { ColumnAs } from '../../model/columns.ts'
import { CHECK_COLUMN, DELETED_COLUMN } from '../../model/table.ts'
import type { MappedColumn, MappedTable } from '../../model/table.ts'
import type { Dialect } from './connection.ts'

export function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin'
const OWN = 'ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin'

const OWN_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS spillway_position (
  \`partition\` INT NOT NULL PRIMARY KEY,
  \`generation\` INT NOT NULL,
  \`journal\` VARBINARY(255) NOT NULL,
  \`position\` BIGINT NOT NULL,
  \`offset\` BIGINT NOT NULL,
  \`digest\` VARBINARY(255) NOT NULL,
  \`refused_from\` BIGINT NOT NULL DEFAULT 0,
  \`landed\` BIGINT NOT NULL DEFAULT 0,
  \`superseded\` BIGINT NOT NULL DEFAULT 0,
  \`refused\` BIGINT NOT NULL DEFAULT 0,
  \`parked\` BIGINT NOT NULL DEFAULT 0,
  \`voided\` BIGINT NOT NULL DEFAULT 0,
  \`control\` BIGINT NOT NULL DEFAULT 0,
  \`landings\` BIGINT NOT NULL DEFAULT 0
) ${OWN}`,
  `CREATE TABLE IF NOT EXISTS spillway_void (
  \`partition\` INT NOT NULL,
  \`entry_id\` VARBINARY(64) NOT NULL,
  \`position\` BIGINT NOT NULL,
  PRIMARY KEY (\`partition\`, \`entry_id\`)
) ${OWN}`,
  `CREATE TABLE IF NOT EXISTS spillway_seal (
  \`partition\` INT NOT NULL,
  \`collection\` VARBINARY(63) NOT NULL,
  \`position\` BIGINT NOT NULL,
  PRIMARY KEY (\`partition\`, \`collection\`)
) ${OWN}`,
  `CREATE TABLE IF NOT EXISTS spillway_refused (
  \`partition\` INT NOT NULL,
  \`position\` BIGINT NOT NULL,
  PRIMARY KEY (\`partition\`, \`position\`)
) ${OWN}`,
  `CREATE TABLE IF NOT EXISTS spillway_parked (
  \`collection\` VARBINARY(63) NOT NULL,
  \`record_key\` VARBINARY(512) NOT NULL,
  \`spillway_version\` BIGINT NOT NULL,
  \`partition\` INT NOT NULL,
  \`frame\` BIGINT,
  \`cause\` TEXT NOT NULL,
  \`attempts\` INT NOT NULL,
  \`at\` BIGINT NOT NULL,
  \`bytes\` BIGINT NOT NULL,
  \`value\` LONGBLOB,
  PRIMARY KEY (\`collection\`, \`record_key\`)
) ${OWN}`,
  `CREATE TABLE IF NOT EXISTS spillway_records (
  \`collection\` VARBINARY(63) NOT NULL,
  \`record_key\` VARBINARY(512) NOT NULL,
  \`spillway_version\` BIGINT NOT NULL DEFAULT 1,
  \`spillway_check\` VARBINARY(16),
  \`value\` LONGBLOB NOT NULL,
  PRIMARY KEY (\`collection\`, \`record_key\`)
) ${OWN}`,
  `CREATE TABLE IF NOT EXISTS spillway_records_history (
  \`collection\` VARBINARY(63) NOT NULL,
  \`record_key\` VARBINARY(512) NOT NULL,
  \`spillway_version\` BIGINT NOT NULL,
  \`spillway_deleted\` TINYINT NOT NULL,
  \`spillway_check\` VARBINARY(16),
  \`value\` LONGBLOB,
  PRIMARY KEY (\`collection\`, \`record_key\`, \`spillway_version\`)
) ${OWN}`,
]

/** The tables that are Spillway's own whatever the collections are; harmless where they exist. */
export function ownDdl(): readonly string[] {
  return OWN_TABLES
}

/** Types that give every value of a conversion back as it was sent; text that only a machine reads is ASCII. */
const TYPES: Record<Exclude<ColumnAs, 'text' | 'json'>, string> = {
  int64: 'BIGINT',
  // Trailing zeros are part of a decimal, and DECIMAL(p,s) has one number of them for all rows.
  decimal: `VARCHAR(67) ${ASCII}`,
  date: 'DATE',
  // An instant with a zone or another number of fraction digits is kept as it was sent.
  instant: `VARCHAR(32) ${ASCII}`,
  bool: 'TINYINT(1)',
  binary: 'LONGBLOB',
}

/** Undefined without `as`: no type of MariaDB keeps strings strings and numbers numbers. */
export function typeOf(column: MappedColumn, dialect: Dialect): string | undefined {
  if (column.as === undefined) return undefined
  if (column.as === 'text' || column.as === 'json')
    return `LONGTEXT CHARACTER SET utf8mb4 COLLATE ${dialect.binaryCollation}`
  return TYPES[column.as]
}

/** InnoDB's bound of a key, in bytes; utf8mb4 counts 4 a character. */
const KEY_BYTES_MAX = 3_072
const KEY_CHARACTERS_MAX = 512
const NUMBER_BYTES = 8

function keyTypeOf(column: MappedColumn, table: MappedTable, dialect: Dialect): string {
  if (column.as !== 'text') return typeOf(column, dialect) ?? ''
  const keys = table.columns.slice(0, table.keyCount)
  const texts = keys.filter((one) => one.as === 'text').length
  // The history's key has the version besides.
  const numbers = keys.length - texts + 1
  const fits = Math.floor((KEY_BYTES_MAX - numbers * NUMBER_BYTES) / 4 / texts)
  return `VARCHAR(${Math.min(KEY_CHARACTERS_MAX, fits)}) CHARACTER SET utf8mb4 COLLATE ${dialect.binaryCollation}`
}

/** Undefined where a column has no `as`. */
export function createTable(table: MappedTable, dialect: Dialect): string | undefined {
  const lines = columnLines(table, dialect)
  if (lines === undefined) return undefined
  lines.push(`${quoted(table.versionColumn)} BIGINT NOT NULL DEFAULT 1`)
  if (table.check) lines.push(`${quoted(CHECK_COLUMN)} ${CHECK_TYPE}`)
  lines.push(`PRIMARY KEY (${keyColumns(table)})`)
  return `CREATE TABLE ${quoted(table.name)} (\n  ${lines.join(',\n  ')}\n) ${OWN}`
}

/** Every version of a row; a deleted one has no values. */
export function createHistory(table: MappedTable, dialect: Dialect): string | undefined {
  const lines = columnLines(table, dialect)
  if (lines === undefined) return undefined
  return historyOf(table, lines)
}

/** The history of a table that is there: its columns as they are declared in it. */
export function createHistoryLike(table: MappedTable, declared: ReadonlyMap<string, string>): string {
  const lines = table.columns.map((column) => {
    const type = declared.get(column.column.toLowerCase()) ?? 'LONGTEXT'
    return `${quoted(column.column)} ${type}${column.isKey ? ' NOT NULL' : ' NULL'}`
  })
  return historyOf(table, lines)
}

function historyOf(table: MappedTable, lines: string[]): string {
  lines.push(`${quoted(table.versionColumn)} BIGINT NOT NULL`)
  if (table.check) lines.push(`${quoted(CHECK_COLUMN)} ${CHECK_TYPE}`)
  lines.push(`${quoted(DELETED_COLUMN)} TINYINT NOT NULL`)
  lines.push(`PRIMARY KEY (${keyColumns(table)}, ${quoted(table.versionColumn)})`)
  return `CREATE TABLE ${quoted(table.historyName)} (\n  ${lines.join(',\n  ')}\n) ${OWN}`
}

function columnLines(table: MappedTable, dialect: Dialect): string[] | undefined {
  const lines: string[] = []
  for (const column of table.columns) {
    const type = column.isKey ? keyTypeOf(column, table, dialect) : typeOf(column, dialect)
    if (type === undefined) return undefined
    lines.push(`${quoted(column.column)} ${type}${column.isKey ? ' NOT NULL' : ''}`)
  }
  return lines
}

export const CHECK_TYPE = `VARCHAR(16) ${ASCII}`
export const VERSION_TYPE = 'BIGINT NOT NULL DEFAULT 1'

export function addColumn(table: string, column: string, definition: string): string {
  return `ALTER TABLE ${quoted(table)} ADD COLUMN ${quoted(column)} ${definition}`
}

function keyColumns(table: MappedTable): string {
  return table.columns
    .slice(0, table.keyCount)
    .map((column) => quoted(column.column))
    .join(', ')
}
