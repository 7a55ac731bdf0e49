import type { Clock } from '../../src/kit/clock.ts'

/** A clock that stands still until `advance`: timers fire in the order of their time, then of their making. */
export class VirtualClock implements Clock {
  #nowMs = 0
  #sequence = 0
  readonly #timers = new Map<number, { atMs: number; fn: () => void }>()

  get timers(): number {
    return this.#timers.size
  }

  now(): number {
    return 1_700_000_000_000 + this.#nowMs
  }

  monotonic(): number {
    return this.#nowMs
  }

  after(ms: number, fn: () => void): () => void {
    const id = this.#sequence
    this.#sequence += 1
    this.#timers.set(id, { atMs: this.#nowMs + ms, fn })
    return () => void this.#timers.delete(id)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason)
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = (): void => {
        cancel()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Lets what is ready run, and what follows from it within a few turns. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) await this.turn()
  }

  /** Lets `ms` go by; between two timers, all that follows from the first happens. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      await this.#settle()
      const next = [...this.#timers].filter(([, timer]) => timer.atMs <= untilMs)
      next.sort(([idA, a], [idB, b]) => a.atMs - b.atMs || idA - idB)
      const [first] = next
      if (first === undefined) break
      this.#timers.delete(first[0])
      this.#nowMs = first[1].atMs
      first[1].fn()
    }
    this.#nowMs = untilMs
    await this.#settle()
  }
}
