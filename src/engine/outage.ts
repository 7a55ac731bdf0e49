/**
 * Tells once that a store does not answer, and once that it does again.
 *
 *   answers ── fails, 3 times in a row ─▶ away: `store-unavailable` ── answers ─▶ answers: `store-back`
 */
import type { Report } from '../events.ts'

/** One may be a connection of before a restart, the second the time that a restart takes. */
const FAILURES_MIN = 3

export interface OutageOptions {
  readonly report: Report
  /** Which store, for people. */
  readonly store: string
  readonly partition?: number
}

export class Outage {
  readonly #options: OutageOptions
  #failures = 0

  constructor(options: OutageOptions) {
    this.#options = options
  }

  /** The last call failed. */
  get failing(): boolean {
    return this.#failures > 0
  }

  failed(error: unknown): void {
    this.#failures += 1
    if (this.#failures === FAILURES_MIN) this.#tell('store-unavailable', error)
  }

  answered(): void {
    if (this.#failures >= FAILURES_MIN) this.#tell('store-back', undefined)
    this.#failures = 0
  }

  /** Passes on what a call of the store brings. */
  async watch<T>(call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call()
      this.answered()
      return answer
    } catch (error) {
      this.failed(error)
      throw error
    }
  }

  #tell(name: 'store-unavailable' | 'store-back', error: unknown): void {
    const { report, store, partition } = this.#options
    report({
      name,
      detail: store,
      ...(partition === undefined ? {} : { partition }),
      ...(error === undefined ? {} : { error }),
    })
  }
}
