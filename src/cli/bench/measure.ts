/**
 * The two numbers of `spillway bench`: durable puts and reads of the library, beside a bare loop on the same disk.
 */
import { join } from 'node:path'
import { collection, open } from '../../index.ts'
import { systemClock } from '../../kit/clock.ts'
import { openSqlite } from '../../runtime/sqlite.ts'
import type { Records } from '../../index.ts'

export const IN_FLIGHT = 256
const KEYS = 20_000
const WARM_UP_SHARE = 0.2
export const ROWS_OF_A_COMMIT = 100

export interface Numbers {
  readonly putsPerSecond: number
  readonly readsPerSecond: number
  /** A bare loop: a commit of 100 rows of the same bytes, WAL, synchronous=FULL. */
  readonly sqliteRowsPerSecond: number
}

export function valueOf(n: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ n, note: 'x'.repeat(480) }))
}

/** Calls `work` with `IN_FLIGHT` at a time for `ms`; the rate after a warm-up. */
async function rate(ms: number, signal: AbortSignal, work: (n: number) => Promise<unknown>): Promise<number> {
  const from = systemClock.monotonic()
  const countFrom = from + ms * WARM_UP_SHARE
  let next = 0
  let counted = 0
  const worker = async (): Promise<void> => {
    for (;;) {
      await work(next++)
      const now = systemClock.monotonic()
      if (now > countFrom) counted += 1
      if (now - from >= ms || signal.aborted) return
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  signal.throwIfAborted()
  return (counted * 1_000) / (systemClock.monotonic() - countFrom)
}

/** The plain path on the same disk: what a hand-written group commit would reach. */
function bareSqlite(folder: string, ms: number): number {
  const connection = openSqlite(join(folder, 'bare.db'))
  try {
    connection.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE bare (k TEXT PRIMARY KEY, v BLOB)',
    )
    const insert = connection.prepare('INSERT OR REPLACE INTO bare VALUES (?, ?)')
    const from = systemClock.monotonic()
    let rows = 0
    while (systemClock.monotonic() - from < ms) {
      connection.exec('BEGIN')
      for (let row = 0; row < ROWS_OF_A_COMMIT; row += 1) insert.run(`k${rows++ % KEYS}`, valueOf(rows))
      connection.exec('COMMIT')
    }
    return (rows * 1_000) / (systemClock.monotonic() - from)
  } finally {
    connection.close()
  }
}

export async function measure(
  folder: string,
  ms: number,
  signal: AbortSignal,
  onStep: (step: string) => void,
): Promise<Numbers> {
  onStep('bare SQLite')
  const sqliteRowsPerSecond = bareSqlite(folder, ms)
  await using tier = await open({
    front: 'memory:',
    journal: `sqlite:${join(folder, 'journal.db')}`,
    database: `sqlite:${join(folder, 'app.db')}`,
    collections: [collection('sample')],
  })
  const records: Records<unknown> = tier.records('sample')
  onStep('puts')
  const putsPerSecond = await rate(ms, signal, (n) => records.putJson(`k${n % KEYS}`, valueOf(n)))
  onStep('reads')
  const readsPerSecond = await rate(ms, signal, (n) => records.getJson(`k${n % KEYS}`))
  onStep('landing what is left')
  await tier.close({ drainMs: 30_000 })
  return { putsPerSecond, readsPerSecond, sqliteRowsPerSecond }
}
