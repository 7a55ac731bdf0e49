/**
 * How old the oldest write is that has not landed, from samples of the journal's end over time.
 *
 * Bound: 1,024 samples, at most one every `SAMPLE_MS`; when they run out every second one is dropped, so that a
 * long outage costs precision (a sample stands for a longer stretch), never memory.
 */
import type { Clock } from '../kit/clock.ts'

const SAMPLES_MAX = 1_024
const SAMPLE_MS = 20

/** From `at` on the journal's end was at most `end`, within the sampling step. */
interface Sample {
  end: number
  readonly at: number
}

export class Lag {
  readonly #clock: Clock
  #samples: Sample[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The journal's end is `end` now. */
  note(end: number): void {
    const last = this.#samples[this.#samples.length - 1]
    const at = this.#clock.monotonic()
    if (last !== undefined && end <= last.end) return
    if (last !== undefined && at - last.at < SAMPLE_MS) {
      last.end = end
      return
    }
    this.#samples.push({ end, at })
    if (this.#samples.length > SAMPLES_MAX)
      this.#samples = this.#samples.filter((_, index) => index % 2 === 0)
  }

  /** 0 when the database has reached `end`. */
  ms(landed: number, end: number): number {
    const first = this.#samples.findIndex((sample) => sample.end > landed)
    if (landed >= end) {
      this.#samples = []
      return 0
    }
    if (first < 0) return 0
    this.#samples = this.#samples.slice(first)
    return Math.round(this.#clock.monotonic() - (this.#samples[0] as Sample).at)
  }
}
