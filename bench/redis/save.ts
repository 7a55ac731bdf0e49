/**
 * PUT of a record over HTTP into Redis and MariaDB, durable before the answer, against direct upserts behind the same
 * HTTP at the best of four pools. Server, Redis, MariaDB and generator share the machine.
 *
 *   spike       a minute at 256 connections, landing put off for as long (`--landing-lag-ms`), as somebody who expects a
 *               spike sets it; then the time until everything has landed
 *   sustained   so many connections that landing keeps up: what waits does not grow over the last 30 s by more than a
 *               hundredth of what comes
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { form } from '../form.ts'
import { generatorName, underLoad } from '../load/load.ts'
import type { LoadAnswer } from '../load/load.ts'
import { startProgram } from '../load/server-process.ts'
import { perSecond } from '../result.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { seriesOf } from '../rounds.ts'
import { COLLECTION } from '../scratch.ts'
import { serveArgs } from './serve.ts'
import { startServers } from './servers.ts'
import type { Servers } from './servers.ts'

const VALUE_BYTES = 500
const KEYS = 20_000
const POOLS = [8, 16, 32, 64]
const SPIKE_CONNECTIONS = 256
const SUSTAINED_CONNECTIONS = [256, 96, 48, 24]
const GROWTH_MAX = 0.01
const LOOK_MS = 500
const RATE_MIN = 20_000
const P99_MS_MAX = 100
const DRAIN_MS_MAX = 60_000
const LANDING_LAG_MS = 60_000
const DIRECT = fileURLToPath(new URL('../baselines/direct-server.ts', import.meta.url))

interface Times {
  readonly keys: number
  readonly warmUpMs: number
  readonly directMs: number
  readonly sustainedMs: number
  readonly spikeMs: number
}

const FULL: Times = { keys: KEYS, warmUpMs: 2_000, directMs: 5_000, sustainedMs: 40_000, spikeMs: 60_000 }
const TINY: Times = { keys: 10, warmUpMs: 20, directMs: 600, sustainedMs: 300, spikeMs: 100 }

interface Pressure {
  readonly connections: number
  readonly warmUpMs: number
  readonly ms: number
  readonly keys: number
}

function saves(url: string, { connections, warmUpMs, ms, keys }: Pressure): Promise<LoadAnswer> {
  const paths = Array.from({ length: keys }, (_, n) => `/v1/records/${COLLECTION}/candidate-${n}`)
  const body = JSON.stringify(form(1, VALUE_BYTES))
  return underLoad({ url, connections, warmUpMs, ms, paths, body, method: 'PUT' })
}

async function direct(servers: Servers, pool: number, times: Times): Promise<number> {
  await servers.empty()
  await using server = await startProgram([DIRECT, servers.mariadb.url, String(pool)])
  const answer = await saves(server.url, { ...times, connections: SPIKE_CONNECTIONS, ms: times.directMs })
  return answer.perSecond
}

async function pendingAt(url: string): Promise<number> {
  const status = (await (await fetch(`${url}/v1/status`)).json()) as { totals: { pending: number } }
  return status.totals.pending
}

/** Writes a second by which what waits grows, by least squares. */
function growth(samples: readonly { readonly ms: number; readonly pending: number }[]): number {
  const mean = (of: readonly number[]): number => of.reduce((sum, one) => sum + one, 0) / of.length
  const ms = mean(samples.map((one) => one.ms))
  const pending = mean(samples.map((one) => one.pending))
  const spread = samples.reduce((sum, one) => sum + (one.ms - ms) ** 2, 0)
  const joint = samples.reduce((sum, one) => sum + (one.ms - ms) * (one.pending - pending), 0)
  return spread === 0 ? 0 : (joint / spread) * 1_000
}

/** A rate at which landing keeps up; undefined where this many connections are too many for it. */
async function sustained(servers: Servers, connections: number, times: Times): Promise<number | undefined> {
  await servers.empty()
  await using server = await startProgram(serveArgs(servers.flags))
  const from = performance.now()
  const samples: { ms: number; pending: number }[] = []
  const load = saves(server.url, { ...times, connections, ms: times.sustainedMs })
  let loading = true
  void load.finally(() => (loading = false)).catch(() => undefined)
  while (loading) {
    samples.push({ ms: performance.now() - from, pending: await pendingAt(server.url) })
    await sleep(Math.min(LOOK_MS, times.sustainedMs / 4))
  }
  const { perSecond: rate } = await load
  const later = samples.filter((one) => one.ms > (samples.at(-1)?.ms ?? 0) - times.sustainedMs * 0.75)
  return growth(later) <= rate * GROWTH_MAX ? rate : undefined
}

interface Spike {
  readonly rate: number
  readonly p99Ms: number
  readonly left: number
  readonly drainMs: number
}

async function spike(servers: Servers, times: Times): Promise<Spike> {
  await servers.empty()
  const putOff = ['--landing-lag-ms', String(LANDING_LAG_MS)]
  await using server = await startProgram(serveArgs([...servers.flags, ...putOff]))
  const answer = await saves(server.url, { ...times, connections: SPIKE_CONNECTIONS, ms: times.spikeMs })
  const from = performance.now()
  const left = await pendingAt(server.url)
  while ((await pendingAt(server.url)) > 0 && performance.now() - from < 2 * DRAIN_MS_MAX)
    await sleep(LOOK_MS / 5)
  return { rate: answer.perSecond, p99Ms: answer.p99Ms, left, drainMs: performance.now() - from }
}

async function run(size: Size): Promise<Finding> {
  const times = size === 'tiny' ? TINY : FULL
  await using servers = await startServers()
  const directs: number[] = []
  for (const pool of size === 'tiny' ? [8] : POOLS)
    directs.push(Math.round(await direct(servers, pool, times)))
  const best = Math.max(1, ...directs)
  const burst = await spike(servers, times)
  let keptUp: { rate: number; connections: number } | undefined
  for (const connections of size === 'tiny' ? [8] : SUSTAINED_CONNECTIONS) {
    const rate = await sustained(servers, connections, times)
    if (rate === undefined) continue
    keptUp = { rate, connections }
    break
  }
  const sustainedRate = keptUp?.rate ?? 0
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  const { rate, p99Ms, left, drainMs } = burst
  return {
    headline: {
      [`HTTP saves in a spike of ${seconds(times.spikeMs)}, durable`]: `${perSecond(rate)} = ${(rate / best).toFixed(1)} x direct upserts, p99 ${p99Ms.toFixed(1)} ms`,
      'landed after it': `${left.toLocaleString('en')} writes in ${seconds(drainMs)}`,
      'HTTP saves while landing keeps up':
        keptUp === undefined
          ? 'landing did not keep up at any of the tried loads'
          : `${perSecond(keptUp.rate)} = ${(keptUp.rate / best).toFixed(1)} x, ${keptUp.connections} connections`,
      'direct upserts behind HTTP, best pool': perSecond(best),
    },
    goals: [
      {
        text: `a spike at ≥ ${RATE_MIN.toLocaleString('en')}/s, p99 < ${P99_MS_MAX} ms`,
        met: rate >= RATE_MIN && p99Ms < P99_MS_MAX,
      },
      { text: `landed within ${DRAIN_MS_MAX / 1_000} s after it`, met: drainMs <= DRAIN_MS_MAX },
      { text: '≥ 4 x direct upserts in the spike', met: rate >= 4 * best },
      { text: '≥ 3 x direct upserts while landing keeps up', met: sustainedRate >= 3 * best },
    ],
    settings: {
      valueBytes: VALUE_BYTES,
      keys: times.keys,
      spikeMs: times.spikeMs,
      spikeConnections: SPIKE_CONNECTIONS,
      spikeLandingLagMs: LANDING_LAG_MS,
      sustainedMs: times.sustainedMs,
      pools: (size === 'tiny' ? [8] : POOLS).join(' '),
      generator: generatorName(),
    },
    series: {
      spike: seriesOf([Math.round(rate)]),
      sustained: seriesOf([Math.round(sustainedRate)]),
      direct: seriesOf(directs),
    },
    numbers: {
      timesInSpike: rate / best,
      timesSustained: sustainedRate / best,
      p99Ms,
      leftAfterSpike: left,
      drainMs,
      sustainedConnections: keptUp?.connections ?? 0,
    },
  }
}

export const redisSave: Bench = {
  name: 'redis-save',
  measures: 'durable HTTP PUT into Redis and MariaDB against direct upserts behind the same HTTP',
  run,
}
