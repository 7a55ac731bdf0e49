import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/kit/clock.ts'
import { openSqliteDatabase } from '../../../src/drivers/sqlite/database.ts'
import type { SqliteDatabaseOptions } from '../../../src/drivers/sqlite/database.ts'
import type { Database } from '../../../src/ports/database.ts'
import { openSqlite } from '../../../src/runtime/sqlite.ts'
import type { SqliteConnection } from '../../../src/runtime/sqlite.ts'

export interface SqliteFile {
  readonly folder: string
  readonly path: string
  readonly database: Database
  /** A second connection, as another program would have it. */
  readonly other: SqliteConnection
  close(): Promise<void>
}

/** A database in a folder of its own, which goes away with `close`. */
export async function sqliteFile(options: Partial<SqliteDatabaseOptions> = {}): Promise<SqliteFile> {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-database-'))
  const path = join(folder, 'app.db')
  const database = await openSqliteDatabase({ path, clock: systemClock, ...options })
  const other = openSqlite(path, { busyTimeoutMs: 2_000 })
  return {
    folder,
    path,
    database,
    other,
    async close() {
      other.close()
      await database.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
