import { expect, test } from 'vitest'
import { form } from '../../bench/form.ts'
import { interleaved, median } from '../../bench/rounds.ts'

test('contestants take turns, and the first round of each is not counted', async () => {
  const order: string[] = []
  const contestant = (name: string) => () => {
    order.push(name)
    return Promise.resolve(order.length)
  }
  const series = await interleaved({ a: contestant('a'), b: contestant('b') }, 2)
  expect(order.join('')).toBe('ababab')
  expect(series.a.rounds).toEqual([3, 5])
  expect(series.b).toEqual({ rounds: [4, 6], median: 5 })
})

test('the median is the middle, or between the two in the middle', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
})

test.each([100, 500, 4_096])('a form of %d bytes has exactly that many as JSON', (bytes) => {
  expect(JSON.stringify(form(7, bytes))).toHaveLength(bytes)
})
