/**
 * Where in the file to look for an entry: every so many blocks, the next offset of every partition.
 *
 *   chapter  n 0    n 16          n 32
 *   p0       0      first 130     first 259
 *   p1       0      first 127     first 127     (nothing came for it in between)
 *
 * An entry is in the last chapter whose offset for its partition is not above it, or later: a chapter is a lower
 * bound. So it stays true when blocks are merged into the last one of them (journal-sweep.ts).
 *
 * Bounds: one chapter for as many blocks as there are partitions, at least 16: 8 bytes a block. Blocks that are
 * read in vain are at most so many.
 */

const BLOCKS_PER_CHAPTER_MIN = 16

interface Chapter {
  readonly n: number
  readonly firsts: Float64Array
}

export class Chapters {
  readonly #blocks: number
  /** The first one stands for all that was before; it always stays. */
  #chapters: Chapter[]
  #sinceLast = 0

  constructor(partitions: number) {
    this.#blocks = Math.max(BLOCKS_PER_CHAPTER_MIN, partitions)
    this.#chapters = [{ n: 0, firsts: new Float64Array(partitions) }]
  }

  /** Block `n` comes next; `ends` are the offsets before it. */
  note(n: number, ends: readonly number[]): void {
    this.#sinceLast += 1
    if (this.#sinceLast < this.#blocks) return
    this.#sinceLast = 0
    this.#chapters.push({ n, firsts: Float64Array.from(ends, (end) => end + 1) })
  }

  /** The block from which on to look for an entry. */
  before(partition: number, offset: number): number {
    let low = 0
    let high = this.#chapters.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (((this.#chapters[middle] as Chapter).firsts[partition] as number) <= offset) low = middle
      else high = middle
    }
    return (this.#chapters[low] as Chapter).n
  }

  /** No entry at or after block `n` may be gone, as far as chapters tell; the last block where there is none. */
  keptFrom(trimmed: readonly number[]): number {
    for (const { n, firsts } of this.#chapters)
      if (n > 0 && trimmed.every((offset, partition) => offset < (firsts[partition] as number))) return n
    return Number.POSITIVE_INFINITY
  }

  /** Blocks above `after` up to `step.to` have become one or none: as many chapters are enough. */
  thin(
    after: number,
    step: { readonly to: number; readonly isAll: boolean; readonly merged: readonly number[] },
  ): void {
    if (!step.isAll && step.merged.length === 0) return
    const from = this.#chapters.findIndex(({ n }) => n > after)
    const next = this.#chapters.findIndex(({ n }) => n > step.to)
    const to = next < 0 ? this.#chapters.length : next
    const stay = step.isAll ? 0 : 1
    if (from > 0 && to - from > stay) this.#chapters.splice(from, to - from - stay)
  }
}
