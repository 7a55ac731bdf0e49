/** Retries parked writes: all of them land in one transaction, or none does and each tells why. */
import type { RecordRef } from '../../model/entry.ts'
import type { Version } from '../../model/position.ts'
import type { LandRow } from '../../ports/database.ts'
import type { MysqlConnection } from './connection.ts'
import { lockedMark, recount } from './database-fold.ts'
import { carefully } from './database-land.ts'
import { noteTried, takeParked } from './database-parked.ts'
import type { RowTable } from './row-table.ts'
import type { Verb } from './rows-write.ts'
import { mustBeAsLearned } from './table-definition.ts'
import { committed } from './transaction.ts'

export interface Wanted {
  readonly ref: RecordRef
  readonly version: Version
}

export type RetryOutcome = 'landed' | 'superseded' | 'gone' | { readonly rejected: string }

export async function retry(
  connection: MysqlConnection,
  partition: number,
  wanted: readonly Wanted[],
  tableOf: (collection: string) => RowTable,
): Promise<readonly RetryOutcome[]> {
  const causes = new Map<Wanted, string>()
  const outcomes = await committed(connection, async () => {
    // As landing does, so that the two wait for each other and never both half way.
    await lockedMark(connection, partition)
    const results: RetryOutcome[] = []
    for (const one of wanted) results.push(await landParked(connection, one, tableOf, causes))
    await mustBeAsLearned(
      connection,
      wanted.map(({ ref }) => tableOf(ref.collection)),
    )
    const landed = results.filter((one) => one === 'landed').length
    const superseded = results.filter((one) => one === 'superseded').length
    await recount(connection, partition, landed, superseded)
    return { roll: causes.size === 0 ? 'forward' : 'back', value: results }
  })
  return causes.size === 0 ? outcomes : noteAll(connection, wanted, outcomes, causes)
}

async function landParked(
  connection: MysqlConnection,
  wanted: Wanted,
  tableOf: (collection: string) => RowTable,
  causes: Map<Wanted, string>,
): Promise<RetryOutcome> {
  const { ref, version } = wanted
  const parked = await takeParked(connection, ref, version)
  if (parked === undefined) return 'gone'
  const row: LandRow = { collection: ref.collection, key: ref.key, version, value: parked.value }
  const table = tableOf(ref.collection)
  const verbs: Verb[] = [parked.value === undefined ? 'delete' : 'upsert']
  if (table.history !== undefined) verbs.push('history')
  const { newer, rejected } = await carefully(
    connection,
    verbs.map((verb) => ({ table, verb, rows: [row] })),
  )
  const [first] = rejected
  if (first === undefined) return newer.length === 0 ? 'landed' : 'superseded'
  causes.set(wanted, first.cause)
  return { rejected: first.cause }
}

function noteAll(
  connection: MysqlConnection,
  wanted: readonly Wanted[],
  outcomes: readonly RetryOutcome[],
  causes: ReadonlyMap<Wanted, string>,
): Promise<RetryOutcome[]> {
  return committed(connection, async () => {
    const results: RetryOutcome[] = []
    for (const [index, one] of wanted.entries()) {
      if (outcomes[index] === 'gone') {
        results.push('gone')
        continue
      }
      const cause = causes.get(one) ?? 'another write of its frame is not accepted'
      await noteTried(connection, one.ref, one.version, cause)
      results.push({ rejected: cause })
    }
    return { roll: 'forward', value: results }
  })
}
