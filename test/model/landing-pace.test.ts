import { expect, test } from 'vitest'
import { pauseBeforeLanding, yieldsToSpike } from '../../src/model/landing-pace.ts'
import type { LandingPressure } from '../../src/model/landing-pace.ts'

const spike: LandingPressure = {
  arrived: 500,
  sinceMs: 100,
  batchMs: 20,
  partitions: 16,
  filled: 0.1,
  lagMs: 300,
  lagMsMax: 5_000,
  waited: false,
}

test('in a spike all partitions together land for an eighth of the time', () => {
  expect(pauseBeforeLanding(spike)).toBe(7 * 16 * 20)
  expect(pauseBeforeLanding({ ...spike, partitions: 1 })).toBe(7 * 20)
  expect(yieldsToSpike(spike)).toBe(true)
})

test('a pause ends when the oldest write is as old as it may get', () => {
  expect(pauseBeforeLanding({ ...spike, lagMs: 4_000 })).toBe(1_000)
})

test('without a spike a write lands at once', () => {
  expect(pauseBeforeLanding({ ...spike, arrived: 10 })).toBe(0)
  expect(pauseBeforeLanding({ ...spike, arrived: 0 })).toBe(0)
})

test.each([
  ['somebody waits for a write to land', { waited: true }],
  ['a write is as old as it may get', { lagMs: 5_000 }],
  ['landing must never yield', { lagMsMax: 0 }],
  ['memory is half full', { filled: 0.5 }],
])('landing goes on at full speed where %s', (_, changed) => {
  expect(pauseBeforeLanding({ ...spike, ...changed })).toBe(0)
  expect(yieldsToSpike({ ...spike, ...changed })).toBe(false)
})
