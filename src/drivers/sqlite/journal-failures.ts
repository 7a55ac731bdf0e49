/** What went wrong with a journal file, for its owner's caller. */
import { SpillwayError, isSpillwayError } from '../../errors.ts'
import { SqliteError } from '../../runtime/sqlite.ts'
import { inUse } from './file-owner.ts'

export function mismatch(path: string, what: string): SpillwayError {
  return new SpillwayError(
    'journal-mismatch',
    `The journal ${path} is damaged: ${what}. Nothing is skipped: restore the file, or see the operator's page on lost journals.`,
  )
}

export function gap(path: string, partition: number, offset: number): SpillwayError {
  return mismatch(path, `the entry at offset ${offset} of partition ${partition} is missing`)
}

/** What an error means while a file is opened or read, where the binding refuses numbers that we never store. */
export function readError(path: string, error: unknown): unknown {
  return isSpillwayError(error, 'internal') ? mismatch(path, error.detail) : journalError(path, error)
}

/** What an error of SQLite means here, when nothing was appended. */
export function journalError(path: string, error: unknown): unknown {
  if (!(error instanceof SqliteError)) return error
  switch (error.primaryCode) {
    case 'SQLITE_NOTADB':
    case 'SQLITE_CORRUPT':
    // The statements are fixed: an error in one means that tables are not as they were made.
    case 'SQLITE_ERROR':
      return new SpillwayError(
        'journal-mismatch',
        `The journal ${path} is damaged or no SQLite file: ${error.message}. Nothing is skipped: restore the file.`,
        { cause: error },
      )
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return inUse(path, error)
    case 'SQLITE_FULL':
      return new SpillwayError(
        'unavailable',
        `The disk of the journal ${path} is full: nothing was appended.`,
        { cause: error },
      )
    default:
      return new SpillwayError(
        'unavailable',
        `The journal ${path} cannot be used (${error.code}: ${error.message}): nothing was appended.`,
        {
          cause: error,
        },
      )
  }
}
