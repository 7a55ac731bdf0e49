/** What `spillway ddl` prints and `--apply` does for a MariaDB database, and what `doctor` says about its tables. */
import { systemClock } from '../../kit/clock.ts'
import type { TableSpec } from '../../model/table.ts'
import { MysqlConnections, sourceOfUrl } from './connections.ts'
import { unusable } from './database-failures.ts'
import { planDdl } from './database-prepare.ts'
import { describe } from './inspect.ts'

export interface MysqlDdl {
  /** What is missing, in order; empty when nothing is. */
  readonly statements: readonly string[]
  /** What only the user can change, a sentence each with its fix. */
  readonly problems: readonly string[]
}

const CONNECT_MS = 5_000
/** Adding a column to a large table takes its time. */
const STATEMENT_MS = 3_600_000

/**
 * Compares the database of a URL with what the collections need. With `apply` the missing statements are executed
 * one after the other, each a transaction of its own as MariaDB does it, and were all done when it returns; without
 * it nothing is written. Throws `unavailable` where the server cannot be used, `invalid` where it refuses.
 */
export async function mysqlDdl(url: string, specs: readonly TableSpec[], apply: boolean): Promise<MysqlDdl> {
  const connections = new MysqlConnections({
    source: sourceOfUrl(url, CONNECT_MS),
    clock: systemClock,
    callMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    transactions: false,
    connectionsMax: 1,
  })
  try {
    return await connections.use(async (connection) => {
      const { statements, problems } = await planDdl(connection, specs)
      if (apply) for (const statement of statements) await connection.run(statement)
      return { statements, problems: problems.map(describe) }
    })
  } catch (error) {
    throw unusable(error)
  } finally {
    await connections.close()
  }
}
