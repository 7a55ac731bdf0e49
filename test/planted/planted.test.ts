import { afterAll, describe, expect, test } from 'vitest'
import type { Shape } from '../../src/testing/index.ts'
import { TRACES } from '../../src/testing/index.ts'
import { PLANTED } from './bugs.ts'
import { UNPATCHED, hunt, plant, unplant } from './plant.ts'

/** Most bugs show within ten seeds, the rarest within a hundred. */
const SEEDS_MAX = 300
const TEST_MS = 300_000

/** Of each shape, the last seed that a bug was found on: the unpatched source has to pass them all. */
const reached = new Map<Shape, number>()
const roots: string[] = []
afterAll(async () => {
  for (const root of roots) await unplant(root)
})

describe('bugs that were planted are found by the ordinary simulator', () => {
  for (const bug of PLANTED) {
    test(
      `finds: ${bug.name}`,
      async () => {
        const root = await plant(bug)
        roots.push(root)
        const { shape, trace } = bug
        const found = await hunt(root, { shape, from: 1, count: SEEDS_MAX, trace })
        expect(found, `${bug.name} was not found within ${SEEDS_MAX} seeds`).toBeDefined()
        expect(found?.violations.length).toBeGreaterThan(0)
        if (found !== undefined) reached.set(shape, Math.max(reached.get(shape) ?? 0, found.seed))
      },
      TEST_MS,
    )
  }
})

describe('the source as it is', () => {
  test(
    'passes every seed on which a bug was found, and those before it',
    async () => {
      expect(reached.size).toBeGreaterThan(0)
      for (const [shape, count] of reached) {
        expect(await hunt(UNPATCHED, { shape, from: 1, count })).toBeUndefined()
      }
    },
    TEST_MS,
  )

  test('passes every hand-made trace', async () => {
    const traces = Object.keys(TRACES)
    expect(traces.length).toBeGreaterThan(1)
    for (const trace of traces) {
      expect(await hunt(UNPATCHED, { shape: 'separate', from: 1, count: 0, trace })).toBeUndefined()
    }
  })
})
