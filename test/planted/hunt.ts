/** `node hunt.ts ROOT SHAPE FROM COUNT`: the first seed whose run of the source under ROOT is not clean, as JSON. */
import { pathToFileURL } from 'node:url'
import type * as Testing from '../../src/testing/index.ts'

const [root = '', shape = 'separate', from = '1', count = '1'] = process.argv.slice(2)
const { simulate } = (await import(pathToFileURL(`${root}/testing/index.ts`).href)) as typeof Testing

let found: { readonly seed: number; readonly violations: readonly string[] } | undefined
const first = Number(from)
for (let seed = first; seed < first + Number(count) && found === undefined; seed += 1) {
  const { violations } = await simulate({ seed, shape: shape as Testing.Shape, tailLines: 1 })
  if (violations.length > 0) found = { seed, violations: violations.slice(0, 3) }
}
process.stdout.write(`${JSON.stringify(found ?? null)}\n`)
process.exit(0)
