/** What has to be true of a SQLite database before rows go in: our own tables, and users' tables that fit. */
import { SpillwayError } from '../../errors.ts'
import type { TableSpec } from '../../model/table.ts'
import type { SqliteConnection } from '../../runtime/sqlite.ts'
import { createHistory, ownDdl } from './ddl.ts'
import { describe, inspect } from './inspect.ts'
import type { TableProblem } from './inspect.ts'

/**
 * Creates what is missing of our own (the history of a mapped table is ours too) and refuses with `invalid` what
 * cannot be exact, all problems at once. A database that has everything is not written to.
 */
export function prepareTables(
  connection: SqliteConnection,
  specs: readonly TableSpec[],
  partitions: number,
): void {
  refuseShared(specs)
  createOwn(connection)
  const problems = specs.flatMap((spec) => {
    const found = inspect(connection, spec)
    const history = spec.mapped?.historyName
    const onlyHistory =
      found.length > 0 && found.every((one) => one.table === history && one.statement?.startsWith('CREATE'))
    if (!onlyHistory || spec.mapped === undefined) return found
    connection.exec(createHistory(spec.mapped))
    return []
  })
  if (problems.length > 0) throw new SpillwayError('invalid', problems.map(describe).join(' '))
  const { rows } = connection
    .prepare('SELECT count(*) AS rows FROM spillway_position')
    .get<{ rows: number }>() ?? { rows: 0 }
  if (rows > 0 && rows !== partitions) {
    throw new SpillwayError(
      'invalid',
      `This database has ${rows} partitions, ${partitions} are configured: the number is fixed at creation. Set partitions to ${rows}.`,
    )
  }
}

/**
 * The statements that are missing for these collections, in order, and the problems that no statement of ours can
 * solve. Writes nothing.
 */
export function planDdl(
  connection: SqliteConnection,
  specs: readonly TableSpec[],
): { statements: string[]; problems: TableProblem[] } {
  refuseShared(specs)
  const own = ownDdl().filter((statement) => !exists(connection, tableIn(statement)))
  const found = specs.flatMap((spec) => inspect(connection, spec))
  return {
    statements: [...own, ...found.flatMap((one) => (one.statement === undefined ? [] : [one.statement]))],
    problems: found.filter((one) => one.statement === undefined),
  }
}

function createOwn(connection: SqliteConnection): void {
  const missing = ownDdl().filter((statement) => !exists(connection, tableIn(statement)))
  if (missing.length === 0) return
  // IF NOT EXISTS stays: another process may be creating them at the same time.
  connection.exec(`BEGIN IMMEDIATE; ${missing.join('; ')}; COMMIT`)
}

function tableIn(create: string): string {
  return /EXISTS (\w+)/.exec(create)?.[1] ?? ''
}

function exists(connection: SqliteConnection, name: string): boolean {
  const statement = connection.prepare(`SELECT 1 AS one FROM sqlite_schema WHERE type = 'table' AND name = ?`)
  try {
    return statement.get(name) !== undefined
  } finally {
    statement.finalize()
  }
}

/** A table has one journal and one set of conversions. */
function refuseShared(specs: readonly TableSpec[]): void {
  const owners = new Map<string, string>()
  for (const { collection, mapped } of specs) {
    if (mapped === undefined) continue
    const folded = mapped.name.toLowerCase()
    const other = owners.get(folded)
    if (other !== undefined) {
      throw new SpillwayError(
        'invalid',
        `Collections ${other} and ${collection} are both mapped to table ${JSON.stringify(mapped.name)}: a table belongs to one collection.`,
      )
    }
    owners.set(folded, collection)
  }
}
