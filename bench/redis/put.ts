/**
 * Durable puts of the library into Redis, 256 in flight, against BullMQ's `add` of the same values on the same Redis.
 *
 * Contestants: `put` (landing deferred), `putWhileLanding` (into MariaDB, on the same machine) and `bullmq`.
 */
import { forms } from '../form.ts'
import { rateInFlight } from '../in-flight.ts'
import { perSecond } from '../result.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { interleaved } from '../rounds.ts'
import { recordsOf } from '../scratch.ts'
import { bullmqQueue, bullmqVersion } from './rivals.ts'
import { startServers } from './servers.ts'
import type { Servers } from './servers.ts'

const IN_FLIGHT = 256
const VALUE_BYTES = 500
const KEYS = 100_000
const TIMES_MIN = 2

async function putRound(servers: Servers, role: 'all' | 'api', ms: number): Promise<number> {
  await servers.empty()
  const values = forms(VALUE_BYTES)
  const tier = await servers.open(role)
  try {
    const records = recordsOf(tier)
    return await rateInFlight(IN_FLIGHT, ms, (n) =>
      records.put(`candidate-${n % KEYS}`, values[n % values.length]),
    )
  } finally {
    await tier.close({ drainMs: 0 })
  }
}

async function bullmqRound(servers: Servers, ms: number): Promise<number> {
  await servers.empty()
  const values = forms(VALUE_BYTES)
  const queue = await bullmqQueue(servers.redis.port)
  try {
    return await rateInFlight(IN_FLIGHT, ms, (n) =>
      queue.add('save', values[n % values.length], { jobId: `candidate-${n}` }),
    )
  } finally {
    await queue.close()
  }
}

async function run(size: Size): Promise<Finding> {
  const tiny = size === 'tiny'
  const ms = tiny ? 50 : 3_000
  const rounds = tiny ? 1 : 5
  await using servers = await startServers()
  const spillway = {
    put: () => putRound(servers, 'api', ms),
    putWhileLanding: () => putRound(servers, 'all', ms),
  }
  // A tiny run shows that this bench works; it installs nothing.
  const series = tiny
    ? { ...(await interleaved(spillway, rounds)), bullmq: { rounds: [1], median: 1 } }
    : await interleaved({ ...spillway, bullmq: () => bullmqRound(servers, ms) }, rounds)
  const times = series.put.median / series.bullmq.median
  return {
    headline: {
      'durable puts, landing deferred': `${perSecond(series.put.median)} = ${times.toFixed(1)} x BullMQ`,
      'durable puts while landing in MariaDB': perSecond(series.putWhileLanding.median),
      'add of BullMQ': perSecond(series.bullmq.median),
    },
    goals: [{ text: `put ≥ ${TIMES_MIN} x the add of BullMQ`, met: times >= TIMES_MIN }],
    settings: {
      inFlight: IN_FLIGHT,
      valueBytes: VALUE_BYTES,
      keys: KEYS,
      roundMs: ms,
      rounds,
      redis: 'appendfsync always',
      bullmq: bullmqVersion,
    },
    series,
    numbers: { times },
  }
}

export const redisPut: Bench = {
  name: 'redis-put',
  measures: 'durable puts of the library into Redis against BullMQ',
  run,
}
