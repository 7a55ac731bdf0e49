import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SpillwayError, isSpillwayError } from '../../src/errors.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { Coalescer } from '../../src/kit/coalescer.ts'
import type { CoalescerOptions } from '../../src/kit/coalescer.ts'
import { deferred } from '../../src/kit/deferred.ts'
import type { Deferred } from '../../src/kit/deferred.ts'

interface Call {
  readonly items: number[]
  readonly answer: Deferred<(number | Error)[]>
}

/** A coalescer whose calls are answered by the test. */
function controlled(options: Partial<CoalescerOptions<number, number>> = {}) {
  const calls: Call[] = []
  const coalescer = new Coalescer<number, number>({
    name: 'appends',
    call: (items) => {
      const answer = deferred<(number | Error)[]>()
      calls.push({ items, answer })
      return answer.promise
    },
    itemsMax: 100,
    waitingMax: 1000,
    ...options,
  })
  /** Answers the oldest call that is out with its own items. */
  const answer = async (): Promise<void> => {
    const call = calls.find(({ items }) => !answered.has(items))
    if (call === undefined) throw new Error('No call is out')
    answered.add(call.items)
    call.answer.resolve(call.items)
    await systemClock.turn()
  }
  const answered = new Set<number[]>()
  return { coalescer, calls, answer, sent: () => calls.map(({ items }) => items) }
}

const outcomeOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

describe('when calls begin', () => {
  test('all that is added in one step shares a call, and nothing waits for a timer', async () => {
    const { coalescer, sent, answer } = controlled()
    const outcomes = Promise.all([coalescer.add(1), coalescer.add(2), coalescer.add(3)])
    expect(sent()).toEqual([])
    await Promise.resolve()
    expect(sent()).toEqual([[1, 2, 3]])
    await answer()
    expect(await outcomes).toEqual([1, 2, 3])
  })

  test('what arrives while a call is out is folded into the next one', async () => {
    const { coalescer, sent, answer } = controlled()
    const outcomes = [coalescer.add(1)]
    await systemClock.turn()
    for (const item of [2, 3, 4]) {
      outcomes.push(coalescer.add(item))
      await systemClock.turn()
    }
    expect(sent()).toEqual([[1]])
    expect([coalescer.inFlight, coalescer.waiting]).toEqual([1, 3])
    await answer()
    expect(sent()).toEqual([[1], [2, 3, 4]])
    await answer()
    expect(await Promise.all(outcomes)).toEqual([1, 2, 3, 4])
  })

  test('callers who add again as soon as they are answered share the next call with those who waited', async () => {
    const { coalescer, sent, answer } = controlled()
    const again = Promise.all(
      [1, 2].map((item) => coalescer.add(item).then((result) => coalescer.add(result + 10))),
    )
    await systemClock.turn()
    const waited = coalescer.add(3)
    await answer()
    expect(sent()).toEqual([
      [1, 2],
      [3, 11, 12],
    ])
    await answer()
    expect([await again, await waited]).toEqual([[11, 12], 3])
  })

  test('with gather, a call begins when gather says so', async () => {
    const gate = deferred()
    const { coalescer, sent, answer } = controlled({ gather: () => gate.promise })
    const first = coalescer.add(1)
    await systemClock.turn()
    const second = coalescer.add(2)
    expect(sent()).toEqual([])
    gate.resolve()
    await systemClock.turn()
    expect(sent()).toEqual([[1, 2]])
    await answer()
    expect(await Promise.all([first, second])).toEqual([1, 2])
  })
})

describe('outcomes', () => {
  test('an error in the results fails its own item and no neighbour', async () => {
    const bad = new SpillwayError('invalid', 'bad item')
    const { coalescer, calls } = controlled()
    const outcomes = Promise.allSettled([1, 2, 3].map((item) => coalescer.add(item)))
    await systemClock.turn()
    calls[0]?.answer.resolve([10, bad, 30])
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: 10 },
      { status: 'rejected', reason: bad },
      { status: 'fulfilled', value: 30 },
    ])
  })

  test('a call that throws, at once or later, fails its own items and the next call goes on', async () => {
    const failure = new Error('connection lost')
    for (const how of [
      (): never => {
        throw failure
      },
      () => Promise.reject(failure),
    ]) {
      let calls = 0
      const { coalescer } = controlled({
        call: (items) => {
          calls += 1
          return calls === 1 ? how() : Promise.resolve(items)
        },
      })
      const outcomes = [1, 2].map((item) => outcomeOf(coalescer.add(item)))
      await Promise.resolve()
      const next = coalescer.add(3)
      expect(await Promise.all(outcomes)).toEqual([failure, failure])
      expect(await next).toBe(3)
      expect([coalescer.waiting, coalescer.inFlight]).toEqual([0, 0])
    }
  })

  test('a wrong number of results is a defect that fails all items rather than give one the outcome of another', async () => {
    const none = undefined as unknown as number[]
    for (const results of [[1], [1, 2, 3], [], none]) {
      const { coalescer } = controlled({ call: () => Promise.resolve(results) })
      const outcomes = await Promise.all([1, 2].map((item) => outcomeOf(coalescer.add(item))))
      for (const outcome of outcomes) {
        expect(isSpillwayError(outcome, 'internal')).toBe(true)
        expect(String(outcome)).toMatch(/appends gave (0|1|3|no) results for 2 items/)
      }
    }
  })
})

describe('bounds', () => {
  test('a call has at most itemsMax items and weightMax weight, and an item that is heavier goes alone', async () => {
    const { coalescer, sent, answer } = controlled({ itemsMax: 3, weightMax: 10, weigh: (item) => item })
    const items = [1, 1, 1, 1, 5, 5, 25, 2, 9]
    const outcomes = items.map((item) => coalescer.add(item))
    await systemClock.turn()
    for (let call = 0; call < 6; call += 1) await answer()
    expect(sent()).toEqual([[1, 1, 1], [1, 5], [5], [25], [2], [9]])
    expect(await Promise.all(outcomes)).toEqual(items)
  })

  test('beyond waitingMax an item is refused by the name of the bound, and those in a call do not count', async () => {
    const { coalescer, sent, answer } = controlled({ waitingMax: 2 })
    const first = coalescer.add(1)
    await systemClock.turn()
    const accepted = [coalescer.add(2), coalescer.add(3)]
    const refused = await outcomeOf(coalescer.add(4))
    expect(refused).toMatchObject({ code: 'overloaded', retryAfterMs: 1000 })
    expect(String(refused)).toMatch(/appends has 2 items waiting, its bound waitingMax/)
    await answer()
    await answer()
    expect(await Promise.all([first, ...accepted])).toEqual([1, 2, 3])
    expect(sent().flat()).toEqual([1, 2, 3])
  })

  test('beyond waitingWeightMax an item is refused, unless it waits alone', async () => {
    const { coalescer, answer } = controlled({ waitingWeightMax: 10, weigh: (item) => item })
    const heavy = coalescer.add(50)
    const refused = await outcomeOf(coalescer.add(1))
    expect(String(refused)).toContain('waitingWeightMax')
    await answer()
    expect(await heavy).toBe(50)
    expect(coalescer.waitingWeight).toBe(0)
  })

  test('at most callsMax calls are out, and they may end in any order', async () => {
    const { coalescer, calls, sent } = controlled({ callsMax: 2, itemsMax: 1 })
    const outcomes = [1, 2, 3].map((item) => coalescer.add(item))
    await systemClock.turn()
    expect(sent()).toEqual([[1], [2]])
    calls[1]?.answer.resolve([20])
    expect(await outcomes[1]).toBe(20)
    await systemClock.turn()
    expect(sent()).toEqual([[1], [2], [3]])
    calls[0]?.answer.resolve([10])
    calls[2]?.answer.resolve([30])
    expect(await Promise.all(outcomes)).toEqual([10, 20, 30])
  })

  test('a bound below 1, under which nothing could ever be sent, is refused', () => {
    expect(() => controlled({ itemsMax: 0 })).toThrow(/bound/)
    expect(() => controlled({ callsMax: 0 })).toThrow(/bound/)
  })
})

describe('the end', () => {
  test('idle resolves once nothing waits and no call is out, after all outcomes', async () => {
    const { coalescer, answer } = controlled({ itemsMax: 1 })
    await coalescer.idle()
    const seen: string[] = []
    const outcomes = [1, 2].map((item) => coalescer.add(item).then(() => seen.push('outcome')))
    const idle = coalescer.idle().then(() => seen.push('idle'))
    await systemClock.turn()
    await answer()
    expect(seen).toEqual(['outcome'])
    await answer()
    await Promise.all([...outcomes, idle])
    expect(seen).toEqual(['outcome', 'outcome', 'idle'])
  })

  test('close refuses what waits and what comes, and what is out keeps its outcome', async () => {
    const { coalescer, answer, sent } = controlled()
    const out = coalescer.add(1)
    await systemClock.turn()
    const waiting = outcomeOf(coalescer.add(2))
    const idle = coalescer.idle()
    coalescer.close()
    coalescer.close(new Error('a second close does nothing'))
    expect(await waiting).toMatchObject({ code: 'closed' })
    expect(await outcomeOf(coalescer.add(3))).toMatchObject({ code: 'closed' })
    await answer()
    expect(await out).toBe(1)
    await idle
    expect(sent()).toEqual([[1]])
  })
})

test('under any load each item is sent once, in order, within the bounds, and gets its own outcome', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 12 }) }) },
    { weight: 1, arbitrary: fc.constant('turn' as const) },
  )
  const bounds = fc.record({
    itemsMax: fc.integer({ min: 1, max: 6 }),
    weightMax: fc.integer({ min: 1, max: 20 }),
    callsMax: fc.integer({ min: 1, max: 3 }),
    waitingMax: fc.integer({ min: 1, max: 15 }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      bounds,
      fc.infiniteStream(fc.nat(3)),
      async (steps, max, dice) => {
        const sent: { id: number; weight: number }[][] = []
        let out = 0
        const coalescer = new Coalescer<{ id: number; weight: number }, number>({
          name: 'any load',
          ...max,
          weigh: ({ weight }) => weight,
          call: async (items) => {
            sent.push([...items])
            out += 1
            expect(out).toBeLessThanOrEqual(max.callsMax)
            for (let turn = dice.next().value; turn > 0; turn -= 1) await systemClock.turn()
            out -= 1
            if (items.length > 2 && dice.next().value === 0) throw new Error(`call of ${items[0]?.id}`)
            return items.map(({ id }) => (id % 7 === 3 ? new Error(`item ${id}`) : id))
          },
        })
        const outcomes: Promise<unknown>[] = []
        for (const action of steps) {
          if (action === 'turn') await systemClock.turn()
          else {
            outcomes.push(outcomeOf(coalescer.add({ id: outcomes.length, weight: action.add })))
            expect(coalescer.waiting).toBeLessThanOrEqual(max.waitingMax)
          }
        }
        await coalescer.idle()
        const results = await Promise.all(outcomes)
        const sentIds = sent.flat().map(({ id }) => id)
        const refusedIds = results.flatMap((result, id) =>
          isSpillwayError(result, 'overloaded') ? [id] : [],
        )
        expect([...sentIds, ...refusedIds].sort((a, b) => a - b)).toEqual(results.map((_, id) => id))
        expect(sentIds).toEqual([...sentIds].sort((a, b) => a - b))
        for (const items of sent) {
          expect(items.length).toBeLessThanOrEqual(max.itemsMax)
          const weight = items.reduce((sum, item) => sum + item.weight, 0)
          expect(items.length === 1 || weight <= max.weightMax).toBe(true)
          for (const { id } of items) {
            const allowed = [id, `Error: item ${id}`, `Error: call of ${items[0]?.id}`]
            expect(allowed).toContain(results[id] instanceof Error ? String(results[id]) : results[id])
          }
        }
        expect([coalescer.waiting, coalescer.waitingWeight, coalescer.inFlight]).toEqual([0, 0, 0])
      },
    ),
    { numRuns: 200 },
  )
})
