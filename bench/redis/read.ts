/** GET of a record that Redis holds, over HTTP, against a GET handler that answers the same body. */
import { form } from '../form.ts'
import { againstEmpty } from '../load/against-empty.ts'
import { startEmpty, startProgram } from '../load/server-process.ts'
import type { Bench, Finding, Size } from '../result.ts'
import type { Series } from '../rounds.ts'
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
  const finding = await againstEmpty({
    name: 'read',
    calls: 'HTTP reads',
    url: spillway.url,
    method: 'GET',
    emptyUrl: empty.url,
    emptyMethod: 'GET',
    load: { connections, warmUpMs, ms, paths },
    rounds,
    shareMin: SHARE_MIN,
    settings: { valueBytes: VALUE_BYTES, keys },
  })
  if (process.versions['bun'] === undefined) return finding
  const met = (finding.series['read'] as Series).median >= RATE_MIN_ON_BUN
  return { ...finding, goals: [...finding.goals, { text: 'reads ≥ 45,000/s on Bun', met }] }
}

export const redisRead: Bench = {
  name: 'redis-read',
  measures: 'HTTP GET of a record in Redis against an empty handler',
  run,
}
