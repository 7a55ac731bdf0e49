import type { Position, Version } from '../../model/position.ts'
import { ABSENT, ORIGIN } from '../../model/position.ts'

/** The records of one collection in one partition. */
export interface Shelf {
  readonly evictor: Evictor
  readonly collection: string
  readonly records: Map<string, FrontRecord>
}

/** The partition that a record leaves when memory is needed. */
export interface Evictor {
  evict(record: FrontRecord): void
}

/** A chunk of memory that values share; see slabs.ts. */
export interface Slab {
  readonly bytes: Buffer
  used: number
  live: number
  full: boolean
  /** All that were ever put here; those that moved away or died point elsewhere. */
  records: FrontRecord[]
}

/** Which list a record is in. */
export const PLACE = { none: 0, unlanded: 1, evictable: 2 } as const
export type Place = (typeof PLACE)[keyof typeof PLACE]

/**
 * What the front holds of one key: a value, or the knowledge that there is none. It is changed in place and never
 * handed out. One shape for all and nothing optional: there are millions of them.
 */
export class FrontRecord {
  readonly shelf: Shelf
  readonly key: string
  /** Position of the write or delete that made this state; 0 for an absence that was read from the database. */
  at: Position = ORIGIN
  hasValue = false
  codec = 0
  rawBytes = 0
  slab: Slab | undefined = undefined
  offset = 0
  length = 0
  place: Place = PLACE.none
  /** Read since the eviction last looked: gets a second chance. */
  touched = false
  previous: FrontRecord | undefined = undefined
  next: FrontRecord | undefined = undefined

  constructor(shelf: Shelf, key: string) {
    this.shelf = shelf
    this.key = key
  }
}

/** What conditions are compared with: a deleted key is 0. */
export function versionOf(record: FrontRecord): Version {
  return record.hasValue ? record.at : ABSENT
}

/** A doubly linked list through the records themselves, so that moving one costs no memory. */
export class RecordList {
  readonly #place: Place
  #head: FrontRecord | undefined
  #tail: FrontRecord | undefined

  constructor(place: Place) {
    this.#place = place
  }

  get first(): FrontRecord | undefined {
    return this.#head
  }

  append(record: FrontRecord): void {
    const tail = this.#tail
    record.place = this.#place
    record.previous = tail
    record.next = undefined
    if (tail === undefined) this.#head = record
    else tail.next = record
    this.#tail = record
  }

  remove(record: FrontRecord): void {
    const { previous, next } = record
    if (previous === undefined) this.#head = next
    else previous.next = next
    if (next === undefined) this.#tail = previous
    else next.previous = previous
    record.previous = undefined
    record.next = undefined
    record.place = PLACE.none
  }
}
