/**
 * SQLite next to Spillway's own connection: WAL lets a reader run beside the lander. Statements run on the event
 * loop, so they are bounded by index and LIMIT; `node:sqlite` is there on Node and Bun.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import type { OpenedSql, ReadOnlySql, SqlParameter } from './sql.ts'

/** Prepared statements kept: more than this application has. */
const STATEMENTS_MAX = 100
const BUSY_TIMEOUT_MS = 5_000

export function sqliteSql(path: string): OpenedSql {
  return {
    async createTables(statements) {
      mkdirSync(dirname(path), { recursive: true })
      const database = new DatabaseSync(path)
      try {
        database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE`)
        for (const statement of statements) database.exec(statement)
        database.exec('COMMIT')
      } finally {
        database.close()
      }
    },
    readOnly: async () => new SqliteReader(path),
  }
}

class SqliteReader implements ReadOnlySql {
  readonly dialect = 'sqlite'
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true })
    this.#database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  }

  async all<Row>(statement: string, parameters: readonly SqlParameter[] = []): Promise<Row[]> {
    return this.#prepared(statement).all(...parameters) as Row[]
  }

  async close(): Promise<void> {
    this.#statements.clear()
    this.#database.close()
  }

  #prepared(statement: string): StatementSync {
    const known = this.#statements.get(statement)
    if (known !== undefined) return known
    if (this.#statements.size >= STATEMENTS_MAX) this.#statements.clear()
    const prepared = this.#database.prepare(statement)
    this.#statements.set(statement, prepared)
    return prepared
  }
}
