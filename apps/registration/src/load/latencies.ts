/** Latencies in buckets that grow by a tenth: percentiles to within 10 %, in 2 KB however many there are. */

const FIRST_MS = 0.05
const GROWTH = 1.1
const BUCKETS = 160

export class Latencies {
  readonly #counts = new Uint32Array(BUCKETS)
  count = 0
  msMax = 0

  add(ms: number): void {
    const bucket = ms <= FIRST_MS ? 0 : Math.ceil(Math.log(ms / FIRST_MS) / Math.log(GROWTH))
    const at = Math.min(BUCKETS - 1, bucket)
    this.#counts[at] = (this.#counts[at] as number) + 1
    this.count += 1
    if (ms > this.msMax) this.msMax = ms
  }

  /** `share` from 0 to 1; the upper end of its bucket, 0 where nothing was counted. */
  percentileMs(share: number): number {
    let left = Math.ceil(this.count * share)
    for (let at = 0; at < BUCKETS; at += 1) {
      left -= this.#counts[at] as number
      if (left <= 0 && this.count > 0) return Math.min(this.msMax, FIRST_MS * GROWTH ** at)
    }
    return 0
  }
}
