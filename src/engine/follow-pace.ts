/**
 * How often a process looks where a stream ends that other processes append to.
 *
 *            something came                        nothing came for a while
 *   look ── followMs ── look ── followMs ── look ──── an eighth of it ──── look ── … at most followIdleMs ── look
 *     ▲                                                                                        │
 *     └────────── any answer of the store that shows a moved end, or somebody who waits ───────┘
 *
 * So what another process writes is seen after `followMs` while anything goes on, and after `followIdleMs` at most
 * when nothing did for two seconds; and an idle process costs next to nothing. Nothing that is promised to a reader
 * rests on it: every answer of the store says itself where it stands. It is only when landing, the ledger and the lag
 * learn of what others wrote, and when a store that changed is noticed while nobody asks it anything.
 */
import type { Clock } from '../kit/clock.ts'
import { Signal } from '../kit/signal.ts'

/** Of the time in which nothing came: a pause is never more than this share too long. */
const IDLE_SHARE = 1 / 8

export interface FollowPaceOptions {
  readonly clock: Clock
  /** Pause while something comes. */
  readonly followMs: number
  /** Pause when nothing has come for long. */
  readonly followIdleMs: number
}

export class FollowPace {
  readonly #options: FollowPaceOptions
  readonly #wake = new Signal()
  #cameAt: number
  /** In a pause that is worth ending. */
  #isLong = false

  constructor(options: FollowPaceOptions) {
    this.#options = options
    this.#cameAt = options.clock.monotonic()
  }

  /** The stream has moved, or somebody waits for it: the next look is at once, and those after it are close together. */
  hurry(): void {
    this.#cameAt = this.#options.clock.monotonic()
    if (!this.#isLong) return
    this.#isLong = false
    this.#wake.raise()
  }

  /** The time until the next look. Ends early when hurried, and when `signal` is aborted. */
  async pause(signal: AbortSignal): Promise<void> {
    const { clock, followMs, followIdleMs } = this.#options
    const idleMs = clock.monotonic() - this.#cameAt
    const pauseMs = Math.max(followMs, Math.min(followIdleMs, Math.floor(idleMs * IDLE_SHARE)))
    this.#isLong = pauseMs > followMs
    const cancel = clock.after(pauseMs, () => this.#wake.raise())
    await this.#wake.wait(signal)
    cancel()
    this.#isLong = false
  }
}
