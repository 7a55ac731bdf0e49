import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/kit/clock.ts'
import { PositionWaiters } from '../../src/kit/gate.ts'

const waiters = (waitersMax = 100): PositionWaiters => new PositionWaiters({ name: 'the front', waitersMax })
const outcomeOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error)

describe('waiting for a position', () => {
  test('resolves at once when it is reached already', async () => {
    const gate = waiters()
    await gate.wait(0)
    gate.advance(5)
    await gate.wait(5)
    expect([gate.reached, gate.waiting]).toEqual([5, 0])
  })

  test('an advance releases those up to it, by target and then by arrival, and nobody else', async () => {
    const gate = waiters()
    const released: string[] = []
    const follow = (name: string, target: number): void => {
      gate.wait(target).then(
        () => released.push(name),
        () => {},
      )
    }
    follow('a9', 9)
    follow('b3', 3)
    follow('c5', 5)
    follow('d3', 3)
    gate.advance(2)
    await systemClock.turn()
    expect(released).toEqual([])
    gate.advance(5)
    await systemClock.turn()
    expect(released).toEqual(['b3', 'd3', 'c5'])
    expect(gate.waiting).toBe(1)
    gate.close()
  })

  test('a number already passed does nothing, and after a retreat later waits count from there', async () => {
    const gate = waiters()
    gate.advance(10)
    gate.advance(4)
    expect(gate.reached).toBe(10)
    gate.retreat(6)
    const waiting = gate.wait(8)
    expect(gate.waiting).toBe(1)
    gate.advance(8)
    await waiting
  })

  test('an aborted waiter leaves at once, with the reason, and frees its place', async () => {
    const gate = waiters(1)
    const reason = new Error('client went away')
    await expect(gate.wait(5, AbortSignal.abort(reason))).rejects.toBe(reason)
    const controller = new AbortController()
    const waiting = outcomeOf(gate.wait(5, controller.signal))
    expect(await outcomeOf(gate.wait(6))).toMatchObject({ code: 'overloaded' })
    controller.abort(reason)
    expect(await waiting).toBe(reason)
    expect(gate.waiting).toBe(0)
    const next = gate.wait(5)
    gate.advance(5)
    await next
  })

  test('an abort deep in the heap hides nobody behind a later target', async () => {
    const gate = waiters()
    const controller = new AbortController()
    const released: number[] = []
    for (const target of [1, 20, 2, 21, 22, 40, 3, 30, 31, 32, 33, 41, 42, 50, 4]) {
      gate.wait(target, target === 30 ? controller.signal : undefined).then(
        () => released.push(target),
        () => {},
      )
    }
    // What stood last, 4, takes the place of 30 under 21 and 20, and has to rise above them.
    controller.abort()
    gate.advance(4)
    await systemClock.turn()
    expect(released).toEqual([1, 2, 3, 4])
    gate.close()
  })

  test('an abort after the release changes nothing', async () => {
    const gate = waiters()
    const controller = new AbortController()
    const waiting = gate.wait(1, controller.signal)
    const other = gate.wait(2)
    gate.advance(1)
    controller.abort(new Error('too late'))
    await waiting
    expect(gate.waiting).toBe(1)
    gate.advance(2)
    await other
  })

  test('beyond the bound a waiter is refused by the name of the bound', async () => {
    const gate = waiters(2)
    const accepted = [gate.wait(1), gate.wait(1)]
    expect(String(await outcomeOf(gate.wait(1)))).toMatch(/the front has 2 waiters, its bound waitersMax/)
    gate.advance(1)
    await Promise.all(accepted)
  })

  test('fail rejects those who wait now, close also those who come', async () => {
    const gate = waiters()
    const gone = new Error('front away')
    const first = [gate.wait(1), gate.wait(2, new AbortController().signal)].map(outcomeOf)
    gate.fail(gone)
    expect(await Promise.all(first)).toEqual([gone, gone])
    const second = outcomeOf(gate.wait(1))
    gate.close()
    gate.close(gone)
    expect(await second).toMatchObject({ code: 'closed' })
    expect(await outcomeOf(gate.wait(1))).toMatchObject({ code: 'closed' })
  })
})

test('any mix of waits, aborts and advances releases exactly the right ones in the right order', async () => {
  const action = fc.oneof(
    { weight: 5, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.record({ abort: fc.nat(60) }) },
    { weight: 1, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 45 }) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 80 }), async (actions) => {
      const gate = waiters(1000)
      const seen: string[] = []
      const expected: string[] = []
      const model: { id: number; target: number; controller: AbortController }[] = []
      let [ids, reached] = [0, 0]
      for (const next of actions) {
        if ('wait' in next) {
          const id = ids
          ids += 1
          const controller = new AbortController()
          gate.wait(next.wait, controller.signal).then(
            () => seen.push(`released ${id}`),
            () => seen.push(`aborted ${id}`),
          )
          if (next.wait <= reached) expected.push(`released ${id}`)
          else model.push({ id, target: next.wait, controller })
        } else if ('abort' in next) {
          const [gone] = model.splice(next.abort, 1)
          gone?.controller.abort()
          if (gone !== undefined) expected.push(`aborted ${gone.id}`)
        } else {
          reached = Math.max(reached, next.advance)
          gate.advance(next.advance)
          const released = model.filter(({ target }) => target <= reached)
          released.sort((a, b) => a.target - b.target || a.id - b.id)
          for (const waiter of released) {
            expected.push(`released ${waiter.id}`)
            model.splice(model.indexOf(waiter), 1)
          }
        }
        await systemClock.turn()
        expect(gate.waiting).toBe(model.length)
      }
      expect(seen).toEqual(expected)
      gate.fail(new Error('the end of the test'))
      await systemClock.turn()
    }),
    { numRuns: 100 },
  )
})
