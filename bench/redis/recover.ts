/**
 * How long until records are served again, with a million writes that have not landed:
 *
 *   after a restart of Redis    its own load of the append-only file, the raise of the generation, the first read
 *   after the loss of Redis     with a SQLite journal: an empty Redis, filled again from the journal, the first read
 *
 * And an import of a million rows through Redis: until the last is acknowledged, and until all have landed.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Tier } from '../../src/index.ts'
import { forms } from '../form.ts'
import { msOfCalls } from '../in-flight.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { seriesOf } from '../rounds.ts'
import { recordsOf } from '../scratch.ts'
import { startServers } from './servers.ts'

const VALUE_BYTES = 500
const BATCH = 1_000
const BATCHES_IN_FLIGHT = 8
const SECONDS_MAX = 60
const LOOK_MS = 20

const keyOf = (n: number): string => `candidate-${n}`
const values = forms(VALUE_BYTES)

async function fill(tier: Tier, rows: number): Promise<number> {
  const records = recordsOf(tier)
  return await msOfCalls(BATCHES_IN_FLIGHT, rows / BATCH, async (batch) => {
    const writes = Array.from({ length: BATCH }, (_, n) => ({
      key: keyOf(batch * BATCH + n),
      value: values[n % values.length] as object,
    }))
    const failed = (await records.putMany(writes)).find((outcome) => outcome instanceof Error)
    if (failed !== undefined) throw failed
  })
}

async function servedAgain(from: number, opening: Promise<Tier>, rows: number): Promise<number> {
  const tier = await opening
  const last = await recordsOf(tier).get(keyOf(rows - 1))
  const ms = performance.now() - from
  if (JSON.stringify(last?.value) !== JSON.stringify(values[(BATCH - 1) % values.length]))
    throw new Error(`The last write before the loss was not served after it, but ${JSON.stringify(last)}`)
  await tier.close({ drainMs: 0 })
  return ms
}

async function run(size: Size): Promise<Finding> {
  const rows = size === 'tiny' ? 2 * BATCH : 1_000_000
  await using servers = await startServers()

  const before = await servers.open('api')
  await fill(before, rows)
  await before.close({ drainMs: 0 })
  await servers.redis.kill()
  const restartedAt = performance.now()
  await servers.redis.restart()
  const restartMs = await servedAgain(restartedAt, servers.open('api', { openTimeoutMs: 600_000 }), rows)

  await servers.empty()
  const separate = { journal: `sqlite:${join(servers.folder, 'journal.db')}` }
  const filler = await servers.open('api', separate)
  await fill(filler, rows)
  await filler.close({ drainMs: 0 })
  await servers.redis.ask('FLUSHALL')
  const lostAt = performance.now()
  const lossMs = await servedAgain(lostAt, servers.open('api', separate), rows)

  await servers.empty()
  const importing = await servers.open('all')
  const importMs = await fill(importing, rows)
  const drainFrom = performance.now()
  while ((await importing.status()).totals.pending > 0) await sleep(LOOK_MS)
  const drainMs = performance.now() - drainFrom
  await importing.close()

  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  const count = rows.toLocaleString('en')
  const within = (ms: number): boolean => ms < SECONDS_MAX * 1_000
  return {
    headline: {
      [`Redis restarted with ${count} writes that have not landed`]: seconds(restartMs),
      [`Redis lost, ${count} writes in a SQLite journal`]: seconds(lossMs),
      [`import of ${count} rows, acknowledged`]: seconds(importMs),
      'and landed after another': seconds(drainMs),
    },
    goals: [
      { text: `serving within ${SECONDS_MAX} s after a restart of Redis`, met: within(restartMs) },
      { text: `serving within ${SECONDS_MAX} s after its loss`, met: within(lossMs) },
      { text: `import acknowledged within ${SECONDS_MAX} s`, met: within(importMs) },
    ],
    settings: { rows, valueBytes: VALUE_BYTES, batch: BATCH, batchesInFlight: BATCHES_IN_FLIGHT },
    series: {
      restarted: seriesOf([Math.round((rows * 1_000) / restartMs)]),
      lost: seriesOf([Math.round((rows * 1_000) / lossMs)]),
      imported: seriesOf([Math.round((rows * 1_000) / importMs)]),
    },
    numbers: { restartMs, lossMs, importMs, drainMs },
  }
}

export const redisRecover: Bench = {
  name: 'redis-recover',
  measures: 'serving again with a million un-landed writes after a restart or the loss of Redis; an import',
  run,
}
