/** A database of a test's own on a private MariaDB, opened by the driver and by a second client beside it. */
import { createPool } from 'mysql2/promise'
import type { Pool } from 'mysql2/promise'
import { openMysqlDatabase } from '../../../src/drivers/mysql/database.ts'
import type { MysqlDatabaseOptions } from '../../../src/drivers/mysql/database.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import type { Database } from '../../../src/ports/database.ts'
import type { MariadbServer } from '../../servers/private-servers.ts'

export interface MariadbDatabase {
  readonly url: string
  readonly database: Database
  /** Statements of another program, one after the other; the rows of the last. */
  other(...statements: string[]): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

let names = 0

export async function mariadbDatabase(
  server: MariadbServer,
  options: Partial<MysqlDatabaseOptions> = {},
): Promise<MariadbDatabase> {
  names += 1
  const url = await server.emptyDatabase(`test_${names}`)
  const database = await openMysqlDatabase({ url, clock: systemClock, ...options })
  const pool = otherOn(url)
  return {
    url,
    database,
    other: (...statements) => ask(pool, statements),
    async close() {
      await pool.end()
      await database.close()
    },
  }
}

export function otherOn(url: string): Pool {
  return createPool({ uri: url, connectionLimit: 2, supportBigNumbers: true, dateStrings: true })
}

export async function ask(pool: Pool, statements: readonly string[]): Promise<Record<string, unknown>[]> {
  let rows: unknown = []
  for (const statement of statements) [rows] = await pool.query(statement)
  return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
}
