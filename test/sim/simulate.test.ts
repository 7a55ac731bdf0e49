import { describe, expect, test } from 'vitest'
import { FaultTable, SHAPES, TRACES, playTrace, simulate } from '../../src/testing/index.ts'

const SEEDS = 12
/** Seeds of the short run; `npm run sim` goes through thousands. */
const FIRST = 1

for (const shape of SHAPES) {
  describe(`the real engine in the ${shape} shape`, () => {
    test('holds every invariant through seeded faults, and drains when they end', async () => {
      const table = new FaultTable(shape)
      for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
        const { violations, cells, outcomes, faults } = await simulate({ seed, shape })
        expect(violations, `npm run sim -- --shape ${shape} --seed ${seed}`).toEqual([])
        const operations = [...outcomes.values()].reduce((sum, count) => sum + count, 0)
        expect(operations).toBeGreaterThanOrEqual(200)
        expect(faults).toBeGreaterThanOrEqual(5)
        table.add(cells)
      }
      expect(table.format().split('\n').length).toBeGreaterThan(5)
    }, 120_000)

    test('replays a seed to the same trace, and another seed to another', async () => {
      const [once, again, other] = [
        await simulate({ seed: 7, shape }),
        await simulate({ seed: 7, shape }),
        await simulate({ seed: 8, shape }),
      ]
      expect(again.trace).toBe(once.trace)
      expect(again.events).toBe(once.events)
      expect(other.trace).not.toBe(once.trace)
    }, 60_000)
  })
}

describe('hand-made traces', () => {
  for (const name of Object.keys(TRACES)) {
    test(`${name} harms nobody`, async () => {
      expect((await playTrace(name)).violations).toEqual([])
    })
  }
})
