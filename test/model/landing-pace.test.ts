import { expect, test } from 'vitest'
import { pauseBeforeLanding } from '../../src/model/landing-pace.ts'
import type { LandingPressure } from '../../src/model/landing-pace.ts'

const spike: LandingPressure = {
  arrived: 500,
  sinceMs: 100,
  batchMs: 20,
  filled: 0.1,
  lagMs: 300,
  waited: false,
}

test('in a spike landing takes at most a quarter of the time', () => {
  expect(pauseBeforeLanding(spike)).toBe(60)
})

test('a pause is never longer than 250 ms', () => {
  expect(pauseBeforeLanding({ ...spike, batchMs: 10_000 })).toBe(250)
})

test('without a spike a write lands at once', () => {
  expect(pauseBeforeLanding({ ...spike, arrived: 10 })).toBe(0)
  expect(pauseBeforeLanding({ ...spike, arrived: 0 })).toBe(0)
})

test('whoever waits for a write to land ends the pauses', () => {
  expect(pauseBeforeLanding({ ...spike, waited: true })).toBe(0)
})

test('lag and memory are bounded: past either landing goes on at full speed', () => {
  expect(pauseBeforeLanding({ ...spike, lagMs: 5_000 })).toBe(0)
  expect(pauseBeforeLanding({ ...spike, filled: 0.5 })).toBe(0)
})
