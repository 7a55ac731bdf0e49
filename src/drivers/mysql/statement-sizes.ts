/**
 * How many rows go in one statement. A statement stays prepared on its connection under its text, so that rows come
 * in a few fixed sizes: a batch of 999 goes as 500 + 250 + 120 + 120 + 8 + 1.
 */

/** Between them a factor of two, so that few statements make up any number; the largest is a whole batch. */
export const SIZES = [1_000, 500, 250, 120, 60, 30, 15, 8, 4, 2, 1] as const

/** Of the protocol: a prepared statement's number of parameters has 16 bits. */
const PLACEHOLDERS_MAX = 65_535

/** Sizes that add up to `count`, largest first; one at most `sizeMax`. */
export function classesOf(count: number, sizeMax: number = SIZES[0]): number[] {
  const sizes: number[] = []
  let left = count
  for (const size of SIZES) {
    if (size > sizeMax) continue
    for (; left >= size; left -= size) sizes.push(size)
  }
  return sizes
}

export interface ChunkBounds {
  /** Parameters of a row. */
  readonly placeholders: number
  /** Of one statement with its parameters. */
  readonly bytesMax: number
  readonly rowsMax?: number
}

/**
 * Cuts items into statements, in order. One that is too large for `bytesMax` by itself goes by itself: the server
 * says what it thinks of it.
 */
export function chunksOf<T>(items: readonly T[], weigh: (item: T) => number, bounds: ChunkBounds): T[][] {
  const sizeMax = Math.min(bounds.rowsMax ?? SIZES[0], Math.floor(PLACEHOLDERS_MAX / bounds.placeholders))
  const weights = items.map(weigh)
  const chunks: T[][] = []
  let at = 0
  while (at < items.length) {
    const size = SIZES.find(
      (one) =>
        one === 1 ||
        (one <= sizeMax && one <= items.length - at && sum(weights, at, at + one) <= bounds.bytesMax),
    ) as number
    chunks.push(items.slice(at, at + size))
    at += size
  }
  return chunks
}

function sum(weights: readonly number[], from: number, to: number): number {
  let total = 0
  for (let index = from; index < to; index += 1) total += weights[index] as number
  return total
}

/** Keys of one SELECT: the next power of two, filled up with the last key again, which changes no answer. */
export function filledUp<T>(items: readonly T[]): T[] {
  const filled = [...items]
  const last = filled[filled.length - 1] as T
  const size = 2 ** Math.ceil(Math.log2(Math.max(1, filled.length)))
  while (filled.length < size) filled.push(last)
  return filled
}
