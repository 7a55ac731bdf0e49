import { expect, test } from 'vitest'
import { pauseBeforeLanding } from '../../src/model/landing-pace.ts'
import type { LandingPressure } from '../../src/model/landing-pace.ts'

const spike: LandingPressure = {
  arrived: 500,
  sinceMs: 100,
  waiting: 500,
  rowsMax: 1_000,
  batchMs: 20,
  filled: 0.1,
  lagMs: 300,
  waited: false,
}

test('in a spike landing waits until a batch is full', () => {
  expect(pauseBeforeLanding(spike)).toBe(100)
})

test('in a spike landing takes between an eighth and a half of the time', () => {
  expect(pauseBeforeLanding({ ...spike, waiting: 1_000 })).toBe(20)
  expect(pauseBeforeLanding({ ...spike, waiting: 50_000 })).toBe(20)
  expect(pauseBeforeLanding({ ...spike, arrived: 30, waiting: 30 })).toBe(140)
})

test('a pause is never longer than a second', () => {
  expect(pauseBeforeLanding({ ...spike, batchMs: 10_000 })).toBe(1_000)
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
