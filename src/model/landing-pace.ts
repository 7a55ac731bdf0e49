/**
 * How long landing pauses before its next batch: it yields to a spike, and then drains.
 *
 *   few writes come             no pause: a write lands as soon as the batch before it has
 *   a spike                     pauses, so that all partitions together land for an eighth of the time
 *   the oldest write has        no pause: from here on landing takes what it needs, and lag stays where it is
 *   waited as long as it may
 *   half of the memory for      no pause, spike or not: what does not fit would have to be read back from the
 *   what waits is used          journal, or would turn writes away
 *   somebody waits for it       no pause
 *
 * Appends, landing and the callers of a tier share a few cores. A batch costs one commit whatever its size, so
 * what is landed later is landed cheaper, and what was written again meanwhile is not landed at all. The price is
 * lag, whose bound is the user's (`landingLagMs`) and which status and metrics show.
 */

/** Writes per second of one partition from which on it counts as a spike: 16 partitions make 3,200/s of it. */
const SPIKE_PER_SECOND = 200
/** Of the time that all partitions together spend landing in a spike: one part landing, so many parts not. */
const PAUSES_PER_BATCH = 7
const FILLED_MAX = 0.5

export interface LandingPressure {
  /** Positions journaled since the batch before, and how long ago that was. */
  readonly arrived: number
  readonly sinceMs: number
  /** How long the last batch took, from its first read to its commit. */
  readonly batchMs: number
  /** Partitions that land in this process. */
  readonly partitions: number
  /** How much of the memory for what has not landed is used, 0 to 1. */
  readonly filled: number
  /** Age of the oldest write that has not landed, and what it may become in a spike. */
  readonly lagMs: number
  readonly lagMsMax: number
  /** Somebody waits until a write has landed. */
  readonly waited: boolean
}

/** Whether landing leaves the machine to writes now. */
export function yieldsToSpike(pressure: LandingPressure): boolean {
  const { arrived, sinceMs, filled, lagMs, lagMsMax, waited } = pressure
  if (waited || filled >= FILLED_MAX || lagMs >= lagMsMax) return false
  return arrived * 1_000 >= SPIKE_PER_SECOND * sinceMs
}

export function pauseBeforeLanding(pressure: LandingPressure): number {
  const { batchMs, partitions, lagMs, lagMsMax } = pressure
  if (!yieldsToSpike(pressure)) return 0
  return Math.min(PAUSES_PER_BATCH * partitions * batchMs, lagMsMax - lagMs)
}
