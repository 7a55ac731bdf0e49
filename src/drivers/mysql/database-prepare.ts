/** What has to be true of a MariaDB database before rows go in: our own tables, and users' tables that fit. */
import { SpillwayError } from '../../errors.ts'
import type { TableSpec } from '../../model/table.ts'
import type { MysqlConnection } from './connection.ts'
import { isDenied, isThere } from './database-failures.ts'
import { ownDdl } from './ddl.ts'
import { describe, inspect } from './inspect.ts'
import type { TableProblem } from './inspect.ts'

/**
 * Creates what is missing of our own (the history of a mapped table is ours too) and refuses with `invalid` what
 * cannot be exact, all problems at once. A database that has everything is not written to.
 */
export async function prepareTables(
  connection: MysqlConnection,
  specs: readonly TableSpec[],
  partitions: number,
): Promise<void> {
  refuseShared(specs)
  await create(connection, await missingOwn(connection))
  const problems: TableProblem[] = []
  for (const spec of specs) {
    const found = await inspect(connection, spec)
    const [first] = found
    const onlyHistory =
      found.length === 1 &&
      first?.table === spec.mapped?.historyName &&
      first?.statement?.startsWith('CREATE')
    if (onlyHistory === true && first?.statement !== undefined) await create(connection, [first.statement])
    else problems.push(...found)
  }
  if (problems.length > 0) throw new SpillwayError('invalid', problems.map(describe).join(' '))
  const [row] = await connection.rows('SELECT COUNT(*) FROM spillway_position')
  const rows = Number(row?.[0])
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
export async function planDdl(
  connection: MysqlConnection,
  specs: readonly TableSpec[],
): Promise<{ statements: string[]; problems: TableProblem[] }> {
  refuseShared(specs)
  const own = await missingOwn(connection)
  const found: TableProblem[] = []
  for (const spec of specs) found.push(...(await inspect(connection, spec)))
  return {
    statements: [...own, ...found.flatMap((one) => (one.statement === undefined ? [] : [one.statement]))],
    problems: found.filter((one) => one.statement === undefined),
  }
}

async function missingOwn(connection: MysqlConnection): Promise<string[]> {
  const rows = await connection.rows(
    `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'spillway\\_%'`,
  )
  const there = new Set(rows.map((row) => String(row[0]).toLowerCase()))
  return ownDdl().filter((statement) => !there.has(tableIn(statement)))
}

/** MariaDB commits each statement of this kind by itself; other processes may be doing the same. */
async function create(connection: MysqlConnection, statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    try {
      await connection.run(statement)
    } catch (error) {
      if (isThere(error)) continue
      if (!isDenied(error)) throw error
      throw new SpillwayError(
        'invalid',
        `This user of MariaDB may not create the tables that are missing. Run \`spillway ddl --apply\` as one who may, or give it: ${statement}`,
        { cause: error },
      )
    }
  }
}

function tableIn(create: string): string {
  return /EXISTS (\w+)/.exec(create)?.[1] ?? ''
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
