import { describe, expect, test } from 'vitest'
import { systemClock } from '../../src/kit/clock.ts'
import { deferred } from '../../src/kit/deferred.ts'
import { BackgroundLoop } from '../../src/kit/lifecycle.ts'
import type { BackgroundLoopOptions, Loop, LoopFailure } from '../../src/kit/lifecycle.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { stressLoop } from './lifecycle-stress.ts'
import { VirtualClock } from './virtual-clock.ts'

function makeLoop(
  options: Partial<BackgroundLoopOptions> & Pick<BackgroundLoopOptions, 'run'>,
): BackgroundLoop {
  return new BackgroundLoop({ name: 'lander', clock: systemClock, random: seededRandom(1), ...options })
}

/** Stays until the loop is stopped, as a step does that waits for work. */
const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

describe('a background loop', () => {
  test('runs nothing inside start, then again and again, a turn apart, until it is stopped', async () => {
    let runs = 0
    const third = deferred()
    const loop = makeLoop({
      run: async () => {
        runs += 1
        if (runs === 3) third.resolve()
      },
    })
    loop.start()
    expect(runs).toBe(0)
    await third.promise
    await loop.stop()
    const after = runs
    await systemClock.turn()
    await systemClock.turn()
    expect(runs).toBe(after)
  })

  test('started twice, it still runs once', async () => {
    let running = 0
    const loop = makeLoop({
      run: async (signal) => {
        running += 1
        await untilAborted(signal)
      },
    })
    loop.start()
    loop.start()
    await loop.started
    loop.start()
    await systemClock.turn()
    await systemClock.turn()
    expect(running).toBe(1)
    await loop.stop()
  })

  test('stop aborts the run, and resolves only when it has ended', async () => {
    const ended = deferred()
    let done = false
    const loop = makeLoop({
      run: async (signal) => {
        await untilAborted(signal)
        await ended.promise
        done = true
      },
    })
    loop.start()
    await loop.started
    const stopped = loop.stop().then(() => done)
    await systemClock.turn()
    expect(done).toBe(false)
    ended.resolve()
    expect(await stopped).toBe(true)
  })

  test('counts as started when prepare has succeeded, which is tried again after errors', async () => {
    const seen: string[] = []
    const failures: LoopFailure[] = []
    const loop = makeLoop({
      backoffBaseMs: 1,
      prepare: async () => {
        seen.push('prepare')
        if (seen.length < 3) throw new Error('not yet')
      },
      run: (signal) => {
        seen.push('run')
        return untilAborted(signal)
      },
      onFailure: (failure) => failures.push(failure),
    })
    loop.start()
    await loop.started
    await systemClock.turn()
    await loop.stop()
    expect(seen).toEqual(['prepare', 'prepare', 'prepare', 'run'])
    expect(failures.map(({ loop: name, failures: count }) => [name, count])).toEqual([
      ['lander', 1],
      ['lander', 2],
    ])
  })

  test('an error is reported and run is called again after a pause that grows, and shrinks after a success', async () => {
    const clock = new VirtualClock()
    const failures: LoopFailure[] = []
    let runs = 0
    const loop = makeLoop({
      clock,
      backoffBaseMs: 100,
      backoffPauseMsMax: 1_000,
      run: async (signal) => {
        runs += 1
        if (runs === 6) return
        if (runs === 8) return untilAborted(signal)
        throw new Error(`run ${runs}`)
      },
      onFailure: (failure) => failures.push(failure),
    })
    loop.start()
    await clock.advance(10_000)
    expect(runs).toBe(8)
    expect(failures.map(({ failures: count }) => count)).toEqual([1, 2, 3, 4, 5, 1])
    failures.forEach(({ retryInMs, failures: count }) => {
      expect(retryInMs).toBeGreaterThanOrEqual(1)
      expect(retryInMs).toBeLessThanOrEqual(Math.min(1_000, 100 * 2 ** (count - 1)))
    })
    await loop.stop()
    expect(clock.timers).toBe(0)
  })

  test('a run that went well for long before it failed starts the pauses from the base again', async () => {
    const clock = new VirtualClock()
    const counts: number[] = []
    const loop = makeLoop({
      clock,
      backoffPauseMsMax: 1_000,
      run: async (signal) => {
        await clock.sleep(2_000, signal)
        throw new Error('connection lost')
      },
      onFailure: ({ failures }) => counts.push(failures),
    })
    loop.start()
    await clock.advance(10_000)
    await loop.stop()
    expect(counts.length).toBeGreaterThanOrEqual(3)
    expect(new Set(counts)).toEqual(new Set([1]))
  })

  test('stop ends the pause after an error at once', async () => {
    const clock = new VirtualClock()
    const loop = makeLoop({ clock, run: () => Promise.reject(new Error('down')) })
    loop.start()
    await clock.turn()
    await clock.turn()
    expect(clock.timers).toBe(1)
    await loop.stop()
    expect(clock.timers).toBe(0)
  })

  test('an error while stopping is reported without a retry, the abort itself is not an error', async () => {
    const failures: LoopFailure[] = []
    const onFailure = (failure: LoopFailure): void => void failures.push(failure)
    const polite = makeLoop({ run: (signal) => systemClock.sleep(60_000, signal), onFailure })
    polite.start()
    await polite.started
    await polite.stop()
    expect(failures).toEqual([])
    const clumsy = makeLoop({
      run: async (signal) => {
        await untilAborted(signal)
        throw new Error('could not say goodbye')
      },
      onFailure,
    })
    clumsy.start()
    await clumsy.started
    await clumsy.stop()
    expect(failures).toMatchObject([{ loop: 'lander', retryInMs: undefined }])
  })

  test('a reporter that throws and a run that throws at once do not end the loop', async () => {
    const second = deferred()
    let runs = 0
    const loop = makeLoop({
      backoffBaseMs: 1,
      run: () => {
        runs += 1
        if (runs === 2) second.resolve()
        throw new Error('at once')
      },
      onFailure: () => {
        throw new Error('the log is full')
      },
    })
    loop.start()
    await second.promise
    await loop.stop()
    expect(runs).toBeGreaterThanOrEqual(2)
  })
})

describe('the shared stress test', () => {
  test.each<[string, Partial<BackgroundLoopOptions>['run'] & {}, Partial<BackgroundLoopOptions>['prepare']]>([
    ['waits for work', untilAborted, undefined],
    ['returns at once', async () => {}, async () => {}],
    ['always fails', () => Promise.reject(new Error('down')), undefined],
    ['sleeps', (signal) => systemClock.sleep(60_000, signal), () => systemClock.turn()],
  ])('passes for a loop that %s, and nothing of it runs afterwards', async (_name, run, prepare) => {
    let running = 0
    await stressLoop(
      () =>
        makeLoop({
          backoffBaseMs: 1,
          backoffPauseMsMax: 2,
          run: async (signal) => {
            running += 1
            try {
              await run(signal)
            } finally {
              running -= 1
            }
          },
          ...(prepare === undefined ? {} : { prepare }),
        }),
      { verifyStopped: () => expect(running).toBe(0) },
    )
  })

  const broken: [string, () => Loop][] = [
    [
      'never stops',
      () => ({ start: () => {}, started: Promise.resolve(), stop: () => new Promise<void>(() => {}) }),
    ],
    [
      'rejects its stop',
      () => ({
        start: () => {},
        started: Promise.resolve(),
        stop: () => Promise.reject(new Error('stop failed')),
      }),
    ],
    [
      'counts as started after its end',
      () => ({ start: () => {}, started: Promise.resolve(), stop: () => Promise.resolve() }),
    ],
  ]
  test.each(broken)('finds a loop that %s', async (_name, make) => {
    await expect(stressLoop(make, { stopMsMax: 50 })).rejects.toThrow(/broke the contract/)
  })
})
