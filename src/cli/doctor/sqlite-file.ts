/**
 * A SQLite file of ours, while nobody has it open.
 */
import { existsSync } from 'node:fs'
import { SqliteError, openSqlite } from '../../runtime/sqlite.ts'
import { ok, wrong } from '../../kit/finding.ts'
import type { SqliteConnection } from '../../runtime/sqlite.ts'
import type { Finding } from '../../kit/finding.ts'

function pragma(connection: SqliteConnection, name: string): string {
  const row = connection.prepare(`PRAGMA ${name}`).get()
  return row === undefined ? '' : String(Object.values(row)[0])
}

/** `role` is journal or database. */
export function examineSqliteFile(role: string, file: string): Finding[] {
  if (!existsSync(file)) return [ok(role, `${file} is not there yet: the first start makes it`)]
  const about = { about: role }
  try {
    const connection = openSqlite(file, { readOnly: true, busyTimeoutMs: 0 })
    try {
      const mode = pragma(connection, 'journal_mode')
      const pages = pragma(connection, 'quick_check(1)')
      return [
        mode === 'wal'
          ? ok(role, `${file} is in WAL mode; Spillway opens it with synchronous=FULL`)
          : wrong('sqlite-not-wal', `${file} is in journal mode ${mode}`, {
              ...about,
              fix: `Somebody changed it: with the server stopped, run sqlite3 ${file} 'PRAGMA journal_mode=WAL'.`,
            }),
        pages === 'ok'
          ? ok(role, `${file}: every page is well-formed`)
          : wrong('sqlite-damaged', `${file} is damaged: ${pages}`, about),
      ]
    } finally {
      connection.close()
    }
  } catch (error) {
    // Another process has it: whoever opens it next says which.
    if (error instanceof SqliteError && error.primaryCode === 'SQLITE_BUSY') return []
    const why = error instanceof SqliteError ? error.message : String(error)
    return [wrong('sqlite-unreadable', `${file} cannot be read: ${why}`, about)]
  }
}
