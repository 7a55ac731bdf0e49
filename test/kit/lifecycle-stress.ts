import { deepEqual, equal, fail } from 'node:assert/strict'
import { systemClock, withDeadline } from '../../src/kit/clock.ts'
import type { Loop } from '../../src/kit/lifecycle.ts'
import { seededRandom } from '../../src/kit/random.ts'

export interface StressOptions {
  /** Random lives after the named ones; default 50. */
  readonly lives?: number
  readonly seed?: number
  /** How long a `stop` may take; default 5,000. */
  readonly stopMsMax?: number
  /** Throws when something of the loop still runs; called after each of its lives. */
  verifyStopped?(): void | Promise<void>
}

/**
 * The contract of every background loop, tried on lives of its own: stopped before, during and after its start, by
 * many at once, started again after its end. Throws at the first breach, and when anything was rejected unheard.
 *
 * `make` gives a new loop, not started, each time; what it needs outside must be there.
 */
export async function stressLoop(
  make: () => Loop | Promise<Loop>,
  options: StressOptions = {},
): Promise<void> {
  const unheard: unknown[] = []
  const note = (error: unknown): void => void unheard.push(error)
  process.on('unhandledRejection', note)
  try {
    for (const [name, live] of Object.entries(NAMED_LIVES)) await oneLife(name, live, make, options)
    const random = seededRandom(options.seed ?? 1)
    for (let life = 0; life < (options.lives ?? 50); life += 1) {
      const acts = Array.from(
        { length: 1 + random.integer(6) },
        () => ACTS[random.integer(ACTS.length)] ?? 'turn',
      )
      await oneLife(`${life}: ${acts.join(', ')}`, (loop, stop) => act(loop, stop, acts), make, options)
    }
    await systemClock.turn()
    deepEqual(unheard, [], 'something was rejected and nobody heard it')
  } finally {
    process.off('unhandledRejection', note)
  }
}

const ACTS = ['start', 'start', 'stop', 'turn', 'microtask', 'started'] as const
type Act = (typeof ACTS)[number]
type Stop = () => Promise<void>

async function act(loop: Loop, stop: Stop, acts: readonly Act[]): Promise<void> {
  const stops: Promise<void>[] = []
  for (const next of acts) {
    if (next === 'start') loop.start()
    else if (next === 'stop') stops.push(stop())
    else if (next === 'turn') await systemClock.turn()
    else if (next === 'microtask') await Promise.resolve()
    // Heard or not, a rejection of `started` must not end the process.
    else void loop.started
  }
  await Promise.all(stops)
}

const NAMED_LIVES: Record<string, (loop: Loop, stop: Stop) => Promise<void>> = {
  'stopped without a start': async () => {},
  'stopped before its start, which then does nothing': async (loop, stop) => {
    await stop()
    loop.start()
    equal(await outcomeOf(loop.started), 'closed', 'a loop that was stopped first must not count as started')
  },
  'started, then stopped': async (loop) => {
    loop.start()
    await loop.started
  },
  'started twice': async (loop) => {
    loop.start()
    loop.start()
    await loop.started
    loop.start()
  },
  'stopped during its start': async (loop, stop) => {
    loop.start()
    await stop()
    await outcomeOf(loop.started)
  },
  'stopped by three at once, and again after that': async (loop, stop) => {
    loop.start()
    await loop.started
    await Promise.all([stop(), stop(), stop()])
    await stop()
  },
  'started again after its end, which does nothing': async (loop, stop) => {
    loop.start()
    await loop.started
    await stop()
    loop.start()
    await systemClock.turn()
  },
}

async function oneLife(
  name: string,
  live: (loop: Loop, stop: Stop) => Promise<void>,
  make: () => Loop | Promise<Loop>,
  options: StressOptions,
): Promise<void> {
  const loop = await make()
  const stopMsMax = options.stopMsMax ?? 5_000
  const stop: Stop = () =>
    withDeadline(
      systemClock,
      stopMsMax,
      () => loop.stop(),
      () => new Error(`stop took more than ${stopMsMax} ms`),
    )
  try {
    await withDeadline(systemClock, 4 * stopMsMax, live(loop, stop))
    await stop()
    await options.verifyStopped?.()
  } catch (cause) {
    fail(new Error(`A loop broke the contract in the life "${name}": ${String(cause)}`, { cause }))
  }
}

async function outcomeOf(promise: Promise<void>): Promise<unknown> {
  try {
    await promise
    return 'resolved'
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}
