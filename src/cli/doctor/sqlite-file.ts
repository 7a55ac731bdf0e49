/**
 * A SQLite file of ours, while nobody has it open.
 */
import { existsSync } from 'node:fs'
import { SqliteError, openSqlite } from '../../runtime/sqlite.ts'
import { bad, ok, warning } from '../../kit/finding.ts'
import type { SqliteConnection } from '../../runtime/sqlite.ts'
import type { Finding } from '../../kit/finding.ts'

function pragma(connection: SqliteConnection, name: string): string {
  const row = connection.prepare(`PRAGMA ${name}`).get()
  return row === undefined ? '' : String(Object.values(row)[0])
}

/** `role` is journal or database. */
export function examineSqliteFile(role: string, file: string): Finding[] {
  if (!existsSync(file))
    return [warning(role, `${file} is not there yet`, 'Nothing to do: the first start makes it.')]
  try {
    const connection = openSqlite(file, { readOnly: true, busyTimeoutMs: 2_000 })
    try {
      const mode = pragma(connection, 'journal_mode')
      const pages = pragma(connection, 'quick_check(1)')
      return [
        mode === 'wal'
          ? ok(role, `${file} is in WAL mode; Spillway opens it with synchronous=FULL`)
          : bad(
              role,
              `${file} is in journal mode ${mode}`,
              `Somebody changed it: with the server stopped, run sqlite3 ${file} 'PRAGMA journal_mode=WAL'.`,
            ),
        pages === 'ok'
          ? ok(role, `${file}: every page is well-formed`)
          : bad(
              role,
              `${file} is damaged: ${pages}`,
              'Keep a copy of the folder, then restore the file from a backup.',
            ),
      ]
    } finally {
      connection.close()
    }
  } catch (error) {
    const why = error instanceof SqliteError ? error.message : String(error)
    return [
      bad(
        role,
        `${file} cannot be read: ${why}`,
        'Is it a file of Spillway? Keep a copy, then restore it from a backup or name the right folder with --data.',
      ),
    ]
  }
}
