/**
 * Whether memory grows with what is answered: a line through the samples after the warm-up, and how sure its slope is.
 *
 *   bytes │  ╭──•─•──•─•──•   slope ± 2 standard errors, times the answers of this part = growth, at most
 *         │ ╱ warm │ fitted
 *         └────────┴───────── answers
 */
export interface MemoryPoint {
  /** So far. */
  readonly answers: number
  readonly bytes: number
}

export interface MemoryTrend {
  readonly samples: number
  /** Of the part that was fitted. */
  readonly answers: number
  readonly bytesPerAnswer: number
  readonly growthBytes: number
  /** With two standard errors more: what the growth is not above. */
  readonly growthBytesMax: number
}

/** Caches fill and code is compiled in the first part. */
const WARM_UP_SHARE = 0.4
const SAMPLES_MIN = 8

/** Throws where there are too few samples to tell anything. */
export function memoryTrend(points: readonly MemoryPoint[]): MemoryTrend {
  const fitted = points.slice(Math.floor(points.length * WARM_UP_SHARE))
  if (fitted.length < SAMPLES_MIN)
    throw new Error(`${fitted.length} samples after the warm-up tell nothing: let it run for longer.`)
  const n = fitted.length
  const mean = (of: (point: MemoryPoint) => number): number =>
    fitted.reduce((sum, point) => sum + of(point), 0) / n
  const answersMean = mean((point) => point.answers)
  const bytesMean = mean((point) => point.bytes)
  const spread = fitted.reduce((sum, { answers }) => sum + (answers - answersMean) ** 2, 0)
  const slope =
    fitted.reduce((sum, { answers, bytes }) => sum + (answers - answersMean) * (bytes - bytesMean), 0) /
    spread
  const unexplained = fitted.reduce(
    (sum, { answers, bytes }) => sum + (bytes - bytesMean - slope * (answers - answersMean)) ** 2,
    0,
  )
  const slopeError = Math.sqrt(unexplained / (n - 2) / spread)
  const answers = (fitted.at(-1) as MemoryPoint).answers - (fitted[0] as MemoryPoint).answers
  return {
    samples: n,
    answers,
    bytesPerAnswer: slope,
    growthBytes: slope * answers,
    growthBytesMax: (slope + 2 * slopeError) * answers,
  }
}
