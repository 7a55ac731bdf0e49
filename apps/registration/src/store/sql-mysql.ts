/** MySQL and MariaDB: a small pool whose sessions may only read, apart from the one that makes tables. */
import { createConnection, createPool } from 'mysql2/promise'
import type { ConnectionOptions, Pool } from 'mysql2/promise'
import type { OpenedSql, ReadOnlySql, SqlParameter } from './sql.ts'

/** Lists are short, and the database's work is landing. */
const CONNECTIONS_MAX = 4
/** Lists that wait for a connection; more are refused. */
const WAITING_MAX = 1_000

export function mysqlSql(url: string): OpenedSql {
  const options: ConnectionOptions = {
    uri: url,
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
  }
  return {
    async createTables(statements) {
      const connection = await createConnection(options)
      try {
        for (const statement of statements) await connection.query(statement)
      } finally {
        await connection.end()
      }
    },
    readOnly: async () => {
      const pool = createPool({ ...options, connectionLimit: CONNECTIONS_MAX, queueLimit: WAITING_MAX })
      // Queued on the connection before whoever asked for it gets it, so that nothing ever runs before.
      pool.pool.on('connection', (connection) => {
        connection.query('SET SESSION TRANSACTION READ ONLY')
      })
      return new MysqlReader(pool)
    },
  }
}

class MysqlReader implements ReadOnlySql {
  readonly dialect = 'mysql'
  readonly #pool: Pool

  constructor(pool: Pool) {
    this.#pool = pool
  }

  async all<Row>(statement: string, parameters: readonly SqlParameter[] = []): Promise<Row[]> {
    const [rows] = await this.#pool.query(statement, [...parameters])
    return rows as Row[]
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}
