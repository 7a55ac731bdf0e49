/**
 * PUT of a record over HTTP, durable before the answer, against a POST handler that does nothing but to read its body.
 *
 * The server lands at the same time, on the same cores, as it does in production.
 */
import { form } from '../form.ts'
import { generatorName, underLoad } from '../load/load.ts'
import { startEmpty, startSpillway } from '../load/server-process.ts'
import { percent, perSecond } from '../result.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { interleaved, median } from '../rounds.ts'
import { COLLECTION, scratchFolder } from '../scratch.ts'

const CONNECTIONS = 256
const VALUE_BYTES = 500
const KEYS = 10_000
const SHARE_MIN = 0.5

const pathOf = (n: number): string => `/v1/records/${COLLECTION}/candidate-${String(n).padStart(6, '0')}`
const RECEIPT = `{"collection":"${COLLECTION}","key":"candidate-000001","version":137438953473,"stage":"visible"}`

async function run(size: Size): Promise<Finding> {
  const keys = size === 'tiny' ? 10 : KEYS
  const [ms, warmUpMs, rounds] = size === 'tiny' ? [100, 20, 1] : [3_000, 1_000, 5]
  const connections = size === 'tiny' ? 8 : CONNECTIONS
  await using folder = await scratchFolder()
  await using spillway = await startSpillway(folder.path)
  await using empty = await startEmpty('', RECEIPT)
  const paths = Array.from({ length: keys }, (_, n) => pathOf(n))
  const body = JSON.stringify(form(1, VALUE_BYTES))
  const p99Ms: number[] = []
  const load = { connections, warmUpMs, ms, paths, body } as const
  const series = await interleaved(
    {
      empty: async () => (await underLoad({ ...load, method: 'POST', url: empty.url })).perSecond,
      save: async () => {
        const answer = await underLoad({ ...load, method: 'PUT', url: spillway.url })
        p99Ms.push(answer.p99Ms)
        return answer.perSecond
      },
    },
    rounds,
  )
  const share = series.save.median / series.empty.median
  return {
    headline: {
      'HTTP saves, durable': `${perSecond(series.save.median)} = ${percent(share)} of an empty POST handler`,
      'empty POST handler': perSecond(series.empty.median),
      'p99 of a save': `${median(p99Ms).toFixed(1)} ms`,
    },
    goals: [{ text: `saves ≥ ${percent(SHARE_MIN)} of an empty POST handler`, met: share >= SHARE_MIN }],
    settings: { connections, valueBytes: VALUE_BYTES, keys, roundMs: ms, rounds, generator: generatorName() },
    series,
    numbers: { share, p99Ms: median(p99Ms) },
  }
}

export const save: Bench = {
  name: 'save',
  measures: 'durable HTTP PUT of a record against an empty handler',
  run,
}
