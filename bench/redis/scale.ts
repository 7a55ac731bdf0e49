/**
 * How cost grows in the profile redis, landing in MariaDB all the while:
 *
 *   keys       puts and gets of the library over 10,000 to 5,000,000 records that are there and have landed, 500 B each
 *   values     the same over values of 100 B to 100 KB, 1,000 keys
 *   processes  HTTP saves through 1, 2 and 4 server processes on one Redis and one MariaDB
 *
 * There is no goal but that nothing falls off a cliff: a rate with the most keys is at least half of that with the
 * fewest, and no number of processes is worse than half of one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Tier } from '../../src/index.ts'
import { forms } from '../form.ts'
import { msOfCalls, rateInFlight } from '../in-flight.ts'
import { generatorName, underLoad } from '../load/load.ts'
import { startProgram } from '../load/server-process.ts'
import { perSecond } from '../result.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { seriesOf } from '../rounds.ts'
import { COLLECTION, recordsOf } from '../scratch.ts'
import { serveArgs } from './serve.ts'
import { startServers } from './servers.ts'
import type { Servers } from './servers.ts'

const IN_FLIGHT = 256
const BATCH = 1_000
const BATCHES_IN_FLIGHT = 8
const CONNECTIONS = 256
const SHARE_MIN = 0.5
const QUIET_MS_MAX = 300_000
const LOOK_MS = 50

interface Sizes {
  readonly keys: readonly number[]
  readonly values: readonly number[]
  readonly processes: readonly number[]
  readonly ms: number
}

const FULL: Sizes = {
  keys: [10_000, 100_000, 1_000_000, 5_000_000],
  values: [100, 1_000, 10_000, 100_000],
  processes: [1, 2, 4],
  ms: 4_000,
}
const TINY: Sizes = { keys: [1_000, 2_000], values: [100, 1_000], processes: [1, 2], ms: 100 }

interface Rates {
  readonly of: number
  readonly puts: number
  readonly gets: number
}

const keyOf = (n: number): string => `candidate-${n}`
/** Spread over all keys, the same in every run. */
const spread = (n: number, keys: number): number =>
  Math.floor((((n * 2_654_435_761) % 2 ** 32) / 2 ** 32) * keys)

async function overKeys(servers: Servers, { keys, ms }: Sizes): Promise<Rates[]> {
  await servers.empty()
  const values = forms(500)
  const tier = await servers.open('all')
  const records = recordsOf(tier)
  const found: Rates[] = []
  let there = 0
  for (const count of keys) {
    const from = there
    await msOfCalls(BATCHES_IN_FLIGHT, (count - from) / BATCH, async (batch) => {
      const writes = Array.from({ length: BATCH }, (_, n) => ({
        key: keyOf(from + batch * BATCH + n),
        value: values[n % values.length] as object,
      }))
      const failed = (await records.putMany(writes)).find((outcome) => outcome instanceof Error)
      if (failed !== undefined) throw failed
    })
    there = count
    await isQuiet(servers, tier)
    const puts = await rateInFlight(IN_FLIGHT, ms, (n) =>
      records.put(keyOf(spread(n, count)), values[n % values.length]),
    )
    await isQuiet(servers, tier)
    const gets = await rateInFlight(IN_FLIGHT, ms, (n) => records.get(keyOf(spread(n, count))))
    found.push({ of: count, puts, gets })
  }
  await tier.close({ drainMs: 0 })
  return found
}

/** What was written before has landed, and Redis does not rewrite its file because of it: neither is a cost of keys. */
async function isQuiet(servers: Servers, tier: Tier): Promise<void> {
  for (const until = performance.now() + QUIET_MS_MAX; ;) {
    const { totals } = await tier.status()
    const persistence = await servers.redis.ask('INFO persistence')
    if (totals.pending === 0 && persistence.includes('aof_rewrite_in_progress:0')) return
    if (performance.now() > until)
      throw new Error(
        `${totals.pending} writes had not landed after ${QUIET_MS_MAX} ms, or Redis still rewrites`,
      )
    await sleep(LOOK_MS)
  }
}

async function overValues(servers: Servers, { values: sizes, ms }: Sizes): Promise<Rates[]> {
  const found: Rates[] = []
  for (const bytes of sizes) {
    await servers.empty()
    const values = forms(bytes, 16)
    const tier = await servers.open('all')
    const records = recordsOf(tier)
    const keys = 1_000
    await msOfCalls(IN_FLIGHT, keys, (n) => records.put(keyOf(n), values[n % values.length]))
    const puts = await rateInFlight(IN_FLIGHT, ms, (n) =>
      records.put(keyOf(n % keys), values[n % values.length]),
    )
    const gets = await rateInFlight(IN_FLIGHT, ms, (n) => records.get(keyOf(n % keys)))
    found.push({ of: bytes, puts, gets })
    await tier.close({ drainMs: 0 })
  }
  return found
}

async function overProcesses(
  servers: Servers,
  { processes, ms }: Sizes,
): Promise<{ of: number; saves: number }[]> {
  const found = []
  for (const count of processes) {
    await servers.empty()
    await using stack = new AsyncDisposableStack()
    const urls: string[] = []
    for (let n = 0; n < count; n += 1) {
      const server = stack.use(await startProgram(serveArgs(servers.flags)))
      urls.push(server.url)
    }
    const [value] = forms(500, 1)
    const loads = urls.map((url, n) =>
      underLoad({
        url,
        connections: Math.ceil(CONNECTIONS / count),
        warmUpMs: ms / 4,
        ms,
        paths: Array.from(
          { length: 1_000 },
          (_, key) => `/v1/records/${COLLECTION}/candidate-${key * count + n}`,
        ),
        body: JSON.stringify(value),
        method: 'PUT',
      }),
    )
    const rates = await Promise.all(loads)
    found.push({ of: count, saves: rates.reduce((sum, { perSecond: rate }) => sum + rate, 0) })
  }
  return found
}

async function run(size: Size): Promise<Finding> {
  const sizes = size === 'tiny' ? TINY : FULL
  await using servers = await startServers()
  const processes = await overProcesses(servers, sizes)
  const values = await overValues(servers, sizes)
  const keys = await overKeys(servers, sizes)
  const count = (n: number): string => n.toLocaleString('en')
  const [fewest, most] = [keys[0] as Rates, keys.at(-1) as Rates]
  const one = processes[0]?.saves ?? 1
  const worst = Math.min(...processes.map(({ saves }) => saves / one))
  return {
    headline: Object.fromEntries([
      ...keys.map(({ of, puts, gets }) => [
        `${count(of)} keys`,
        `${perSecond(puts)} puts, ${perSecond(gets)} gets`,
      ]),
      ...values.map(({ of, puts, gets }) => [
        `values of ${count(of)} B`,
        `${perSecond(puts)} puts, ${perSecond(gets)} gets`,
      ]),
      ...processes.map(({ of, saves }) => [
        `${of} server ${of === 1 ? 'process' : 'processes'}`,
        `${perSecond(saves)} HTTP saves`,
      ]),
    ]) as Record<string, string>,
    goals: [
      {
        text: `puts with ${count(most.of)} keys ≥ half of those with ${count(fewest.of)}`,
        met: most.puts >= SHARE_MIN * fewest.puts,
      },
      {
        text: `gets with ${count(most.of)} keys ≥ half of those with ${count(fewest.of)}`,
        met: most.gets >= SHARE_MIN * fewest.gets,
      },
      { text: 'several processes save at least half as much as one', met: worst >= SHARE_MIN },
    ],
    settings: {
      inFlight: IN_FLIGHT,
      connections: CONNECTIONS,
      roundMs: sizes.ms,
      generator: generatorName(),
    },
    series: {
      ...Object.fromEntries(
        keys.map(({ of, puts, gets }) => [`keys${of}`, seriesOf([Math.round(puts), Math.round(gets)])]),
      ),
      ...Object.fromEntries(
        values.map(({ of, puts, gets }) => [`bytes${of}`, seriesOf([Math.round(puts), Math.round(gets)])]),
      ),
      ...Object.fromEntries(
        processes.map(({ of, saves }) => [`processes${of}`, seriesOf([Math.round(saves)])]),
      ),
    },
    numbers: {
      putsShare: most.puts / fewest.puts,
      getsShare: most.gets / fewest.gets,
      processesShare: worst,
    },
  }
}

export const redisScale: Bench = {
  name: 'redis-scale',
  measures: 'how the cost of Redis and MariaDB grows with keys, value sizes and server processes',
  run,
}
