/**
 * PUT of a record over HTTP, durable before the answer, against a POST handler that does nothing but to read its body.
 *
 * The server lands at the same time, on the same cores, as it does in production.
 */
import { form } from '../form.ts'
import { againstEmpty } from '../load/against-empty.ts'
import { startEmpty, startSpillway } from '../load/server-process.ts'
import type { Bench, Finding, Size } from '../result.ts'
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
  return await againstEmpty({
    name: 'save',
    calls: 'HTTP saves, durable',
    url: spillway.url,
    method: 'PUT',
    emptyUrl: empty.url,
    emptyMethod: 'POST',
    load: { connections, warmUpMs, ms, paths, body },
    rounds,
    shareMin: SHARE_MIN,
    settings: { valueBytes: VALUE_BYTES, keys },
  })
}

export const save: Bench = {
  name: 'save',
  measures: 'durable HTTP PUT of a record against an empty handler',
  run,
}
