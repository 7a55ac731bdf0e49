/**
 * How much memory Redis has and uses, as far as this process knows: asked at open, and while something lands at most
 * four times a second, because the answer only decides when landed values may go.
 */
import type { Clock } from '../../kit/clock.ts'
import { noAnswer } from './redis-failures.ts'
import type { RedisStore } from './store.ts'

export interface MemoryOptions {
  /** Bytes of what has not landed; default half of maxmemory, or 1 GiB where Redis has no maxmemory. */
  readonly bytesMax?: number
  /**
   * From which share of maxmemory on (or of twice `bytesMax` where there is none) landed values get a TTL; 0 = as soon
   * as they have landed. Default 0.5.
   */
  readonly releaseShare?: number
  /** How long a landed value then stays, if memory does not need it sooner; default an hour, at least a second. */
  readonly landedTtlMs?: number
}

const SHARE = 0.5
const BYTES_MAX_WITHOUT_LIMIT = 2 ** 30
const LANDED_TTL_MS = 3_600_000
/** Where nothing is evicted, only time makes room. */
const LANDED_TTL_MS_WITHOUT_EVICTION = 10_000
const MEASURE_MS = 250

export class MemoryWatch {
  readonly #store: RedisStore
  readonly #clock: Clock
  readonly #options: MemoryOptions
  #used = 0
  #max = 0
  #evicts = true
  #measuredAt = Number.NEGATIVE_INFINITY

  constructor(store: RedisStore, clock: Clock, options: MemoryOptions) {
    this.#store = store
    this.#clock = clock
    this.#options = options
  }

  async measure(): Promise<void> {
    this.#measuredAt = this.#clock.monotonic()
    const { used, max, policy } = await this.#store.memory().catch((error: unknown) => {
      throw noAnswer(error)
    })
    this.#used = used
    this.#max = max
    this.#evicts = policy !== 'noeviction'
  }

  /** Measures if the last time was a while ago; what cannot be learned stays as it was known. */
  async look(): Promise<void> {
    if (this.#clock.monotonic() - this.#measuredAt < MEASURE_MS) return
    await this.measure().catch(() => undefined)
  }

  get bytesMax(): number {
    return (
      this.#options.bytesMax ?? (this.#max === 0 ? BYTES_MAX_WITHOUT_LIMIT : Math.floor(this.#max * SHARE))
    )
  }

  /** Whether landed values should go. */
  get wanted(): boolean {
    const all = this.#max === 0 ? this.bytesMax / SHARE : this.#max
    return this.#used > all * (this.#options.releaseShare ?? SHARE)
  }

  /** For what is filled, and for what is let go. */
  get landedTtlMs(): number {
    const { landedTtlMs = LANDED_TTL_MS } = this.#options
    return this.#evicts || !this.wanted ? landedTtlMs : Math.min(landedTtlMs, LANDED_TTL_MS_WITHOUT_EVICTION)
  }
}
