/**
 * How long landing pauses before its next batch: it yields to a spike, and then drains.
 *
 *   few writes come            no pause: a write lands as soon as the batch before it has
 *   a spike                    after each batch a pause of three times what the batch took, 250 ms at most: landing
 *                              takes at most a quarter of the time, and its batches are larger and rarer
 *   half of the memory for     no pause, spike or not: what does not fit would have to be read back from the
 *   what waits is used         journal, or would turn writes away
 *   the oldest waits for 5 s   no pause
 *   somebody waits for it      no pause
 *
 * Appends, landing and the callers of a tier share a few cores. A batch costs one commit whatever its size, so
 * what is landed later is landed cheaper; the price is lag, which is bounded here and visible in status.
 */

/** Writes per second of one partition from which on it counts as a spike: 16 partitions make 3,200/s of it. */
const SPIKE_PER_SECOND = 200
const PAUSES_PER_BATCH = 3
const PAUSE_MS_MAX = 250
const FILLED_MAX = 0.5
const LAG_MS_MAX = 5_000

export interface LandingPressure {
  /** Positions journaled since the batch before, and how long ago that was. */
  readonly arrived: number
  readonly sinceMs: number
  /** How long the last batch took, from its first read to its commit. */
  readonly batchMs: number
  /** How much of the memory for what has not landed is used, 0 to 1. */
  readonly filled: number
  /** Age of the oldest write that has not landed. */
  readonly lagMs: number
  /** Somebody waits until a write has landed. */
  readonly waited: boolean
}

export function pauseBeforeLanding(pressure: LandingPressure): number {
  const { arrived, sinceMs, batchMs, filled, lagMs, waited } = pressure
  if (waited || filled >= FILLED_MAX || lagMs >= LAG_MS_MAX) return 0
  if (arrived * 1_000 < SPIKE_PER_SECOND * sinceMs) return 0
  return Math.min(PAUSES_PER_BATCH * batchMs, PAUSE_MS_MAX)
}
