/**
 * The transactions of one connection, synchronously.
 *
 * Whatever fails before COMMIT has happened in no way. COMMIT itself fails with nothing done when the file is busy,
 * full or a deferred constraint stands; after an I/O error it is unknown whether the commit is in the log.
 */
import { SpillwayError, invariant } from '../../errors.ts'
import { SqliteError } from '../../runtime/sqlite.ts'
import type { SqliteConnection, SqliteStatement } from '../../runtime/sqlite.ts'
import { dataCause, failureOf } from './database-failures.ts'

export class Transactions {
  readonly #connection: SqliteConnection
  readonly #begin: SqliteStatement
  readonly #beginRead: SqliteStatement
  readonly #commit: SqliteStatement
  readonly #rollback: SqliteStatement
  readonly #savepoint: SqliteStatement
  readonly #rollbackTo: SqliteStatement
  readonly #release: SqliteStatement

  constructor(connection: SqliteConnection) {
    this.#connection = connection
    this.#begin = connection.prepare('BEGIN IMMEDIATE')
    this.#beginRead = connection.prepare('BEGIN')
    this.#commit = connection.prepare('COMMIT')
    this.#rollback = connection.prepare('ROLLBACK')
    this.#savepoint = connection.prepare('SAVEPOINT batch')
    this.#rollbackTo = connection.prepare('ROLLBACK TO batch')
    this.#release = connection.prepare('RELEASE batch')
  }

  /** False after SQLite or a trigger ended it. */
  get open(): boolean {
    return this.#connection.inTransaction
  }

  begin(): void {
    this.#begin.run()
  }

  /** Commits; the cause where a deferred constraint forbids it, with the transaction still open. */
  commitOrCause(): string | undefined {
    try {
      this.#commit.run()
      return undefined
    } catch (error) {
      const cause = dataCause(error)
      if (cause !== undefined) return cause
      if (
        error instanceof SqliteError &&
        failureOf(error) === 'lost' &&
        error.primaryCode === 'SQLITE_IOERR'
      ) {
        throw new SpillwayError(
          'outcome-unknown',
          `COMMIT was answered by ${error.message} (${error.code}): read the position to learn whether it happened.`,
          { cause: error },
        )
      }
      throw error
    }
  }

  /** SQLite ends a transaction by itself on some errors, so it is asked first. */
  rollBack(): void {
    if (this.#connection.inTransaction) this.#rollback.run()
  }

  savepoint(): void {
    this.#savepoint.run()
  }

  /** Ends the savepoint; without `keep` what was done since is undone. */
  release(keep: boolean): void {
    if (!keep) this.#rollbackTo.run()
    this.#release.run()
  }

  reading<T>(read: () => T): T {
    return this.#inside(this.#beginRead, read)
  }

  writing<T>(write: () => T): T {
    return this.#inside(this.#begin, write)
  }

  #inside<T>(begin: SqliteStatement, act: () => T): T {
    begin.run()
    try {
      const result = act()
      const cause = this.commitOrCause()
      invariant(cause === undefined, `Spillway's own tables refused a commit: ${cause ?? ''}`)
      return result
    } finally {
      this.rollBack()
    }
  }
}
