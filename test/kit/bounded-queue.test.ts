import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BoundedQueue } from '../../src/kit/bounded-queue.ts'
import { systemClock } from '../../src/kit/clock.ts'

test('keeps the order and the bounds of any sequence of pushes and shifts', () => {
  const action = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant('shift' as const))
  fc.assert(
    fc.property(
      fc.array(action, { size: '+2' }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 200 }),
      (actions, itemsMax, weightMax) => {
        const queue = new BoundedQueue<number>({ itemsMax, weightMax, weigh: (item) => item })
        const expected: number[] = []
        for (const next of actions) {
          const weight = expected.reduce((sum, item) => sum + item, 0)
          if (next === 'shift') expect(queue.shift()).toBe(expected.shift())
          else {
            const fits = expected.length < itemsMax && (expected.length === 0 || weight + next <= weightMax)
            expect(queue.push(next)).toBe(fits)
            if (fits) expected.push(next)
          }
          expect(queue.length).toBe(expected.length)
          expect(queue.weight).toBe(expected.reduce((sum, item) => sum + item, 0))
        }
      },
    ),
  )
})

test('an item heavier than the bound fits into an empty queue only', () => {
  const queue = new BoundedQueue<number>({ itemsMax: 10, weightMax: 5, weigh: (item) => item })
  expect(queue.push(50)).toBe(true)
  expect(queue.push(1)).toBe(false)
  expect(queue.shift()).toBe(50)
  expect(queue.push(1)).toBe(true)
  expect(queue.push(50)).toBe(false)
})

describe('take', () => {
  test('gives what is there, oldest first, up to max', async () => {
    const queue = new BoundedQueue<number>({ itemsMax: 10 })
    for (const item of [1, 2, 3]) queue.push(item)
    expect(await queue.take(2)).toEqual([1, 2])
    expect(await queue.take(2)).toEqual([3])
  })

  test('waits for the first item and takes what came in the same step', async () => {
    const queue = new BoundedQueue<number>({ itemsMax: 10 })
    const taken = queue.take(10)
    await systemClock.turn()
    queue.push(1)
    queue.push(2)
    expect(await taken).toEqual([1, 2])
  })

  test('after close gives what is left and then nothing, and nothing more goes in', async () => {
    const queue = new BoundedQueue<number>({ itemsMax: 10 })
    queue.push(1)
    queue.close()
    expect(queue.push(2)).toBe(false)
    expect(await queue.take(5)).toEqual([1])
    expect(await queue.take(5)).toEqual([])
  })

  test('a consumer that waits is woken by close', async () => {
    const queue = new BoundedQueue<number>({ itemsMax: 10 })
    const taken = queue.take(5)
    queue.close()
    expect(await taken).toEqual([])
  })

  test('a second consumer that waits is a defect, not a race', async () => {
    const queue = new BoundedQueue<number>({ itemsMax: 10 })
    const first = queue.take(1)
    await expect(queue.take(1)).rejects.toMatchObject({ code: 'internal' })
    queue.push(1)
    expect(await first).toEqual([1])
  })
})
