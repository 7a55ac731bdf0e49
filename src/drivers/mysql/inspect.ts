/**
 * Whether a user's table can take and give back values exactly, and what to change where it cannot.
 *
 * Asked of information_schema, for the table and its history: engine, columns (column-kind.ts says what each keeps),
 * and indexes. A key must be compared byte by byte, or different keys are one row; no other UNIQUE index may be
 * there, because a multi-row upsert would overwrite the row that is in its way, which is another key's.
 */
import { CHECK_COLUMN, DELETED_COLUMN } from '../../model/table.ts'
import type { MappedColumn, MappedTable, TableSpec } from '../../model/table.ts'
import type { Cell } from './client.ts'
import { ColumnPlace, fits, kindOf } from './column-kind.ts'
import type { DeclaredColumn } from './column-kind.ts'
import type { Dialect, MysqlConnection } from './connection.ts'
import {
  CHECK_TYPE,
  VERSION_TYPE,
  addColumn,
  createHistory,
  createHistoryLike,
  createTable,
  quoted,
  typeOf,
} from './ddl.ts'

/** Something that has to change before rows can be exact; `statement` where `spillway ddl` can do it. */
export interface TableProblem {
  readonly table: string
  readonly problem: string
  readonly fix: string
  readonly statement?: string
}

interface IndexPart {
  readonly index: string
  readonly unique: boolean
  readonly column: string
  /** Only the first so many characters are indexed. */
  readonly prefix: boolean
}

export interface TableInfo {
  readonly engine: string
  readonly view: boolean
  readonly columns: ReadonlyMap<string, DeclaredColumn>
  readonly indexes: readonly IndexPart[]
}

type Report = (problem: string, fix: string, statement?: string) => void

/** All that keeps the table of a collection from being exact; empty when nothing does. */
export async function inspect(connection: MysqlConnection, spec: TableSpec): Promise<TableProblem[]> {
  const table = spec.mapped
  if (table === undefined) return []
  const { dialect } = connection.server
  const info = await readTable(connection, table.name)
  const problems: TableProblem[] = []
  const report = reporter(table.name, problems)
  if (info === undefined) missingTable(table, dialect, report)
  else {
    if (info.view) report('it is a view', 'name the table itself')
    else if (info.engine !== 'innodb')
      report(
        `its engine is ${info.engine}, which has no transactions`,
        `ALTER TABLE ${quoted(table.name)} ENGINE=InnoDB`,
      )
    inspectColumns(table, info, dialect, report)
    inspectIndexes(table, info, report)
  }
  if (spec.history) await inspectHistory(connection, table, info, reporter(table.historyName, problems))
  return problems
}

/** The columns of a table that was inspected, in the order of the spec. */
export async function placesOf(
  connection: MysqlConnection,
  table: MappedTable,
): Promise<ColumnPlace[] | undefined> {
  const info = await readTable(connection, table.name)
  const places = table.columns.map((column) => {
    const declared = info?.columns.get(column.column.toLowerCase())
    return declared === undefined ? undefined : new ColumnPlace(column, declared)
  })
  return places.every((one) => one !== undefined) ? places : undefined
}

function reporter(table: string, problems: TableProblem[]): Report {
  return (problem, fix, statement) => {
    problems.push({ table, problem, fix, ...(statement === undefined ? {} : { statement }) })
  }
}

function missingTable(table: MappedTable, dialect: Dialect, report: Report): void {
  const statement = createTable(table, dialect)
  if (statement !== undefined)
    return report('there is no such table', `create it (spillway ddl --apply): ${statement}`, statement)
  const untyped = table.columns.filter((column) => column.as === undefined)
  report(
    'there is no such table',
    `create it, or say how these fields are stored ({ column, as }), for no type of MariaDB keeps strings strings and numbers numbers: ${untyped.map((one) => one.field).join(', ')}`,
  )
}

async function readTable(connection: MysqlConnection, name: string): Promise<TableInfo | undefined> {
  const where = 'table_schema = DATABASE() AND table_name = ?'
  const [found] = await connection.rows(
    `SELECT table_type, engine FROM information_schema.tables WHERE ${where}`,
    [name],
  )
  if (found === undefined) return undefined
  const columns = await connection.rows(
    `SELECT column_name, data_type, column_type, character_set_name, collation_name, is_nullable, column_default,
       extra, generation_expression, numeric_scale, datetime_precision
     FROM information_schema.columns WHERE ${where} ORDER BY ordinal_position`,
    [name],
  )
  const indexes = await connection.rows(
    `SELECT index_name, non_unique, column_name, sub_part
     FROM information_schema.statistics WHERE ${where} ORDER BY index_name, seq_in_index`,
    [name],
  )
  return {
    engine: text(found[1]).toLowerCase(),
    view: text(found[0]) !== 'BASE TABLE',
    columns: new Map(columns.map((row) => [text(row[0]).toLowerCase(), declaredOf(row)])),
    indexes: indexes.map((row) => ({
      index: text(row[0]),
      unique: Number(row[1]) === 0,
      column: text(row[2]),
      prefix: row[3] !== null,
    })),
  }
}

function declaredOf(row: readonly Cell[]): DeclaredColumn {
  const extra = text(row[7]).toLowerCase()
  const fallback = text(row[6])
  return {
    name: text(row[0]),
    dataType: text(row[1]).toLowerCase(),
    declared: text(row[2]).toLowerCase(),
    charset: row[3] === null ? undefined : text(row[3]).toLowerCase(),
    collation: row[4] === null ? undefined : text(row[4]).toLowerCase(),
    nullable: text(row[5]) === 'YES',
    defaulted: (row[6] !== null && fallback !== 'NULL') || extra.includes('auto_increment'),
    generated: text(row[8]) !== '',
    numbered: extra.includes('auto_increment'),
    scale: Number(row[9] ?? row[10] ?? 0),
  }
}

function text(cell: Cell | undefined): string {
  return cell === null || cell === undefined ? '' : Buffer.isBuffer(cell) ? cell.toString() : String(cell)
}

function inspectColumns(table: MappedTable, info: TableInfo, dialect: Dialect, report: Report): void {
  for (const column of table.columns) {
    const declared = info.columns.get(column.column.toLowerCase())
    if (declared === undefined) missingColumn(table, column, dialect, report)
    else inspectColumn(table, column, declared, dialect, report)
  }
  inspectAddedColumns(table, info, report)
  const added = [table.versionColumn, CHECK_COLUMN]
  const written = new Set(
    [...table.columns.map((one) => one.column), ...added].map((one) => one.toLowerCase()),
  )
  for (const [folded, column] of info.columns) {
    if (written.has(folded) || column.nullable || column.defaulted || column.generated) continue
    report(
      `column ${JSON.stringify(column.name)} is NOT NULL without a default and no field is mapped to it, so that no row could be inserted`,
      'map a field to it, or give it a default',
    )
  }
}

function missingColumn(table: MappedTable, column: MappedColumn, dialect: Dialect, report: Report): void {
  const name = JSON.stringify(column.column)
  if (column.isKey)
    return report(`it has no key column ${name}`, 'name the column in `columns`, or make the table again')
  const problem = `it has no column ${name} for field ${JSON.stringify(column.field)}`
  const type = typeOf(column, dialect)
  if (type === undefined)
    return report(problem, 'add it with the type of its values, or declare { column, as } for the field')
  const statement = addColumn(table.name, column.column, type)
  report(problem, `add it (spillway ddl --apply): ${statement}`, statement)
}

function inspectColumn(
  table: MappedTable,
  column: MappedColumn,
  declared: DeclaredColumn,
  dialect: Dialect,
  report: Report,
): void {
  const name = JSON.stringify(column.column)
  if (declared.generated)
    return report(`column ${name} is generated and cannot be written`, 'map the field to another column')
  const told =
    declared.charset === undefined ? declared.declared : `${declared.declared} in ${declared.charset}`
  if (!fits(column.as, declared)) {
    const wanted = typeOf(column, dialect)
    report(
      column.as === undefined
        ? `column ${name} is declared ${told}, which would change a plain string or number`
        : `column ${name} is declared ${told}, which would change values of ${column.as}`,
      wanted === undefined
        ? 'declare how the field is stored ({ column, as }), or make the column VARCHAR, LONGTEXT, BIGINT or DOUBLE'
        : `declare it ${wanted}, or give the field another \`as\``,
    )
    return
  }
  if (declared.dataType === 'timestamp' && !declared.nullable)
    report(
      `column ${name} is TIMESTAMP NOT NULL, which may turn a missing value into the present time`,
      'make it DATETIME(6), or nullable',
    )
  if (declared.numbered && !column.isKey)
    report(
      `column ${name} is AUTO_INCREMENT, which would make up a number where the value has none`,
      'map the field to another column, or drop AUTO_INCREMENT',
    )
  if (!column.isKey) return
  const kind = kindOf(declared)
  if (kind === 'char' || kind === 'text') inspectCollation(table, column, declared, dialect, report)
}

function inspectCollation(
  table: MappedTable,
  column: MappedColumn,
  declared: DeclaredColumn,
  dialect: Dialect,
  report: Report,
): void {
  const collation = declared.collation ?? ''
  if (/_nopad_bin$|_0900_bin$/.test(collation)) return
  const why = collation.endsWith('_bin')
    ? "ignores spaces at the end (PAD SPACE), so that 'a' and 'a ' are one row"
    : 'ignores case, accents or spaces at the end, so that different keys are one row'
  const type = declared.declared.toUpperCase()
  report(
    `key column ${JSON.stringify(column.column)} compares with ${collation}, which ${why}`,
    `ALTER TABLE ${quoted(table.name)} MODIFY ${quoted(column.column)} ${type} CHARACTER SET utf8mb4 COLLATE ${dialect.binaryCollation} NOT NULL (or VARBINARY)`,
  )
}

function inspectAddedColumns(table: MappedTable, info: TableInfo, report: Report): void {
  const version = info.columns.get(table.versionColumn.toLowerCase())
  if (version === undefined) {
    const statement = addColumn(table.name, table.versionColumn, VERSION_TYPE)
    report(
      `it has no version column ${JSON.stringify(table.versionColumn)}`,
      `add it (spillway ddl --apply): ${statement}`,
      statement,
    )
  } else if (version.dataType !== 'bigint' || version.nullable || version.generated) {
    report(
      `the version column ${JSON.stringify(version.name)} is declared ${version.declared}${version.nullable ? ' NULL' : ''}`,
      `ALTER TABLE ${quoted(table.name)} MODIFY ${quoted(version.name)} ${VERSION_TYPE}`,
    )
  }
  if (!table.check) return
  const check = info.columns.get(CHECK_COLUMN)
  if (check === undefined) {
    const statement = addColumn(table.name, CHECK_COLUMN, CHECK_TYPE)
    report(
      `it has no column ${JSON.stringify(CHECK_COLUMN)}, which \`check: true\` needs`,
      `add it (spillway ddl --apply): ${statement}`,
      statement,
    )
  } else if (!['text', 'char', 'bytes'].includes(kindOf(check))) {
    report(`column ${JSON.stringify(CHECK_COLUMN)} is declared ${check.declared}`, `declare it ${CHECK_TYPE}`)
  }
}

function inspectIndexes(table: MappedTable, info: TableInfo, report: Report): void {
  const key = new Set(table.columns.slice(0, table.keyCount).map((column) => column.column.toLowerCase()))
  const unique = Map.groupBy(
    info.indexes.filter((part) => part.unique),
    (part) => part.index,
  )
  const primary = unique.get('PRIMARY') ?? []
  const named = new Set(primary.map((part) => part.column.toLowerCase()))
  if (!sameSet(named, key))
    report(
      `its primary key (${[...named].join(', ') || 'none'}) is not the key ${JSON.stringify(table.key.text)}`,
      `make (${[...key].join(', ')}) its primary key`,
    )
  for (const part of primary) {
    if (part.prefix)
      report(
        `its primary key has only the beginning of column ${JSON.stringify(part.column)}, so that different keys are one row`,
        'make the key of the whole column',
      )
  }
  if (table.landing === 'row-by-row') return
  for (const name of unique.keys()) {
    if (name === 'PRIMARY') continue
    report(
      `it has the UNIQUE index ${JSON.stringify(name)} besides its primary key, so that one row could overwrite another`,
      `drop it (ALTER TABLE ${quoted(table.name)} DROP INDEX ${quoted(name)}), or declare the collection's table with landing: 'row-by-row'`,
    )
  }
}

async function inspectHistory(
  connection: MysqlConnection,
  table: MappedTable,
  base: TableInfo | undefined,
  report: Report,
): Promise<void> {
  const info = await readTable(connection, table.historyName)
  if (info === undefined) {
    const statement =
      base === undefined
        ? createHistory(table, connection.server.dialect)
        : createHistoryLike(table, new Map([...base.columns].map(([name, one]) => [name, definitionOf(one)])))
    if (statement === undefined)
      report('there is no such table', 'create it with the table that it belongs to')
    else report('there is no such table', `create it (spillway ddl --apply): ${statement}`, statement)
    return
  }
  const wanted = [
    ...table.columns.map((column) => {
      const like = base?.columns.get(column.column.toLowerCase())
      return [
        column.column,
        like === undefined ? typeOf(column, connection.server.dialect) : definitionOf(like),
      ] as const
    }),
    ...(table.check ? [[CHECK_COLUMN, CHECK_TYPE] as const] : []),
    [table.versionColumn, VERSION_TYPE] as const,
    [DELETED_COLUMN, 'TINYINT NOT NULL DEFAULT 0'] as const,
  ]
  inspectHistoryIndexes(table, info, report)
  for (const [column, definition] of wanted) {
    if (info.columns.has(column.toLowerCase())) continue
    const problem = `it has no column ${JSON.stringify(column)}`
    if (definition === undefined) {
      report(problem, 'add it like the column of the table')
      continue
    }
    const statement = addColumn(table.historyName, column, definition)
    report(problem, `add it (spillway ddl --apply): ${statement}`, statement)
  }
}

/** Every version is a row of its own, so that only key and version together may be UNIQUE. */
function inspectHistoryIndexes(table: MappedTable, info: TableInfo, report: Report): void {
  const key = table.columns.slice(0, table.keyCount).map((column) => column.column.toLowerCase())
  const whole = new Set([...key, table.versionColumn.toLowerCase()])
  const unique = Map.groupBy(
    info.indexes.filter((part) => part.unique),
    (part) => part.index,
  )
  for (const [name, parts] of unique) {
    const named = new Set(parts.map((part) => part.column.toLowerCase()))
    if ([...whole].every((column) => named.has(column)) && parts.every((part) => !part.prefix)) continue
    report(
      name === 'PRIMARY'
        ? `its primary key (${[...named].join(', ')}) is not key and version, so that it would keep one version only`
        : `it has the UNIQUE index ${JSON.stringify(name)}, so that it would lack versions`,
      name === 'PRIMARY'
        ? `make (${[...whole].join(', ')}) its primary key`
        : `drop it (ALTER TABLE ${quoted(table.historyName)} DROP INDEX ${quoted(name)})`,
    )
  }
}

function definitionOf({ declared, charset, collation }: DeclaredColumn): string {
  return charset === undefined ? declared : `${declared} CHARACTER SET ${charset} COLLATE ${collation}`
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one))
}

/** One line a problem, for errors and for doctor. */
export function describe(problem: TableProblem): string {
  return `Table ${quoted(problem.table)}: ${problem.problem}. Fix: ${problem.fix}.`
}
