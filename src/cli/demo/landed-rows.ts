/**
 * What SQL has, read from the database file itself while no server runs.
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
