/**
 * Where the bytes of values live: shared chunks outside the JavaScript heap, used again and again.
 *
 *   slab  [ a a a | . . . . | c c | d d d d |        ]   filled from the left; '.' is dead
 *                                            ^ used
 *
 *   free ──▶ present (being filled) ──▶ full ── less than 3/4 alive: the rest is moved ──▶ free
 *
 * A buffer object of its own for every value costs 300 to 400 bytes beside the value, and a value that is a view
 * into somebody else's buffer (a request body, a journal block) keeps all of that alive. So values are copied in, and
 * copied out for a reader, who never sees a byte change. Moving costs at most 3 bytes copied for each byte that died,
 * and slabs take at most a third more memory than the values.
 *
 * Used again, because fresh ones would make V8 collect the whole heap for every 64 MiB of them, dead or not: with a
 * million records, overwriting one cost 12 µs of processor time that way.
 *
 * A value above 32 KiB has a slab of exactly its size, which is never used again, and is read without a copy.
 */
import type { FrontRecord, Slab } from './front-record.ts'

/** Grows up to here, so that a small front stays small. */
const SLAB_BYTES_FIRST = 4 * 1024
const SLAB_BYTES_MAX = 256 * 1024
const SHARED_VALUE_BYTES_MAX = SLAB_BYTES_MAX / 8
const LIVE_SHARE_MIN = 0.75
/** 16 MiB wait at most; what is beyond goes back to the system. */
const FREE_MAX = 64

function newSlab(size: number): Slab {
  // Not cleared and not from a pool: every byte is written before it is read.
  const bytes = Buffer.allocUnsafeSlow(size)
  return { bytes, used: 0, live: 0, full: false, records: [] }
}

export class Slabs {
  #present: Slab = newSlab(SLAB_BYTES_FIRST)
  readonly #free: Slab[] = []

  /** Copies the bytes in and points the record at them; the record must have none. */
  put(record: FrontRecord, bytes: Uint8Array): void {
    const slab = this.#slabFor(bytes.byteLength)
    slab.bytes.set(bytes, slab.used)
    this.#point(record, slab, bytes.byteLength)
  }

  /** From another slab, without a view of the bytes: making one costs more than copying them. */
  #move(record: FrontRecord, from: Slab): void {
    const { offset, length } = record
    const slab = this.#slabFor(length)
    from.bytes.copy(slab.bytes, slab.used, offset, offset + length)
    this.#point(record, slab, length)
  }

  #point(record: FrontRecord, slab: Slab, length: number): void {
    record.slab = slab
    record.offset = slab.used
    record.length = length
    slab.used += length
    slab.live += length
    slab.records.push(record)
  }

  /** The record's bytes are dead from now on. */
  drop(record: FrontRecord): void {
    const slab = record.slab
    if (slab === undefined) return
    const { length } = record
    record.slab = undefined
    record.length = 0
    slab.live -= length
    // A slab of its own may still be read: it goes with its last reader.
    if (slab.full && length <= SHARED_VALUE_BYTES_MAX) this.#emptyIfSparse(slab)
  }

  /** The record's bytes, which never change; the record must have some. */
  read(record: FrontRecord): Uint8Array {
    const stored = this.#stored(record)
    if (record.length > SHARED_VALUE_BYTES_MAX) return stored
    const copy = Buffer.allocUnsafe(record.length)
    copy.set(stored)
    return copy
  }

  /** Copies the record's bytes to where the reader wants them: no object is made. The record must have some. */
  readInto(record: FrontRecord, target: Uint8Array, at: number): void {
    const { offset, length } = record
    ;(record.slab as Slab).bytes.copy(target, at, offset, offset + length)
  }

  #stored(record: FrontRecord): Uint8Array {
    const { bytes } = record.slab as Slab
    return new Uint8Array(bytes.buffer, record.offset, record.length)
  }

  #slabFor(length: number): Slab {
    if (length > SHARED_VALUE_BYTES_MAX) {
      const own = newSlab(length)
      own.full = true
      return own
    }
    // Moving what lives in a slab that became full may fill the next one.
    while (this.#present.used + length > this.#present.bytes.byteLength) this.#replacePresent()
    return this.#present
  }

  #replacePresent(): void {
    const before = this.#present
    before.full = true
    this.#present = this.#free.pop() ?? newSlab(Math.min(SLAB_BYTES_MAX, before.bytes.byteLength * 2))
    this.#emptyIfSparse(before)
  }

  #emptyIfSparse(slab: Slab): void {
    if (slab.live >= slab.bytes.byteLength * LIVE_SHARE_MIN) return
    const { records } = slab
    slab.records = []
    for (const record of records) {
      // Moved away or dead; or here twice, and moved at its first place in the list.
      if (record.slab !== slab) continue
      slab.live -= record.length
      this.#move(record, slab)
    }
    slab.used = 0
    slab.full = false
    if (slab.bytes.byteLength === SLAB_BYTES_MAX && this.#free.length < FREE_MAX) this.#free.push(slab)
  }
}
