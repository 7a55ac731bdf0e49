import type { RecordRef } from '../../model/entry.ts'
import type { Version } from '../../model/position.ts'
import type { LandRow } from '../../ports/database.ts'

/** A row that the database does not accept as data, with what it said. */
export interface Rejected {
  readonly row: LandRow
  readonly cause: string
}

/** As the lander wants them: a row and its history are one write. */
export function rejectsOf(
  rejected: readonly Rejected[],
): { ref: RecordRef; version: Version; cause: string }[] {
  const unique = new Map<Version, { ref: RecordRef; version: Version; cause: string }>()
  for (const { row, cause } of rejected) {
    unique.set(row.version, {
      ref: { collection: row.collection, key: row.key },
      version: row.version,
      cause,
    })
  }
  return [...unique.values()]
}
