/**
 * The database file itself, as another program would use it: read while no server runs, and locked while one does.
 */
import { openSqlite } from '../../runtime/sqlite.ts'
import { COLLECTION } from './load.ts'

/** Versions by key; empty when the table is not there yet. */
export function landedVersions(file: string): Map<string, number> {
  const connection = openSqlite(file, { readOnly: true, busyTimeoutMs: 5_000 })
  try {
    const table = connection
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'spillway_records'")
      .get()
    if (table === undefined) return new Map()
    const rows = connection
      .prepare(
        'SELECT CAST(record_key AS TEXT) AS key, spillway_version AS version FROM spillway_records WHERE CAST(collection AS TEXT) = ?',
      )
      .all<{ key: string; version: number }>(COLLECTION)
    return new Map(rows.map((row) => [row.key, row.version]))
  } finally {
    connection.close()
  }
}

/** Holds the write lock, as a long transaction of another program does, until the returned function is called. */
export function lockDatabase(file: string): () => void {
  const connection = openSqlite(file, { busyTimeoutMs: 5_000 })
  try {
    connection.exec('BEGIN IMMEDIATE')
  } catch (error) {
    connection.close()
    throw error
  }
  // Closing rolls back and lets go.
  return () => connection.close()
}
