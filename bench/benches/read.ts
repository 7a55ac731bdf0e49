/** GET of a record over HTTP, against a handler that does nothing but to answer with the same bytes. */
import { form } from '../form.ts'
import { againstEmpty } from '../load/against-empty.ts'
import { startEmpty, startSpillway } from '../load/server-process.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { COLLECTION, scratchFolder } from '../scratch.ts'

const CONNECTIONS = 64
const VALUE_BYTES = 500
const RECORDS = 1_000
const SHARE_MIN = 0.75
const JSON_TYPE = { 'content-type': 'application/json' }

const pathOf = (n: number): string => `/v1/records/${COLLECTION}/candidate-${String(n).padStart(6, '0')}`

async function run(size: Size): Promise<Finding> {
  const records = size === 'tiny' ? 10 : RECORDS
  const [ms, warmUpMs, rounds] = size === 'tiny' ? [100, 20, 1] : [2_000, 1_000, 5]
  await using folder = await scratchFolder()
  await using spillway = await startSpillway(folder.path)
  const paths = Array.from({ length: records }, (_, n) => pathOf(n))
  for (const [n, path] of paths.entries()) {
    const answer = await fetch(spillway.url + path, {
      method: 'PUT',
      headers: JSON_TYPE,
      body: JSON.stringify(form(n, VALUE_BYTES)),
    })
    if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`)
  }
  const record = await (await fetch(spillway.url + (paths[0] as string))).text()
  await using empty = await startEmpty(record, '')
  return await againstEmpty({
    name: 'read',
    calls: 'HTTP reads',
    url: spillway.url,
    method: 'GET',
    emptyUrl: empty.url,
    emptyMethod: 'GET',
    load: { connections: CONNECTIONS, warmUpMs, ms, paths },
    rounds,
    shareMin: SHARE_MIN,
    settings: { valueBytes: VALUE_BYTES, records },
  })
}

export const read: Bench = { name: 'read', measures: 'HTTP GET of a record against an empty handler', run }
