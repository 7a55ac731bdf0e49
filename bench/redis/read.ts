/** GET of a record that Redis holds, over HTTP, against a GET handler that answers the same body. */
import { form } from '../form.ts'
import { generatorName, underLoad } from '../load/load.ts'
import { startEmpty, startProgram } from '../load/server-process.ts'
import { percent, perSecond } from '../result.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { interleaved, median } from '../rounds.ts'
import { COLLECTION, recordsOf } from '../scratch.ts'
import { msOfCalls } from '../in-flight.ts'
import { startServers } from './servers.ts'
import { serveArgs } from './serve.ts'

const CONNECTIONS = 128
const VALUE_BYTES = 500
const KEYS = 10_000
const SHARE_MIN = 0.65
const RATE_MIN_ON_BUN = 45_000

const keyOf = (n: number): string => `candidate-${String(n).padStart(6, '0')}`

async function run(size: Size): Promise<Finding> {
  const tiny = size === 'tiny'
  const keys = tiny ? 10 : KEYS
  const [ms, warmUpMs, rounds] = tiny ? [100, 20, 1] : [3_000, 1_000, 5]
  const connections = tiny ? 8 : CONNECTIONS
  await using servers = await startServers()
  const filler = await servers.open('all')
  await msOfCalls(256, keys, (n) => recordsOf(filler).put(keyOf(n), form(n, VALUE_BYTES)))
  await filler.close()
  await using spillway = await startProgram(serveArgs(servers.flags))
  const body = await (await fetch(`${spillway.url}/v1/records/${COLLECTION}/${keyOf(1)}`)).text()
  await using empty = await startEmpty(body, '')
  const paths = Array.from({ length: keys }, (_, n) => `/v1/records/${COLLECTION}/${keyOf(n)}`)
  const p99Ms: number[] = []
  const load = { connections, warmUpMs, ms, paths, method: 'GET' } as const
  const series = await interleaved(
    {
      empty: async () => (await underLoad({ ...load, url: empty.url })).perSecond,
      read: async () => {
        const answer = await underLoad({ ...load, url: spillway.url })
        p99Ms.push(answer.p99Ms)
        return answer.perSecond
      },
    },
    rounds,
  )
  const share = series.read.median / series.empty.median
  const onBun = process.versions['bun'] !== undefined
  return {
    headline: {
      'HTTP reads': `${perSecond(series.read.median)} = ${percent(share)} of an empty GET handler`,
      'empty GET handler': perSecond(series.empty.median),
      'p99 of a read': `${median(p99Ms).toFixed(1)} ms`,
    },
    goals: [
      { text: `reads ≥ ${percent(SHARE_MIN)} of an empty GET handler`, met: share >= SHARE_MIN },
      ...(onBun ? [{ text: 'reads ≥ 45,000/s on Bun', met: series.read.median >= RATE_MIN_ON_BUN }] : []),
    ],
    settings: { connections, valueBytes: VALUE_BYTES, keys, roundMs: ms, rounds, generator: generatorName() },
    series,
    numbers: { share, p99Ms: median(p99Ms) },
  }
}

export const redisRead: Bench = {
  name: 'redis-read',
  measures: 'HTTP GET of a record in Redis against an empty handler',
  run,
}
