import type { Position } from '../../model/position.ts'
import { ORIGIN } from '../../model/position.ts'

/**
 * The refused positions of a partition, ascending, known exactly above `from`. Their number is bounded by what the
 * engine forgets after trimming; until then they may not go, and their bytes are counted.
 */
export class RefusedPositions {
  #positions: Position[] = []
  #from: Position = ORIGIN

  get from(): Position {
    return this.#from
  }

  get size(): number {
    return this.#positions.length
  }

  /** Ascending. */
  toArray(): Position[] {
    return this.#positions.slice()
  }

  /** Must be above all that are there, which journal order gives. */
  add(at: Position): void {
    this.#positions.push(at)
  }

  has(at: Position): boolean {
    return this.#positions[this.#firstFrom(at)] === at
  }

  reset(positions: readonly Position[], from: Position): void {
    this.#positions = positions.slice()
    this.#from = from
  }

  /** Forgets all up to and including `upTo`; refusals are known only above it from now on. */
  forget(upTo: Position): void {
    if (upTo <= this.#from) return
    this.#from = upTo
    this.#positions.splice(0, this.#firstFrom((upTo + 1) as Position))
  }

  #firstFrom(at: Position): number {
    return firstFrom(this.#positions, at)
  }
}

/** Index of the first position that is at or above `at`, in an ascending array. */
export function firstFrom(positions: readonly Position[], at: Position): number {
  let low = 0
  let high = positions.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((positions[middle] as Position) < at) low = middle + 1
    else high = middle
  }
  return low
}
