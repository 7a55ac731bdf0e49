/**
 * Entries that wait for landing, as bytes. As objects they are nine each, and for the garbage collector the worst
 * kind: they live just long enough to be moved twice, and then they die. Packed, a hundred entries of an append are
 * one object for each partition, and their bytes lie in chunks that are used again.
 *
 *   run    [from ······ last]  [ ··········· ]  [ ·· ]      oldest first, one a push
 *   chunk  ▐████████████████████████████▌ ▐████████    ▌     freed when its last run is
 *
 * Measured: 20 % of the main thread's time on Node was collecting, 40 to 60 ms at a time; packing an entry takes
 * 0.2 us and unpacking it 0.4 us, which is landing's time and not the writer's.
 *
 * What is unpacked is a copy: chunks are written to again.
 */
import { EntryReader, EntryWriter } from '../model/entry-codec.ts'
import type { Mark, PlacedEntry, StoredEntry } from '../model/entry.ts'
import { placeAll } from '../model/fold.ts'
import type { Position } from '../model/position.ts'

const CHUNK_BYTES_FIRST = 4 * 1024
const CHUNK_BYTES_MAX = 256 * 1024
const FREE_MAX = 2
/** Objects of a run, shared by its entries. */
const RUN_BYTES = 200

interface Chunk {
  readonly bytes: Uint8Array
  used: number
  runs: number
}

interface Run {
  /** Right before its first entry. */
  readonly from: Position
  /** At its last entry. */
  readonly to: Mark
  readonly offsets: readonly number[]
  readonly chunk: Chunk
  readonly at: number
  readonly length: number
}

/** One for all: it is empty whenever nobody packs. */
const writer = new EntryWriter(new ArrayBuffer(CHUNK_BYTES_MAX))

export class PackedEntries {
  #runs: Run[] = []
  /** Index of the oldest run; shifting one by one would be quadratic. */
  #start = 0
  #chunk: Chunk = newChunk(CHUNK_BYTES_FIRST)
  readonly #free: Chunk[] = []
  #entries = 0
  #bytes = 0

  get entries(): number {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Where the newest run ends; undefined when there is none. */
  get end(): Position | undefined {
    return this.#start < this.#runs.length ? this.#runs[this.#runs.length - 1]?.to.position : undefined
  }

  /** Entries that follow the newest run; the first is right after `from`, the last at `to`. */
  push(from: Position, entries: readonly PlacedEntry[], to: Mark): void {
    const offsets: number[] = []
    writer.rewind()
    for (let index = 0; index < entries.length; index += 1) {
      const { offset, entry } = entries[index] as PlacedEntry
      offsets.push(offset)
      writer.write(entry)
    }
    const { length } = writer
    const chunk = this.#room(length)
    writer.copyTo(chunk.bytes, chunk.used)
    this.#runs.push({ from, to, offsets, chunk, at: chunk.used, length })
    chunk.used += length
    chunk.runs += 1
    this.#entries += offsets.length
    this.#bytes += length + RUN_BYTES
  }

  /** Entries right after `from`, which must be in a run or at its beginning, at most so many and (about) so many bytes. */
  after(from: Position, entriesMax: number, bytesMax: number): PlacedEntry[] {
    const found: PlacedEntry[] = []
    let bytes = 0
    for (let index = this.#indexAfter(from); index < this.#runs.length; index += 1) {
      const run = this.#runs[index] as Run
      const share = run.length / run.offsets.length
      for (const placed of unpack(run)) {
        if (placed.last <= from) continue
        bytes += share
        if (found.length >= entriesMax || (bytes > bytesMax && found.length > 0)) return found
        found.push(placed)
      }
    }
    return found
  }

  /** Forgets runs that end at or before `upTo`; the mark of the last of them. */
  forget(upTo: Position): Mark | undefined {
    let dropped: Mark | undefined
    while (Number((this.#runs[this.#start] as Run | undefined)?.to.position) <= upTo)
      dropped = this.dropOldest()
    return dropped
  }

  /** Forgets the oldest run; its mark. */
  dropOldest(): Mark | undefined {
    const run = this.#runs[this.#start]
    if (run === undefined) return undefined
    this.#start += 1
    this.#entries -= run.offsets.length
    this.#bytes -= run.length + RUN_BYTES
    const { chunk } = run
    chunk.runs -= 1
    if (chunk.runs === 0) this.#give(chunk)
    if (this.#start === this.#runs.length || (this.#start > 64 && this.#start * 2 > this.#runs.length)) {
      this.#runs = this.#runs.slice(this.#start)
      this.#start = 0
    }
    return run.to
  }

  clear(): void {
    while (this.dropOldest() !== undefined);
  }

  #room(bytes: number): Chunk {
    if (this.#chunk.used + bytes <= this.#chunk.bytes.byteLength) return this.#chunk
    const usual = Math.min(CHUNK_BYTES_MAX, this.#chunk.bytes.byteLength * 2)
    const free = bytes <= usual ? this.#free.pop() : undefined
    this.#chunk = free ?? newChunk(Math.max(usual, bytes))
    return this.#chunk
  }

  /** Nobody needs its bytes any more. */
  #give(chunk: Chunk): void {
    chunk.used = 0
    if (chunk === this.#chunk) return
    if (chunk.bytes.byteLength === CHUNK_BYTES_MAX && this.#free.length < FREE_MAX) this.#free.push(chunk)
  }

  /** Index of the first run that ends above `at`. */
  #indexAfter(at: Position): number {
    let low = this.#start
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#runs[middle] as Run).to.position > at) high = middle
      else low = middle + 1
    }
    return low
  }
}

function newChunk(bytes: number): Chunk {
  return { bytes: Buffer.allocUnsafeSlow(bytes), used: 0, runs: 0 }
}

function unpack({ from, offsets, chunk, at, length }: Run): PlacedEntry[] {
  const reader = new EntryReader(Uint8Array.prototype.slice.call(chunk.bytes, at, at + length))
  const stored: StoredEntry[] = []
  for (let index = 0; index < offsets.length; index += 1)
    stored.push({ offset: offsets[index] as number, entry: reader.next() })
  return placeAll(from, stored)
}
