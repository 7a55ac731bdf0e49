/**
 * One timer for all bodies that are awaited, since one for each is a seventh of the cost of a small POST.
 *
 *   tick   0 ─ 1 ─ 2 ─ 3 ─ 4        a body that is still awaited when the fifth tick after it began is over is late
 *
 * So it is late after `timeoutMs` to 1.25 x `timeoutMs`. The timer runs only while something is awaited, and ends
 * by itself at the first tick without.
 */
import { systemClock } from '../kit/clock.ts'

const TICKS = 4

export interface Awaited {
  /** The tick in which the wait began; kept here for the sake of one allocation less. */
  sinceTick: number
  late(): void
}

export class Deadlines {
  readonly #awaited = new Set<Awaited>()
  readonly #tickMs: number
  #tick = 0
  #running = false

  constructor(timeoutMs: number) {
    this.#tickMs = Math.ceil(timeoutMs / TICKS)
  }

  begin(awaited: Awaited): void {
    awaited.sinceTick = this.#tick
    this.#awaited.add(awaited)
    if (!this.#running) this.#arm()
  }

  end(awaited: Awaited): void {
    this.#awaited.delete(awaited)
  }

  #arm(): void {
    this.#running = true
    systemClock.after(this.#tickMs, () => this.#next(), { unref: true })
  }

  #next(): void {
    this.#tick++
    for (const awaited of this.#awaited) {
      if (this.#tick - awaited.sinceTick <= TICKS) continue
      this.#awaited.delete(awaited)
      awaited.late()
    }
    if (this.#awaited.size > 0) this.#arm()
    else this.#running = false
  }
}
