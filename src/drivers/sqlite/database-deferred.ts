/**
 * Whose fault it is that a deferred foreign key forbids a commit. SQLite does not say, so the open transaction is
 * searched: rows of the batch that refer to nothing, else deletes of the batch that others refer to, else (a table
 * without rowids, a key that is not the one referred to) every row of the batch that is mapped.
 *
 * `PRAGMA foreign_key_check` reads all tables that refer to others; it runs only after such a commit.
 */
import type { SqlValue } from '../../model/columns.ts'
import { keyOfRow } from '../../model/row.ts'
import type { MappedTable, TableSpec } from '../../model/table.ts'
import type { LandRow } from '../../ports/database.ts'
import type { SqliteConnection, SqliteRow } from '../../runtime/sqlite.ts'
import { quoted } from './ddl.ts'

/** Violations that are looked at; more than a batch can make. */
const VIOLATIONS_MAX = 10_000

export function blameForeignKeys(
  connection: SqliteConnection,
  specs: ReadonlyMap<string, TableSpec>,
  rows: readonly LandRow[],
): readonly LandRow[] {
  const mapped = rows.filter((row) => specs.get(row.collection)?.mapped !== undefined)
  const byTable = new Map(
    [...specs.values()].flatMap((spec) =>
      spec.mapped === undefined ? [] : [[spec.mapped.name.toLowerCase(), spec] as const],
    ),
  )
  const broken = query(
    connection,
    `SELECT "table" AS child, rowid AS at, parent, fkid FROM pragma_foreign_key_check LIMIT ${VIOLATIONS_MAX}`,
  )
  const children = new Set<string>()
  const parents = new Set<string>()
  for (const { child, at, parent, fkid } of broken) {
    if (at === null || at === undefined) continue
    const childSpec = byTable.get(String(child).toLowerCase())
    if (childSpec?.mapped !== undefined) {
      children.add(
        `${childSpec.collection}\0${keyAt(connection, childSpec.mapped, childSpec.mapped, at) ?? ''}`,
      )
    }
    const parentSpec = byTable.get(String(parent).toLowerCase())
    if (parentSpec?.mapped === undefined) continue
    const reference = referenceOf(connection, String(child), Number(fkid), parentSpec.mapped)
    const key = reference === undefined ? undefined : keyAt(connection, parentSpec.mapped, reference, at)
    parents.add(`${parentSpec.collection}\0${key ?? ''}`)
  }
  const named = (names: ReadonlySet<string>) => (row: LandRow) => names.has(`${row.collection}\0${row.key}`)
  const referring = mapped.filter(named(children))
  if (referring.length > 0) return referring
  const deleted = mapped.filter((row) => row.value === undefined).filter(named(parents))
  if (deleted.length > 0) return deleted
  return mapped.length > 0 ? mapped : rows
}

/** Where the columns of a key stand: in its own table, or in a row that refers to it. */
interface KeyPlace {
  readonly name: string
  readonly columns: readonly { readonly column: string }[]
}

function keyAt(
  connection: SqliteConnection,
  table: MappedTable,
  place: KeyPlace,
  rowid: unknown,
): string | undefined {
  const columns = place.columns
    .slice(0, table.keyCount)
    .map((one, index) => `${quoted(one.column)} AS c${index}`)
  const [row] = query(
    connection,
    `SELECT ${columns.join(', ')} FROM ${quoted(place.name)} WHERE rowid = ${String(rowid)}`,
  )
  return row === undefined
    ? undefined
    : keyOfRow(
        table,
        columns.map((_, index): SqlValue => row[`c${index}`] ?? null),
      )
}

/** The columns of the child that refer to the parent's key, in the order of that key. */
function referenceOf(
  connection: SqliteConnection,
  child: string,
  fkid: number,
  parent: MappedTable,
): KeyPlace | undefined {
  const parts = query(
    connection,
    `SELECT "from", "to", seq FROM pragma_foreign_key_list(${literal(child)}) WHERE id = ${fkid} ORDER BY seq`,
  )
  const columns = parent.columns.slice(0, parent.keyCount).map((key, index) => {
    const part = parts.find((one) =>
      one.to === null ? Number(one.seq) === index : String(one.to).toLowerCase() === key.column.toLowerCase(),
    )
    return part === undefined ? undefined : { column: String(part.from) }
  })
  return columns.every((one) => one !== undefined) ? { name: child, columns } : undefined
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function query(connection: SqliteConnection, sql: string): SqliteRow[] {
  const statement = connection.prepare(sql, { bigints: true })
  try {
    return statement.all()
  } finally {
    statement.finalize()
  }
}
