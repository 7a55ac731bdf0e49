/**
 * `node hunt.ts ROOT SHAPE FROM COUNT [TRACE]`: the first run of the source under ROOT that is not clean, as JSON:
 * the named trace, or else these seeds.
 */
import { pathToFileURL } from 'node:url'
import type * as Testing from '../../src/testing/index.ts'

const [root = '', shape = 'separate', from = '1', count = '1', trace] = process.argv.slice(2)
const { playTrace, simulate } = (await import(
  pathToFileURL(`${root}/testing/index.ts`).href
)) as typeof Testing

async function hunt(): Promise<object | undefined> {
  if (trace !== undefined) {
    const { violations } = await playTrace(trace)
    return violations.length > 0 ? { seed: 0, violations: violations.slice(0, 3) } : undefined
  }
  const first = Number(from)
  for (let seed = first; seed < first + Number(count); seed += 1) {
    const { violations } = await simulate({ seed, shape: shape as Testing.Shape, tailLines: 1 })
    if (violations.length > 0) return { seed, violations: violations.slice(0, 3) }
  }
  return undefined
}

process.stdout.write(`${JSON.stringify((await hunt()) ?? null)}\n`)
process.exit(0)
