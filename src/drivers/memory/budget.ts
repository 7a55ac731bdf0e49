/**
 * The memory of a process front: what is counted, what may go, and in which order.
 *
 *   apply ─▶ unlanded (per partition, in order of position) ─ release(to) ─▶ evictable ─ memory needed ─▶ gone
 *              ▲                                                  │  ▲
 *              └────────────── written again ─────────────────────┘  └── filled from the database
 *
 * Counted: value bytes, keys, and a measured overhead per record, landed or not, plus what admitted writes have
 * reserved. A write is admitted only if it fits, so that apply never fails for memory. When it does not fit,
 * evictable records go, oldest first, with a second chance for those that were read meanwhile; each one raises the
 * floor of its partition. When nothing evictable is left, `reserve` says no.
 *
 * Held records are not evictable until they are written or their time is over. Holds are bounded; past the bound a
 * key is simply not held: holds prevent stalls, the fill before a conditional entry keeps it exact.
 */
import type { Clock } from '../../kit/clock.ts'
import { PLACE, RecordList } from './front-record.ts'
import type { FrontRecord } from './front-record.ts'
import { Slabs } from './slabs.ts'

/**
 * Bytes of a record beside its key's characters and its value: the record, its place in the map and in its slab, the
 * header of the key. Measured with a million records of 500 bytes and keys of 16 characters, those included: 210 on
 * Node 24.21, 263 on Bun 1.4.5.
 */
export const RECORD_OVERHEAD_BYTES = 240
/** A refused position in its array, with the array's slack. */
export const REFUSED_BYTES = 16

export class Budget {
  readonly bytesMax: number
  readonly slabs = new Slabs()
  readonly #clock: Clock
  readonly #holdsMax: number
  readonly #evictable = new RecordList(PLACE.evictable)
  /** Until when, by the monotonic clock; in order of the last hold. */
  readonly #holds = new Map<FrontRecord, number>()
  #used = 0
  #reserved = 0

  constructor(bytesMax: number, holdsMax: number, clock: Clock) {
    this.bytesMax = bytesMax
    this.#holdsMax = holdsMax
    this.#clock = clock
  }

  get bytes(): number {
    return this.#used + this.#reserved
  }

  reserve(bytes: number): boolean {
    if (!this.makeRoom(bytes)) return false
    this.#reserved += bytes
    return true
  }

  unreserve(bytes: number): void {
    this.#reserved -= bytes
  }

  /** Evicts until `bytes` more would fit; false when nothing is left that may go. */
  makeRoom(bytes: number): boolean {
    while (this.bytes + bytes > this.bytesMax) {
      if (!this.#evictOne()) return false
    }
    return true
  }

  count(bytes: number): void {
    this.#used += bytes
  }

  costOf(record: FrontRecord): number {
    return RECORD_OVERHEAD_BYTES + record.key.length + record.length
  }

  /** Landed: may go when memory is needed. The record must be in no list. */
  offer(record: FrontRecord): void {
    if (!this.#holds.has(record)) this.#evictable.append(record)
  }

  /** Takes the record out of what may go, and ends its hold: it was written, or is gone. */
  withdraw(record: FrontRecord): void {
    if (record.place === PLACE.evictable) this.#evictable.remove(record)
    if (this.#holds.size > 0) this.#holds.delete(record)
  }

  hold(record: FrontRecord, forMs: number): void {
    const now = this.#clock.monotonic()
    if (!this.#holds.delete(record) && this.#holds.size >= this.#holdsMax) {
      this.#endHolds(now)
      if (this.#holds.size >= this.#holdsMax) return
    }
    if (record.place === PLACE.evictable) this.#evictable.remove(record)
    this.#holds.set(record, now + forMs)
  }

  #evictOne(): boolean {
    if (this.#holds.size > 0) this.#endHolds(this.#clock.monotonic())
    for (;;) {
      const record = this.#evictable.first
      if (record === undefined) return false
      if (!record.touched) {
        record.shelf.evictor.evict(record)
        return true
      }
      record.touched = false
      this.#evictable.remove(record)
      this.#evictable.append(record)
    }
  }

  /** Looks at the oldest holds only: one that was asked for longer keeps those behind it a little longer too. */
  #endHolds(now: number): void {
    for (const [record, until] of this.#holds) {
      if (until > now) return
      this.#holds.delete(record)
      if (record.place === PLACE.none) this.#evictable.append(record)
    }
  }
}
