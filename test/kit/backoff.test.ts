import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Backoff } from '../../src/kit/backoff.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { VirtualClock } from './virtual-clock.ts'

const clock = new VirtualClock()

test('every pause is between 1 ms and a ceiling that doubles up to the bound', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 500 }),
      fc.integer({ min: 500, max: 60_000 }),
      (seed, baseMs, pauseMsMax) => {
        const backoff = new Backoff({ clock, random: seededRandom(seed), baseMs, pauseMsMax })
        for (let failure = 0; failure < 1100; failure += 1) {
          const pauseMs = backoff.nextMs()
          expect(Number.isInteger(pauseMs)).toBe(true)
          expect(pauseMs).toBeGreaterThanOrEqual(1)
          expect(pauseMs).toBeLessThanOrEqual(Math.min(pauseMsMax, baseMs * 2 ** failure))
        }
      },
    ),
    { numRuns: 20 },
  )
})

test('pauses use the whole range below the ceiling, so that many processes do not come back together', () => {
  const random = seededRandom(3)
  const firsts = Array.from({ length: 1000 }, () => new Backoff({ clock, random, baseMs: 10 }).nextMs())
  expect(new Set(firsts).size).toBe(10)
})

test('reset starts from the base again', () => {
  const backoff = new Backoff({ clock, random: seededRandom(1), baseMs: 2, pauseMsMax: 10_000 })
  for (let failure = 0; failure < 20; failure += 1) backoff.nextMs()
  expect(backoff.failures).toBe(20)
  backoff.reset()
  expect(backoff.failures).toBe(0)
  expect(backoff.nextMs()).toBeLessThanOrEqual(2)
})

test('a pause ends early, with the reason, when aborted', async () => {
  const reason = new Error('stopping')
  const controller = new AbortController()
  const paused = new Backoff({ clock, random: seededRandom(1) }).pause(controller.signal)
  controller.abort(reason)
  await expect(paused).rejects.toBe(reason)
  expect(clock.timers).toBe(0)
})

test('bounds that contradict each other are refused', () => {
  const random = seededRandom(1)
  expect(() => new Backoff({ clock, random, baseMs: 0 })).toThrow(/backoff/)
  expect(() => new Backoff({ clock, random, baseMs: 100, pauseMsMax: 50 })).toThrow(/backoff/)
  expect(() => new Backoff({ clock, random, pauseMsMax: 2 ** 31 })).toThrow(/backoff/)
})
