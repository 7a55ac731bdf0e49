/**
 * Whether a user's table can take and give back values exactly, and what to change where it cannot.
 *
 * SQLite converts on the way in by a column's affinity: text '007' written to a NUMERIC column is 7 afterwards. So
 * each conversion has affinities that leave its values alone:
 *
 *   text decimal json   TEXT, none         date instant   also NUMERIC (what DATE and DATETIME are)
 *   int64 bool          INTEGER, NUMERIC, none             binary         any that is not STRICT
 *   without `as`        any; strings are refused by numeric columns and numbers by text ones, row by row
 */
import type { ColumnAs } from '../../model/columns.ts'
import { CHECK_COLUMN, DELETED_COLUMN } from '../../model/table.ts'
import type { MappedColumn, MappedTable, TableSpec } from '../../model/table.ts'
import type { SqliteConnection, SqliteRow } from '../../runtime/sqlite.ts'
import { addColumn, addVersionColumn, createHistory, createTable, quoted, typeOf } from './ddl.ts'

export type Affinity = 'integer' | 'text' | 'none' | 'real' | 'numeric'

/** Something that has to change before rows can be exact; `statement` where `spillway ddl` can do it. */
export interface TableProblem {
  readonly table: string
  readonly problem: string
  readonly fix: string
  readonly statement?: string
}

interface ColumnInfo {
  readonly name: string
  readonly declared: string
  readonly notNull: boolean
  readonly defaulted: boolean
  /** 1-based place in the primary key; 0 = not in it. */
  readonly keyPlace: number
  readonly generated: boolean
}

interface TableInfo {
  readonly strict: boolean
  readonly columns: ReadonlyMap<string, ColumnInfo>
}

const FITS: Record<ColumnAs, readonly Affinity[]> = {
  text: ['text', 'none'],
  decimal: ['text', 'none'],
  json: ['text', 'none'],
  date: ['text', 'none', 'numeric'],
  instant: ['text', 'none', 'numeric'],
  int64: ['integer', 'numeric', 'none'],
  bool: ['integer', 'numeric', 'none'],
  binary: ['integer', 'text', 'none', 'real', 'numeric'],
}

/** https://sqlite.org/datatype3.html section 3.1; in STRICT tables `ANY` converts nothing. */
export function affinityOf(declared: string, strict: boolean): Affinity {
  const type = declared.toUpperCase()
  if (strict && type === 'ANY') return 'none'
  if (type.includes('INT')) return 'integer'
  if (/CHAR|CLOB|TEXT/.test(type)) return 'text'
  if (type === '' || type.includes('BLOB')) return 'none'
  return /REAL|FLOA|DOUB/.test(type) ? 'real' : 'numeric'
}

/** All that keeps the table of a collection from being exact; empty when nothing does. */
export function inspect(connection: SqliteConnection, spec: TableSpec): TableProblem[] {
  const table = spec.mapped
  if (table === undefined) return []
  const info = readTable(connection, table.name)
  if (info === undefined)
    return [missingTable(table.name, createTable(table)), ...inspectHistory(connection, spec, table)]
  const problems = [...inspectColumns(table, info), ...inspectIndexes(connection, table, info)]
  return [...problems, ...inspectHistory(connection, spec, table)]
}

/** What each column without `as` takes: its affinity, for the check of single rows. */
export function affinitiesOf(connection: SqliteConnection, table: MappedTable): (Affinity | undefined)[] {
  const info = readTable(connection, table.name)
  return table.columns.map((column) => {
    const found = info?.columns.get(column.column.toLowerCase())
    return column.as === undefined && found !== undefined && info !== undefined
      ? affinityOf(found.declared, info.strict)
      : undefined
  })
}

function missingTable(name: string, statement: string): TableProblem {
  return {
    table: name,
    problem: 'there is no such table',
    fix: `create it (spillway ddl --apply): ${statement}`,
    statement,
  }
}

function readTable(connection: SqliteConnection, name: string): TableInfo | undefined {
  const listed = connection.prepare(
    `SELECT type, strict FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE`,
  )
  const found = listed.get<{ type: string; strict: number }>(name)
  listed.finalize()
  if (found === undefined || found.type !== 'table') return undefined
  const columns = new Map<string, ColumnInfo>()
  for (const row of pragma(connection, `SELECT * FROM pragma_table_xinfo(?)`, name)) {
    columns.set(String(row.name).toLowerCase(), {
      name: String(row.name),
      declared: String(row.type),
      notNull: row.notnull === 1,
      defaulted: row.dflt_value !== null,
      keyPlace: Number(row.pk),
      generated: Number(row.hidden) !== 0,
    })
  }
  return { strict: found.strict === 1, columns }
}

function pragma(connection: SqliteConnection, sql: string, name: string): SqliteRow[] {
  const statement = connection.prepare(sql)
  try {
    return statement.all(name)
  } finally {
    statement.finalize()
  }
}

function inspectColumns(table: MappedTable, info: TableInfo): TableProblem[] {
  const problems: TableProblem[] = []
  const report = (problem: string, fix: string, statement?: string): void => {
    problems.push({ table: table.name, problem, fix, ...(statement === undefined ? {} : { statement }) })
  }
  for (const column of table.columns) {
    const found = info.columns.get(column.column.toLowerCase())
    const name = JSON.stringify(column.column)
    if (found === undefined) {
      if (column.isKey)
        report(`it has no key column ${name}`, 'name the column in `columns`, or make the table again')
      else {
        const statement = addColumn(
          table.name,
          column.column,
          info.strict ? typeOf(column) : looseType(column),
        )
        report(
          `it has no column ${name} for field ${JSON.stringify(column.field)}`,
          `add it (spillway ddl --apply): ${statement}`,
          statement,
        )
      }
      continue
    }
    if (found.generated)
      report(`column ${name} is generated and cannot be written`, 'map the field to another column')
    const fits = column.as === undefined ? undefined : FITS[column.as]
    const affinity = affinityOf(found.declared, info.strict)
    const strictBinary = column.as === 'binary' && info.strict && affinity !== 'none'
    if (strictBinary || (fits !== undefined && !fits.includes(affinity))) {
      report(
        `column ${name} is declared ${found.declared || 'without a type'}, which would change values of ${String(column.as)}`,
        `declare it ${typeOf(column)}, or give the field another \`as\``,
      )
    }
  }
  inspectAddedColumns(table, info, report)
  const written = new Set(
    [...table.columns.map((one) => one.column), table.versionColumn, CHECK_COLUMN].map((one) =>
      one.toLowerCase(),
    ),
  )
  for (const [folded, column] of info.columns) {
    if (
      !written.has(folded) &&
      column.notNull &&
      !column.defaulted &&
      !column.generated &&
      column.keyPlace === 0
    ) {
      report(
        `column ${JSON.stringify(column.name)} is NOT NULL without a default and no field is mapped to it, so that no row could be inserted`,
        'map a field to it, or give it a default',
      )
    }
  }
  return problems
}

/** Without STRICT the word ANY would mean NUMERIC; no type at all means no conversion. */
function looseType(column: MappedColumn): string {
  return column.as === undefined ? '' : typeOf(column)
}

function inspectAddedColumns(
  table: MappedTable,
  info: TableInfo,
  report: (problem: string, fix: string, statement?: string) => void,
): void {
  const version = info.columns.get(table.versionColumn.toLowerCase())
  if (version === undefined) {
    const statement = addVersionColumn(table)
    report(
      `it has no version column ${JSON.stringify(table.versionColumn)}`,
      `add it (spillway ddl --apply): ${statement}`,
      statement,
    )
  } else if (!['integer', 'numeric', 'none'].includes(affinityOf(version.declared, info.strict))) {
    report(
      `the version column ${JSON.stringify(version.name)} is declared ${version.declared}`,
      'declare it INTEGER NOT NULL DEFAULT 1',
    )
  }
  if (!table.check) return
  const check = info.columns.get(CHECK_COLUMN)
  if (check === undefined) {
    const statement = addColumn(table.name, CHECK_COLUMN, 'TEXT')
    report(
      `it has no column "${CHECK_COLUMN}", which \`check: true\` needs`,
      `add it (spillway ddl --apply): ${statement}`,
      statement,
    )
  } else if (!['text', 'none'].includes(affinityOf(check.declared, info.strict))) {
    report(`column "${CHECK_COLUMN}" is declared ${check.declared}`, 'declare it TEXT')
  }
}

function inspectIndexes(connection: SqliteConnection, table: MappedTable, info: TableInfo): TableProblem[] {
  const problems: TableProblem[] = []
  const report = (problem: string, fix: string): number => problems.push({ table: table.name, problem, fix })
  const key = new Set(table.columns.slice(0, table.keyCount).map((column) => column.column.toLowerCase()))
  const primary = [...info.columns].filter(([, column]) => column.keyPlace > 0).map(([folded]) => folded)
  let keyIsUnique = sameSet(new Set(primary), key)
  for (const index of pragma(connection, `SELECT * FROM pragma_index_list(?)`, table.name)) {
    if (index.unique !== 1) continue
    const name = String(index.name)
    const parts = pragma(connection, `SELECT * FROM pragma_index_xinfo(?)`, name).filter(
      (part) => part.key === 1,
    )
    const columns = new Set(parts.map((part) => String(part.name).toLowerCase()))
    const isKey = sameSet(columns, key) && index.partial === 0
    if (isKey) {
      keyIsUnique = true
      for (const part of parts) {
        if (String(part.coll).toUpperCase() === 'BINARY') continue
        report(
          `key column ${JSON.stringify(part.name)} compares with ${String(part.coll)}, so that different keys are one row`,
          'declare it without COLLATE (or COLLATE BINARY)',
        )
      }
    }
    if (index.origin === 'pk' || table.landing === 'row-by-row') continue
    report(
      `it has the UNIQUE index ${JSON.stringify(name)} besides its primary key, so that one row can stand in another's way`,
      "drop it, or declare the collection's table with landing: 'row-by-row'",
    )
  }
  if (!keyIsUnique) {
    report(
      `its primary key (${primary.join(', ') || 'none'}) is not the key ${JSON.stringify(table.key.text)}`,
      `make (${[...key].join(', ')}) its primary key`,
    )
  }
  return problems
}

function inspectHistory(connection: SqliteConnection, spec: TableSpec, table: MappedTable): TableProblem[] {
  if (!spec.history) return []
  const info = readTable(connection, table.historyName)
  if (info === undefined) return [missingTable(table.historyName, createHistory(table))]
  const wanted = [
    ...table.columns.map(
      (column) => [column.column, info.strict ? typeOf(column) : looseType(column)] as const,
    ),
    ...(table.check ? [[CHECK_COLUMN, 'TEXT'] as const] : []),
    [table.versionColumn, 'INTEGER NOT NULL DEFAULT 1'] as const,
    [DELETED_COLUMN, 'INTEGER NOT NULL DEFAULT 0'] as const,
  ]
  return wanted.flatMap(([column, definition]) => {
    if (info.columns.has(column.toLowerCase())) return []
    const statement = addColumn(table.historyName, column, definition)
    const problem = `it has no column ${JSON.stringify(column)}`
    return [
      { table: table.historyName, problem, fix: `add it (spillway ddl --apply): ${statement}`, statement },
    ]
  })
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one))
}

/** One line a problem, for errors and for doctor. */
export function describe(problem: TableProblem): string {
  return `Table ${quoted(problem.table)}: ${problem.problem}. Fix: ${problem.fix}.`
}
