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

/** A link of a list through the bodies themselves: a set would cost each of them two lookups and a cell. */
export interface Awaited {
  /** The tick in which the wait began. */
  sinceTick: number
  previous: Awaited | undefined
  next: Awaited | undefined
  late(): void
}

export class Deadlines {
  /** In the order in which they began. */
  #first: Awaited | undefined
  #last: Awaited | undefined
  readonly #tickMs: number
  #tick = 0
  #running = false

  constructor(timeoutMs: number) {
    this.#tickMs = Math.ceil(timeoutMs / TICKS)
  }

  begin(awaited: Awaited): void {
    awaited.sinceTick = this.#tick
    awaited.previous = this.#last
    if (this.#last === undefined) this.#first = awaited
    else this.#last.next = awaited
    this.#last = awaited
    if (!this.#running) this.#arm()
  }

  /** Once for each that began and was not late. */
  end(awaited: Awaited): void {
    const { previous, next } = awaited
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    awaited.previous = undefined
    awaited.next = undefined
  }

  #arm(): void {
    this.#running = true
    systemClock.after(this.#tickMs, () => this.#next(), { unref: true })
  }

  #next(): void {
    this.#tick++
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (this.#tick - first.sinceTick <= TICKS) break
      this.end(first)
      first.late()
    }
    if (this.#first === undefined) this.#running = false
    else this.#arm()
  }
}
