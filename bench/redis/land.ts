/**
 * Landing from Redis into MariaDB, against a bare loop of multi-row upserts of the same rows, prepared, on as many
 * connections as landing has.
 *
 * `land`: rows are journaled with landing deferred; then a tier that lands is opened, and the clock runs until nothing
 * is pending. `upserts`: batches of 1,000 rows, sorted by key, with the columns that landing writes, from rows that
 * are ready in memory; each is a commit.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { forms } from '../form.ts'
import { msOfCalls } from '../in-flight.ts'
import { percent, perSecond } from '../result.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { interleaved } from '../rounds.ts'
import { recordsOf } from '../scratch.ts'
import { startServers } from './servers.ts'
import type { Servers } from './servers.ts'

const VALUE_BYTES = 500
const ROWS_PER_BATCH = 1_000
const CONNECTIONS = 2
const COLUMNS = 5
const SHARE_MIN = 0.9
const LOOK_MS = 2

const keyOf = (n: number): string => `candidate-${String((n * 7_919) % 1_000_003).padStart(7, '0')}`

async function landRound(servers: Servers, rows: number): Promise<number> {
  await servers.empty()
  const values = forms(VALUE_BYTES)
  const before = await servers.open('api')
  const records = recordsOf(before)
  await msOfCalls(512, rows, (n) => records.put(keyOf(n), values[n % values.length]))
  await before.close({ drainMs: 0 })
  const tier = await servers.open('all')
  try {
    const from = performance.now()
    const { pending } = (await tier.status()).totals
    while ((await tier.status()).totals.pending > 0) await sleep(LOOK_MS)
    return (pending * 1_000) / (performance.now() - from)
  } finally {
    await tier.close()
  }
}

async function upsertsRound(servers: Servers, rows: number): Promise<number> {
  await servers.empty()
  const values = forms(VALUE_BYTES).map((value) => Buffer.from(JSON.stringify(value)))
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => createConnection(servers.mariadb.url)),
  )
  await connections[0]?.query(
    'CREATE TABLE bare (collection VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin, record_key VARBINARY(512), version BIGINT, spillway_check CHAR(16) CHARACTER SET ascii COLLATE ascii_bin, value LONGBLOB, PRIMARY KEY (collection, record_key)) ENGINE=InnoDB',
  )
  const batches = Array.from({ length: Math.ceil(rows / ROWS_PER_BATCH) }, (_, batch) =>
    Array.from({ length: Math.min(ROWS_PER_BATCH, rows - batch * ROWS_PER_BATCH) }, (_unused, n) =>
      keyOf(batch * ROWS_PER_BATCH + n),
    )
      .sort()
      .flatMap((key, n) => [
        'forms',
        Buffer.from(key),
        n + 1,
        '0123456789abcdef',
        values[n % values.length] as Buffer,
      ]),
  )
  const upsert = (count: number): string =>
    `INSERT INTO bare VALUES ${Array(count).fill('(?,?,?,?,?)').join(',')} ON DUPLICATE KEY UPDATE version = VALUES(version), spillway_check = VALUES(spillway_check), value = VALUES(value)`
  const from = performance.now()
  let next = 0
  await Promise.all(
    connections.map(async (connection) => {
      for (;;) {
        const batch = batches[next++]
        if (batch === undefined) return
        await connection.execute(upsert(batch.length / COLUMNS), batch)
      }
    }),
  )
  const rate = (rows * 1_000) / (performance.now() - from)
  await Promise.all(connections.map((connection) => connection.end()))
  return rate
}

async function run(size: Size): Promise<Finding> {
  const rows = size === 'tiny' ? 500 : 100_000
  const rounds = size === 'tiny' ? 1 : 3
  await using servers = await startServers()
  const series = await interleaved(
    { upserts: () => upsertsRound(servers, rows), land: () => landRound(servers, rows) },
    rounds,
  )
  const share = series.land.median / series.upserts.median
  return {
    headline: {
      'rows landed from Redis in MariaDB': `${perSecond(series.land.median)} = ${percent(share)} of bare upserts`,
      [`bare upserts of 1,000 rows, ${CONNECTIONS} connections`]: perSecond(series.upserts.median),
    },
    goals: [{ text: `landing ≥ ${percent(SHARE_MIN)} of bare upserts`, met: share >= SHARE_MIN }],
    settings: {
      rows,
      valueBytes: VALUE_BYTES,
      rowsPerBatch: ROWS_PER_BATCH,
      connections: CONNECTIONS,
      rounds,
    },
    series,
    numbers: { share },
  }
}

export const redisLand: Bench = {
  name: 'redis-land',
  measures: 'landing from Redis in MariaDB against bare multi-row upserts',
  run,
}
