/**
 * Where the bytes of values live: shared chunks outside the JavaScript heap.
 *
 *   slab  [ a a a | . . . . | c c | d d d d |        ]   append only; '.' is dead
 *                                            ^ used
 *
 * A buffer object of its own for every value costs 300 to 400 bytes beside the value, and a value that is a view
 * into somebody else's buffer (a request body, a journal block) keeps all of that alive. So values are copied into
 * slabs once, and a view is made when one is read.
 *
 * Bytes in a slab are never written twice: a reader that holds a view never sees it change, and a slab's memory
 * goes when the last record and the last view are gone. A full slab of which less than three quarters is alive is
 * emptied by copying what lives into the present one: at most 3 bytes copied for each byte that died, and at most
 * a third more memory than the values.
 */
import type { FrontRecord, Slab } from './front-record.ts'

/** Grows up to here, so that a small front stays small. */
const SLAB_BYTES_FIRST = 4 * 1024
const SLAB_BYTES_MAX = 256 * 1024
/** A value above this gets a slab of exactly its size. */
const SHARED_VALUE_BYTES_MAX = SLAB_BYTES_MAX / 8
const LIVE_SHARE_MIN = 0.75

function newSlab(size: number): Slab {
  // Not cleared and not from the pool: every byte is written before it is read.
  const bytes = Buffer.allocUnsafeSlow(size)
  return { buffer: bytes.buffer, bytes, used: 0, live: 0, full: false, records: [] }
}

export class Slabs {
  #present: Slab = newSlab(SLAB_BYTES_FIRST)

  /** Copies the bytes in and points the record at them; the record must have none. */
  put(record: FrontRecord, bytes: Uint8Array): void {
    const length = bytes.byteLength
    const slab = this.#slabFor(length)
    slab.bytes.set(bytes, slab.used)
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
    record.slab = undefined
    slab.live -= record.length
    record.length = 0
    if (slab.full) this.#emptyIfSparse(slab)
  }

  /** A view of the record's bytes. */
  view(record: FrontRecord): Uint8Array {
    const slab = record.slab as Slab
    return new Uint8Array(slab.buffer, record.offset, record.length)
  }

  #slabFor(length: number): Slab {
    if (length > SHARED_VALUE_BYTES_MAX) {
      const own = newSlab(length)
      own.full = true
      return own
    }
    const present = this.#present
    if (present.used + length <= present.bytes.byteLength) return present
    present.full = true
    const size = Math.max(length, Math.min(SLAB_BYTES_MAX, present.bytes.byteLength * 2))
    this.#present = newSlab(size)
    this.#emptyIfSparse(present)
    // What was moved may have filled the new one.
    return this.#slabFor(length)
  }

  #emptyIfSparse(slab: Slab): void {
    if (slab.live === 0) {
      slab.records = []
      return
    }
    if (slab.live >= slab.bytes.byteLength * LIVE_SHARE_MIN) return
    const records = slab.records
    slab.records = []
    // No drop() here: it would come back to this slab while it is being emptied.
    for (const record of records) {
      if (record.slab !== slab) continue
      const bytes = this.view(record)
      slab.live -= record.length
      this.put(record, bytes)
    }
  }
}
