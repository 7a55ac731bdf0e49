/**
 * What an error of SQLite means for a write, by its result code:
 *
 *   data         this row is not accepted: constraint, datatype mismatch, too big, an expression that failed on it
 *   busy         somebody else holds the file: nothing happened, the connection is fine
 *   lost         read-only, full, I/O, cannot open, schema gone: nothing happened; the connection is opened anew,
 *                because SQLite keeps a file that it could open only for reading read-only for ever
 *   foreign      the file is no database: nobody should retry that
 */
import { SpillwayError } from '../../errors.ts'
import { SqliteError } from '../../runtime/sqlite.ts'

export type FailureKind = 'data' | 'busy' | 'lost' | 'foreign'

const DATA = new Set(['SQLITE_CONSTRAINT', 'SQLITE_MISMATCH', 'SQLITE_TOOBIG'])
const BUSY = new Set(['SQLITE_BUSY', 'SQLITE_LOCKED', 'SQLITE_INTERRUPT'])
/** Of SQLITE_ERROR, which is also what a CHECK or trigger expression gives that fails on a row's data. */
const SCHEMA_GONE = /no such (?:table|column)|has no column named|syntax error|has been altered|schema/i

export function failureOf(error: SqliteError): FailureKind {
  const { primaryCode } = error
  if (DATA.has(primaryCode)) return 'data'
  if (BUSY.has(primaryCode)) return 'busy'
  if (primaryCode === 'SQLITE_NOTADB') return 'foreign'
  if (primaryCode === 'SQLITE_ERROR') return SCHEMA_GONE.test(error.message) ? 'lost' : 'data'
  return 'lost'
}

/** Why a row is not accepted, or undefined where the error is not about its data. */
export function dataCause(error: unknown): string | undefined {
  if (error instanceof SpillwayError) return error.code === 'invalid' ? error.detail : undefined
  if (!(error instanceof SqliteError) || failureOf(error) !== 'data') return undefined
  return `${error.message} (${error.code})`
}

/** The error that leaves the driver when nothing has happened for certain. */
export function unavailable(path: string, error: unknown): unknown {
  if (!(error instanceof SqliteError)) return error
  const what = `${error.message} (${error.code})`
  switch (failureOf(error)) {
    case 'foreign':
      return new SpillwayError('invalid', `${path} is not a SQLite database: ${what}. Name another file.`, {
        cause: error,
      })
    case 'busy':
      return new SpillwayError(
        'unavailable',
        `${path} is held by another process: ${what}. It is tried again.`,
        { cause: error },
      )
    case 'lost':
    case 'data':
      return new SpillwayError('unavailable', `${path} cannot be used now: ${what}. It is tried again.`, {
        cause: error,
      })
  }
}
