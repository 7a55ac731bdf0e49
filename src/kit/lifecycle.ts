/**
 * One contract for everything that runs in the background, and the loop that fulfils it.
 *
 *              start()                 prepared                 stop()            run has ended
 *     idle ──────────────▶ starting ──────────────▶ running ──────────────▶ stopping ────────▶ stopped
 *      │                      │  ▲ error: report,     │  ▲ error: report,                       ▲
 *      │                      │  └─ back off, again   │  └─ back off, again                     │
 *      └── stop() ────────────┴── stop() ─────────────┴─────────────────────────────────────────┘
 *
 * - `started` resolves when the loop is running, and rejects with `closed` when it was stopped before; nobody has to
 *   listen to it.
 * - `start` twice is once, and after `stop` it does nothing: a loop has one life.
 * - `stop` at any time, any number of times, resolves when nothing of the loop runs any more; it never rejects. The
 *   signal is its only means: a `run` that ignores it makes `stop` wait. A `run` must not await its own `stop`.
 * - An error in `prepare` or `run` is reported, and after a pause (full jitter, bounded) it is called again, for ever.
 *   Nothing becomes an unhandled rejection.
 */
import { SpillwayError } from '../errors.ts'
import { Backoff } from './backoff.ts'
import type { Clock } from './clock.ts'
import { deferred } from './deferred.ts'
import type { Random } from './random.ts'

export interface Loop {
  start(): void
  readonly started: Promise<void>
  stop(): Promise<void>
}

/** What is told about an error of a loop. */
export interface LoopFailure {
  readonly loop: string
  readonly error: unknown
  /** Failures in a row, from 1. */
  readonly failures: number
  /** The pause before the next try; undefined when the loop is stopping. */
  readonly retryInMs: number | undefined
}

export interface BackgroundLoopOptions {
  /** Which loop, for people; it is in every report. */
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  /** What has to succeed once before the loop counts as started, such as opening a connection. */
  prepare?(signal: AbortSignal): Promise<void>
  /**
   * One step, or as many as it likes. When it returns, it is called again in the next turn of the event loop, so a
   * step that finds nothing to do waits for its own signal of work. It ends soon after `signal` is aborted.
   */
  run(signal: AbortSignal): Promise<void>
  /** Called with each error; what it throws is dropped. */
  onFailure?(failure: LoopFailure): void
  /** Longest first and longest ever pause after an error; default 50 and 5,000. */
  readonly backoffBaseMs?: number
  readonly backoffPauseMsMax?: number
}

export class BackgroundLoop implements Loop {
  readonly name: string
  readonly #options: BackgroundLoopOptions
  readonly #backoff: Backoff
  readonly #started = deferred()
  readonly #stopping = new AbortController()
  /** Settles when the loop has ended; undefined before `start`. Never rejects. */
  #life: Promise<void> | undefined

  constructor(options: BackgroundLoopOptions) {
    this.name = options.name
    this.#options = options
    this.#backoff = new Backoff({
      clock: options.clock,
      random: options.random,
      ...(options.backoffBaseMs === undefined ? {} : { baseMs: options.backoffBaseMs }),
      ...(options.backoffPauseMsMax === undefined ? {} : { pauseMsMax: options.backoffPauseMsMax }),
    })
    this.#started.promise.catch(() => {})
  }

  get started(): Promise<void> {
    return this.#started.promise
  }

  start(): void {
    if (this.#life !== undefined || this.#stopping.signal.aborted) return
    this.#life = this.#live()
  }

  async stop(): Promise<void> {
    if (!this.#stopping.signal.aborted) {
      const closed = new SpillwayError('closed', `The loop ${this.name} is stopped.`)
      this.#stopping.abort(closed)
      this.#started.reject(closed)
    }
    await this.#life
  }

  async #live(): Promise<void> {
    const { signal } = this.#stopping
    // A turn first, so that nothing of the loop runs inside the caller's `start`.
    await this.#options.clock.turn()
    if (this.#options.prepare !== undefined) {
      while (!signal.aborted && !(await this.#attempt((stop) => this.#options.prepare?.(stop)))) continue
    }
    if (signal.aborted) return
    this.#started.resolve()
    while (!signal.aborted) {
      if (await this.#attempt((stop) => this.#options.run(stop))) await this.#options.clock.turn()
    }
  }

  /** True when `step` succeeded; otherwise the error is reported and the pause is over. Never throws. */
  async #attempt(step: (signal: AbortSignal) => Promise<void> | undefined): Promise<boolean> {
    const { clock } = this.#options
    const { signal } = this.#stopping
    const beganAt = clock.monotonic()
    try {
      await step(signal)
      this.#backoff.reset()
      return true
    } catch (error) {
      // A run that went well for longer than the longest pause had recovered from what failed before it.
      if (clock.monotonic() - beganAt > this.#backoff.pauseMsMax) this.#backoff.reset()
      await this.#failed(error)
      return false
    }
  }

  async #failed(error: unknown): Promise<void> {
    const { signal } = this.#stopping
    if (signal.aborted && error === signal.reason) return
    const pauseMs = this.#backoff.nextMs()
    const retryInMs = signal.aborted ? undefined : pauseMs
    try {
      this.#options.onFailure?.({ loop: this.name, error, failures: this.#backoff.failures, retryInMs })
    } catch {
      // A reporter that throws must not end the loop that it reports on.
    }
    try {
      await this.#options.clock.sleep(pauseMs, signal)
    } catch {
      // Stopped while waiting; the loop looks at the signal next.
    }
  }
}
