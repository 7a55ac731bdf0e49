import { systemClock } from '../../../src/kit/clock.ts'
import type { Clock } from '../../../src/kit/clock.ts'

/** A clock that stands still until it is told. */
export class TestClock implements Clock {
  #ms = 0
  readonly sleep = systemClock.sleep
  readonly after = systemClock.after
  readonly turn = systemClock.turn

  pass(ms: number): void {
    this.#ms += ms
  }

  now(): number {
    return this.#ms
  }

  monotonic(): number {
    return this.#ms
  }
}
