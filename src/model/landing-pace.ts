/**
 * How long landing pauses before its next batch: it yields to a spike, and then drains.
 *
 *   few writes come            no pause: a write lands as soon as the batch before it has
 *   a spike                    after each batch a pause until the next one is full, but of one to seven times what the
 *                              batch took and a second at most: landing takes an eighth to a half of the time, and
 *                              its batches are larger and rarer
 *   half of the memory for     no pause, spike or not: what does not fit would have to be read back from the
 *   what waits is used         journal, or would turn writes away
 *   the oldest waits for 5 s   no pause
 *   somebody waits for it      no pause
 *
 * Appends, landing and the callers of a tier share a few cores. A batch costs one commit whatever its size, so
 * what is landed later is landed cheaper, and what was written again meanwhile is not landed at all: a save over
 * 10,000 keys takes a tenth less CPU in all threads than with pauses of 3 batches and 250 ms at most (33-35 instead of
 * 38 us on Node, 39-43 instead of 42-49 on Bun; measured before a full batch ended
 * the pause). The price is lag, which is bounded here and visible in status.
 */

/** Writes per second of one partition from which on it counts as a spike: 16 partitions make 3,200/s of it. */
const SPIKE_PER_SECOND = 200
const PAUSES_PER_BATCH_MIN = 1
const PAUSES_PER_BATCH_MAX = 7
const PAUSE_MS_MAX = 1_000
const FILLED_MAX = 0.5
const LAG_MS_MAX = 5_000

export interface LandingPressure {
  /** Positions journaled since the batch before, and how long ago that was. */
  readonly arrived: number
  readonly sinceMs: number
  /** Positions that have not landed, and how many make a full batch. */
  readonly waiting: number
  readonly rowsMax: number
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
  const { arrived, sinceMs, waiting, rowsMax, batchMs, filled, lagMs, waited } = pressure
  if (waited || filled >= FILLED_MAX || lagMs >= LAG_MS_MAX) return 0
  if (arrived * 1_000 < SPIKE_PER_SECOND * sinceMs) return 0
  const untilFullMs = arrived === 0 ? 0 : ((rowsMax - waiting) * sinceMs) / arrived
  const pauseMs = Math.max(untilFullMs, PAUSES_PER_BATCH_MIN * batchMs)
  return Math.min(pauseMs, PAUSES_PER_BATCH_MAX * batchMs, PAUSE_MS_MAX)
}
