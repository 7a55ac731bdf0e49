import type { Clock } from './clock.ts'
import type { Random } from './random.ts'
import { TIMER_MS_MAX } from './clock.ts'
import { invariant } from '../errors.ts'

export interface BackoffOptions {
  readonly clock: Clock
  readonly random: Random
  /** The most that the first pause can be; default 50. */
  readonly baseMs?: number
  /** The most that any pause can be; default 5,000. */
  readonly pauseMsMax?: number
}

/**
 * How long to wait before the next try: "full jitter", a pause drawn evenly from 1 ms to a ceiling that doubles with
 * each failure up to `pauseMsMax`. Drawing from the whole range is what keeps many processes from coming back
 * together after an outage. It never gives up: whoever calls it decides that.
 */
export class Backoff {
  readonly #clock: Clock
  readonly #random: Random
  readonly #baseMs: number
  readonly #pauseMsMax: number
  #failures = 0

  constructor(options: BackoffOptions) {
    this.#clock = options.clock
    this.#random = options.random
    this.#baseMs = options.baseMs ?? 50
    this.#pauseMsMax = options.pauseMsMax ?? 5_000
    invariant(
      this.#baseMs >= 1 && this.#baseMs <= this.#pauseMsMax && this.#pauseMsMax <= TIMER_MS_MAX,
      `A backoff from ${this.#baseMs} to ${this.#pauseMsMax} ms does not hold 1 <= base <= max <= ${TIMER_MS_MAX}`,
    )
  }

  /** Failures since the start or the last `reset`. */
  get failures(): number {
    return this.#failures
  }

  get pauseMsMax(): number {
    return this.#pauseMsMax
  }

  /** Counts one failure and draws the pause that follows it, in whole milliseconds. */
  nextMs(): number {
    // The exponent is bounded because 2 ** 1024 is Infinity, and Infinity times a base of 0.x is no better.
    const ceilingMs = Math.min(this.#pauseMsMax, this.#baseMs * 2 ** Math.min(this.#failures, 31))
    this.#failures += 1
    return 1 + this.#random.integer(Math.ceil(ceilingMs))
  }

  /** Counts one failure and waits; rejects with the signal's reason when aborted. */
  pause(signal?: AbortSignal): Promise<void> {
    return this.#clock.sleep(this.nextMs(), signal)
  }

  /** It worked: the next failure starts from `baseMs` again. */
  reset(): void {
    this.#failures = 0
  }
}
