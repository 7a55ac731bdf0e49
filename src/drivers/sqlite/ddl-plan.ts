/** What `spillway ddl` prints and `--apply` does for a SQLite database, and what `doctor` says about its tables. */
import { existsSync } from 'node:fs'
import type { TableSpec } from '../../model/table.ts'
import { openSqlite } from '../../runtime/sqlite.ts'
import { unavailable } from './database-failures.ts'
import { planDdl } from './database-prepare.ts'
import { describe } from './inspect.ts'

export interface SqliteDdl {
  /** What is missing, in order; empty when nothing is. */
  readonly statements: readonly string[]
  /** What only the user can change, a sentence each with its fix. */
  readonly problems: readonly string[]
}

/**
 * Compares the file `path` with what the collections need. With `apply` the missing statements are executed, in one
 * transaction, and were all done when it returns; without it nothing is written, and a missing file stays missing.
 * Throws `unavailable` where the file cannot be used.
 */
export function sqliteDdl(path: string, specs: readonly TableSpec[], apply: boolean): SqliteDdl {
  try {
    const connection = openSqlite(apply || existsSync(path) ? path : ':memory:', {
      readOnly: !apply && existsSync(path),
      busyTimeoutMs: 2_000,
    })
    try {
      if (apply) connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE')
      const { statements, problems } = planDdl(connection, specs)
      if (apply) {
        for (const statement of statements) connection.exec(statement)
        connection.exec('COMMIT')
      }
      return { statements, problems: problems.map(describe) }
    } finally {
      connection.close()
    }
  } catch (error) {
    throw unavailable(path, error)
  }
}
