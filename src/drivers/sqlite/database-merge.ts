/**
 * Rows of several batches, each in the order of its names, as one such order: a heap of the rows that are next, one a
 * batch. Nothing is made of a row until it is its turn.
 *
 *   batch 0   a1 ·  c1 ·  ·  f1        heap: f1 d2 e3, the least on top
 *   batch 1   ·  b2 ·  d2 ·  ·
 *   batch 2   a3 ·  ·  ·  e3 ·         gives a3 b2 c1 d2 e3 f1, where a1 was overtaken
 *
 * The order is that of code units, as near to that of the table's key as it needs to be: sorted rows go through an
 * index from one end to the other.
 */
import type { LandRow } from '../../ports/database.ts'
import { collectionAt, rowAt } from './database-wire.ts'
import type { PackedRows } from './database-wire.ts'

/** A batch in the heap: its next row and that row's name. */
interface Head {
  readonly packed: PackedRows
  readonly order: number
  index: number
  collection: string
  key: string
}

export class MergedRows {
  readonly #heap: Head[] = []
  readonly #newestOnly: boolean

  /** With `newestOnly`, of a name that several batches have only the last batch's row comes. */
  constructor(parts: readonly PackedRows[], newestOnly: boolean) {
    this.#newestOnly = newestOnly
    for (const [order, packed] of parts.entries()) {
      if (packed.count === 0) continue
      this.#heap.push({
        packed,
        order,
        index: 0,
        collection: collectionAt(packed, 0),
        key: packed.keys[0] as string,
      })
    }
    for (let at = (this.#heap.length >> 1) - 1; at >= 0; at -= 1) this.#sink(at)
  }

  /** The next row; undefined at the end. */
  next(): LandRow | undefined {
    const heap = this.#heap
    for (;;) {
      const head = heap[0]
      if (head === undefined) return undefined
      const { packed, index, collection, key } = head
      this.#move(head)
      const then = heap[0]
      const overtaken = this.#newestOnly && then?.key === key && then.collection === collection
      if (!overtaken) return rowAt(packed, index)
    }
  }

  /** The batch on top goes on to its next row. */
  #move(head: Head): void {
    const heap = this.#heap
    head.index += 1
    if (head.index < head.packed.count) {
      head.collection = collectionAt(head.packed, head.index)
      head.key = head.packed.keys[head.index] as string
    } else {
      const last = heap.pop() as Head
      if (heap.length === 0) return
      heap[0] = last
    }
    this.#sink(0)
  }

  #sink(from: number): void {
    const heap = this.#heap
    const sinking = heap[from] as Head
    let at = from
    for (;;) {
      let least = 2 * at + 1
      const left = heap[least]
      if (left === undefined) break
      let child = left
      const right = heap[least + 1]
      if (right !== undefined && isBefore(right, left)) {
        child = right
        least += 1
      }
      if (!isBefore(child, sinking)) break
      heap[at] = child
      at = least
    }
    heap[at] = sinking
  }
}

function isBefore(a: Head, b: Head): boolean {
  if (a.collection !== b.collection) return a.collection < b.collection
  if (a.key !== b.key) return a.key < b.key
  return a.order < b.order
}
