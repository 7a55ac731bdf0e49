import { SpillwayError, invariant } from '../errors.ts'

/** The longest timer of Node and Bun; a longer one would fire at once. About 24.8 days. */
export const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * All that Spillway knows about time. Everything takes its clock from outside, so that the simulator can run the
 * real engine on virtual time and replay a seed to the same trace.
 */
export interface Clock {
  /** Wall-clock milliseconds since the epoch. It may jump; it is for people and never decides anything. */
  now(): number
  /** Milliseconds on a clock that never goes back, with fractions. For durations and deadlines. */
  monotonic(): number
  /** Resolves after `ms` (0 to `TIMER_MS_MAX`); rejects with `signal.reason` when aborted, before or during. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /**
   * Calls `fn` once after `ms` (0 to `TIMER_MS_MAX`), unless the returned function was called before. With
   * `unref: true` the timer alone does not keep the process alive.
   */
  after(ms: number, fn: () => void, options?: { readonly unref?: boolean }): () => void
  /** Resolves once the present turn of the event loop is over: what else arrived in it has been seen by then. */
  turn(): Promise<void>
}

function checkTimer(ms: number): void {
  invariant(ms >= 0 && ms <= TIMER_MS_MAX, `A timer of ${ms} ms is outside 0 to ${TIMER_MS_MAX}`)
}

/** The clock and timers of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  async sleep(ms, signal) {
    checkTimer(ms)
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  },
  after(ms, fn, options) {
    checkTimer(ms)
    const timer = setTimeout(fn, ms)
    if (options?.unref === true) timer.unref()
    return () => clearTimeout(timer)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}

/**
 * The outcome of `work`, or a rejection when it is not there after `ms`.
 *
 * Work given as a function gets a signal that is aborted at the deadline with the same error, so that it can give
 * up and close what it had opened. A result or an error that comes later is dropped; it never becomes an unhandled
 * rejection. The timer is gone as soon as the work is settled.
 *
 * Without `onLate` the error is `outcome-unknown`, the only answer that is true of any call: pass an `unavailable`
 * or `catching-up` where being late means that nothing has happened.
 */
export function withDeadline<T>(
  clock: Clock,
  ms: number,
  work: Promise<T> | ((signal: AbortSignal) => Promise<T>),
  onLate?: () => Error,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const controller = typeof work === 'function' ? new AbortController() : undefined
    const cancel = clock.after(ms, () => {
      const error =
        onLate?.() ??
        new SpillwayError('outcome-unknown', `No answer within ${ms} ms: it may or may not have happened.`)
      reject(error)
      controller?.abort(error)
    })
    // An async function, so that work which throws at once ends in the same place as work which rejects.
    const run = async (): Promise<T> =>
      typeof work === 'function' ? work((controller as AbortController).signal) : work
    run().then(
      (value) => {
        cancel()
        resolve(value)
      },
      (error: unknown) => {
        cancel()
        reject(error)
      },
    )
  })
}
