import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isSpillwayError } from '../../src/errors.ts'
import { TIMER_MS_MAX, systemClock, withDeadline } from '../../src/kit/clock.ts'
import { deferred } from '../../src/kit/deferred.ts'
import { VirtualClock } from './virtual-clock.ts'

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)

beforeEach(() => {
  unhandled.length = 0
  process.on('unhandledRejection', note)
})

afterEach(async () => {
  await systemClock.turn()
  await systemClock.turn()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

describe('the clock of this machine', () => {
  test('its monotonic time never goes back and its wall time is of this century', () => {
    const readings = Array.from({ length: 1000 }, () => systemClock.monotonic())
    expect(readings.every((value, index) => index === 0 || value >= (readings[index - 1] ?? 0))).toBe(true)
    expect(systemClock.now()).toBeGreaterThan(Date.UTC(2024, 0, 1))
  })

  test('sleep lasts at least as long as asked', async () => {
    const before = systemClock.monotonic()
    await systemClock.sleep(20)
    // A timer of Node may fire up to 1 ms early against the fractional clock.
    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(19)
  })

  test('sleep rejects with the reason when aborted, before and during', async () => {
    const reason = new Error('enough')
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason)
    const controller = new AbortController()
    const sleeping = systemClock.sleep(60_000, controller.signal)
    controller.abort(reason)
    await expect(sleeping).rejects.toBe(reason)
  })

  test('a sleep that is over leaves no listener on its signal', async () => {
    const { signal } = new AbortController()
    await systemClock.sleep(1, signal)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('a timer that Node would fire at once because it is too long is refused', async () => {
    await expect(systemClock.sleep(TIMER_MS_MAX + 1)).rejects.toMatchObject({ code: 'internal' })
    expect(() => systemClock.after(-1, () => {})).toThrow(/outside 0 to/)
  })

  test('after calls once, and never when cancelled', async () => {
    let calls = 0
    const cancel = systemClock.after(1, () => (calls += 100))
    cancel()
    const fired = deferred()
    systemClock.after(
      2,
      () => {
        calls += 1
        fired.resolve()
      },
      // With a timer that holds the process beside it, or the test would end before it fires.
      { unref: true },
    )
    await Promise.all([fired.promise, systemClock.sleep(5)])
    expect(calls).toBe(1)
  })

  test('a turn lets everything that is ready run first', async () => {
    const seen: string[] = []
    queueMicrotask(() => seen.push('microtask'))
    await systemClock.turn()
    seen.push('turn')
    expect(seen).toEqual(['microtask', 'turn'])
  })
})

describe('withDeadline', () => {
  test('gives the outcome of the work and leaves no timer behind', async () => {
    const clock = new VirtualClock()
    await expect(withDeadline(clock, 100, Promise.resolve(7))).resolves.toBe(7)
    const failure = new Error('refused')
    await expect(withDeadline(clock, 100, Promise.reject(failure))).rejects.toBe(failure)
    await expect(
      withDeadline(clock, 100, () => {
        throw failure
      }),
    ).rejects.toBe(failure)
    expect(clock.timers).toBe(0)
  })

  test('rejects at the deadline, aborts the work with the same error, and drops what comes later', async () => {
    const clock = new VirtualClock()
    const late = new Error('late')
    const work = deferred<string>()
    let signal: AbortSignal | undefined
    const outcome = withDeadline(
      clock,
      100,
      (given) => {
        signal = given
        return work.promise
      },
      () => late,
    )
    const verdict = outcome.catch((error: unknown) => error)
    await clock.advance(99)
    expect(signal?.aborted).toBe(false)
    await clock.advance(1)
    expect(await verdict).toBe(late)
    expect(signal?.reason).toBe(late)
    work.reject(new Error('nobody listens any more'))
  })

  test('says outcome-unknown when it is not told what being late means', async () => {
    const clock = new VirtualClock()
    const outcome = withDeadline(clock, 5, new Promise(() => {})).catch((error: unknown) => error)
    await clock.advance(5)
    expect(isSpillwayError(await outcome, 'outcome-unknown')).toBe(true)
  })
})
