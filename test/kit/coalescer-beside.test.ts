import { expect, test } from 'vitest'
import { Coalescer } from '../../src/kit/coalescer.ts'
import { deferred } from '../../src/kit/deferred.ts'
import type { Deferred } from '../../src/kit/deferred.ts'

/** Calls that end when they are told to, with the items they had. */
function held(besideMin: number) {
  const calls: { readonly items: number[]; readonly end: Deferred<void> }[] = []
  const coalescer = new Coalescer<number, number>({
    name: 'held',
    call: async (items) => {
      const end = deferred()
      calls.push({ items, end })
      await end.promise
      return items
    },
    itemsMax: 100,
    weightMax: 1_000,
    weigh: () => 1,
    waitingMax: 1_000,
    besideMin,
  })
  const add = (count: number, from = 0): Promise<number[]> =>
    Promise.all(Array.from({ length: count }, (_, index) => coalescer.add(from + index)))
  return { calls, coalescer, add }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a batch of twice besideMin goes out as two calls, in order, and each item has its own outcome', async () => {
  const { calls, coalescer, add } = held(4)
  const all = add(9)
  await turn()
  expect(calls.map(({ items }) => items)).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7, 8],
  ])
  expect(coalescer.inFlight).toBe(9)
  expect(coalescer.waitingWeight).toBe(0)
  for (const call of calls) call.end.resolve()
  expect(await all).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('fewer items than besideMin wait for the call that is out', async () => {
  const { calls, add } = held(4)
  const first = add(2)
  await turn()
  const second = add(3, 10)
  await turn()
  expect(calls).toHaveLength(1)
  calls[0]?.end.resolve()
  await first
  await turn()
  expect(calls[1]?.items).toEqual([10, 11, 12])
  calls[1]?.end.resolve()
  await second
})

test('besideMin items go beside the call that is out, and no third call goes beside two', async () => {
  const { calls, coalescer, add } = held(4)
  const first = add(2)
  await turn()
  const second = add(4, 10)
  await turn()
  const third = add(20, 20)
  await turn()
  expect(calls.map(({ items }) => items.length)).toEqual([2, 4])
  calls[1]?.end.resolve()
  await second
  await turn()
  expect(calls).toHaveLength(3)
  calls[2]?.end.resolve()
  calls[0]?.end.resolve()
  await Promise.all([first, third])
  await coalescer.idle()
  expect(coalescer.inFlight).toBe(0)
})
