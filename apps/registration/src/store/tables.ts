/**
 * The tables, as a DBA would make them, for both databases; and the one place where their SQL differs.
 *
 * Keys are compared byte by byte, as Spillway asks of key columns. Every table has the version column that Spillway
 * adds; `form` has its check column too, by which `verify` finds a row that somebody changed by hand. The
 * indexes serve the teacher's lists and the reading of the audit log, and no more: each costs landing. None is
 * UNIQUE, because a multi-row upsert would overwrite the row of another key.
 * `form_history` and Spillway's own tables are made by `open`.
 */
export type Dialect = 'sqlite' | 'mysql'

type ColumnType = 'id' | 'code' | 'name' | 'text' | 'json' | 'instant' | 'number' | 'check'

interface Table {
  readonly name: string
  readonly key: readonly string[]
  /** Column, type; those with `?` may be null. */
  readonly columns: readonly (readonly [string, ColumnType | `${ColumnType}?`])[]
  readonly indexes?: readonly (readonly string[])[]
}

const TABLES: readonly Table[] = [
  {
    name: 'candidate',
    key: ['candidate'],
    columns: [
      ['candidate', 'id'],
      ['number', 'code'],
      ['name', 'name'],
      ['high_school', 'name'],
      ['class', 'code'],
      ['first_secret', 'text'],
    ],
    indexes: [['class', 'candidate']],
  },
  {
    name: 'form',
    key: ['candidate'],
    columns: [
      ['candidate', 'id'],
      ['state', 'code'],
      ['choices', 'json'],
      ['saves', 'number'],
      ['receipt', 'code'],
      ['saved_at', 'instant'],
      ['confirmed_at', 'instant?'],
      ['spillway_check', 'check?'],
    ],
  },
  {
    name: 'exam_result',
    key: ['candidate'],
    columns: [
      ['candidate', 'id'],
      ['track', 'code'],
      ['subjects', 'json'],
      ['total', 'number'],
      ['rank_in_track', 'number'],
    ],
  },
  {
    name: 'school',
    key: ['school'],
    columns: [
      ['school', 'code'],
      ['name', 'name'],
      ['name_en', 'name'],
      ['city', 'name'],
    ],
  },
  {
    name: 'major',
    key: ['school', 'major'],
    columns: [
      ['school', 'code'],
      ['major', 'code'],
      ['name', 'name'],
      ['name_en', 'name'],
      ['seats', 'number'],
    ],
  },
  {
    name: 'school_class',
    key: ['class'],
    columns: [
      ['class', 'code'],
      ['name', 'name'],
      ['high_school', 'name'],
      ['teacher', 'code'],
    ],
    indexes: [['teacher', 'class']],
  },
  {
    name: 'teacher',
    key: ['teacher'],
    columns: [
      ['teacher', 'code'],
      ['name', 'name'],
      ['high_school', 'name'],
      ['first_secret', 'text'],
    ],
  },
  {
    name: 'credential',
    key: ['role', 'person'],
    columns: [
      ['role', 'code'],
      ['person', 'code'],
      ['secret', 'text'],
      ['because', 'code'],
      ['set_at', 'instant'],
    ],
  },
  {
    name: 'audit',
    key: ['entry'],
    columns: [
      ['entry', 'code'],
      ['at', 'instant'],
      ['role', 'code'],
      ['person', 'code'],
      ['action', 'code'],
      ['subject', 'text'],
    ],
    indexes: [['person', 'at']],
  },
  {
    name: 'setting',
    key: ['setting'],
    columns: [
      ['setting', 'code'],
      ['value', 'json'],
    ],
  },
  {
    name: 'import_job',
    key: ['kind', 'digest'],
    columns: [
      ['kind', 'code'],
      ['digest', 'id'],
      ['progress', 'json'],
    ],
  },
]

const TYPES: Readonly<Record<Dialect, Readonly<Record<ColumnType, string>>>> = {
  sqlite: {
    id: 'TEXT',
    code: 'TEXT',
    name: 'TEXT',
    text: 'TEXT',
    json: 'TEXT',
    instant: 'TEXT',
    number: 'INTEGER',
    check: 'TEXT',
  },
  mysql: {
    id: 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_nopad_bin',
    code: 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_nopad_bin',
    name: 'VARCHAR(160) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin',
    text: 'VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin',
    json: 'LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin',
    instant: 'DATETIME(6)',
    number: 'BIGINT',
    check: 'CHAR(16) CHARACTER SET ascii COLLATE ascii_nopad_bin',
  },
}

const QUOTES: Readonly<Record<Dialect, string>> = { sqlite: '"', mysql: '`' }

/** Statements that make what is missing; harmless where everything is there. */
export function tableStatements(dialect: Dialect): string[] {
  return TABLES.flatMap((table) => [createTable(dialect, table), ...indexesOf(dialect, table)])
}

function createTable(dialect: Dialect, table: Table): string {
  const q = quoting(dialect)
  const types = TYPES[dialect]
  const lines = table.columns.map(([name, type]) => {
    const nullable = type.endsWith('?')
    return `${q(name)} ${types[type.replace('?', '') as ColumnType]}${nullable ? '' : ' NOT NULL'}`
  })
  const version = dialect === 'sqlite' ? 'INTEGER' : 'BIGINT'
  lines.push(`${q('spillway_version')} ${version} NOT NULL DEFAULT 1`)
  lines.push(`PRIMARY KEY (${table.key.map(q).join(', ')})`)
  if (dialect === 'mysql') for (const index of table.indexes ?? []) lines.push(inlineIndex(q, table, index))
  const end = dialect === 'sqlite' ? ') STRICT' : ') ENGINE = InnoDB'
  return `CREATE TABLE IF NOT EXISTS ${q(table.name)} (\n  ${lines.join(',\n  ')}\n${end}`
}

/** MySQL has no CREATE INDEX IF NOT EXISTS, so that its indexes are made with their table. */
function indexesOf(dialect: Dialect, table: Table): string[] {
  if (dialect === 'mysql') return []
  const q = quoting(dialect)
  return (table.indexes ?? []).map(
    (columns) =>
      `CREATE INDEX IF NOT EXISTS ${q(indexName(table, columns))} ON ${q(table.name)} (${columns.map(q).join(', ')})`,
  )
}

function inlineIndex(q: (name: string) => string, table: Table, columns: readonly string[]): string {
  return `INDEX ${q(indexName(table, columns))} (${columns.map(q).join(', ')})`
}

function indexName(table: Table, columns: readonly string[]): string {
  return `${table.name}_by_${columns.join('_')}`
}

function quoting(dialect: Dialect): (name: string) => string {
  const quote = QUOTES[dialect]
  return (name) => quote + name + quote
}
