/**
 * What the server counts, as plain numbers that a request raises and a scrape reads. On hot routes a histogram of
 * the metrics library would cost as much as finding the record; here an observation is one comparison per bucket
 * below it and three additions. Requests are counted one by one; the durations of answers that come at once, some
 * microseconds each, are those of every sixteenth, because two looks at the clock cost a tenth of such an answer.
 */
import type { ErrorCode } from '../errors.ts'
import type { Stage } from '../index.ts'

/** Upper ends of the buckets of durations, in seconds. */
export const DURATION_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
] as const

/** Statuses have three digits. */
const STATUSES = 1_000

/** Requests of one route. */
export class RouteMeter {
  readonly route: string
  readonly method: string
  /** Not cumulative; the last bucket is everything above. */
  readonly buckets = new Float64Array(DURATION_BUCKETS.length + 1)
  seconds = 0
  requests = 0
  /** Requests by status, at the index of the status: a map would cost as much as the rest of an observation. */
  readonly statuses = new Float64Array(STATUSES)

  constructor(route: string, method: string) {
    this.route = route
    this.method = method
  }

  /** Of the last answer that came at once and was timed. */
  #sampleSeconds = 0
  #sampleBucket = 0

  observe(ms: number, status: number): void {
    const seconds = ms / 1000
    this.#count(seconds, bucketOf(seconds), status)
  }

  /** An answer that came at once and was timed: it stands for those that come at once after it, until the next one. */
  sample(ms: number, status: number): void {
    this.#sampleSeconds = ms / 1000
    this.#sampleBucket = bucketOf(this.#sampleSeconds)
    this.repeat(status)
  }

  /** An answer that came at once and was not timed. */
  repeat(status: number): void {
    this.#count(this.#sampleSeconds, this.#sampleBucket, status)
  }

  #count(seconds: number, bucket: number, status: number): void {
    this.buckets[bucket] = (this.buckets[bucket] as number) + 1
    this.seconds += seconds
    this.requests += 1
    this.statuses[status] = (this.statuses[status] as number) + 1
  }
}

function bucketOf(seconds: number): number {
  let bucket = 0
  while (bucket < DURATION_BUCKETS.length && seconds > (DURATION_BUCKETS[bucket] as number)) bucket += 1
  return bucket
}

export type WriteOutcome = Stage | 'refused' | 'rejected' | 'unknown' | 'parked'
export type ReadOutcome = 'found' | 'absent' | 'failed'

/** What a write that ended in an error came to. */
export function outcomeOf(code: ErrorCode): WriteOutcome {
  if (code === 'version-mismatch' || code === 'sealed') return 'refused'
  if (code === 'outcome-unknown') return 'unknown'
  return code === 'parked' ? 'parked' : 'rejected'
}

export class Meter {
  readonly writes: Record<WriteOutcome, number> = {
    journaled: 0,
    visible: 0,
    landed: 0,
    refused: 0,
    rejected: 0,
    unknown: 0,
    parked: 0,
  }
  readonly reads: Record<ReadOutcome, number> = { found: 0, absent: 0, failed: 0 }
  readonly routes: RouteMeter[] = []

  /** One of each route; made when the table of routes is. */
  route(route: string, method: string): RouteMeter {
    const meter = new RouteMeter(route, method)
    this.routes.push(meter)
    return meter
  }
}
