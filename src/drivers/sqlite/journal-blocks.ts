/**
 * Blocks: what one commit brought, for all partitions, a row of one table.
 *
 * Reading one partition means reading blocks that have others' entries as well. When a process starts, all
 * partitions are read at once and side by side, so the blocks that were read last are kept for the next one.
 *
 * Bounds: 32 MiB of blocks (one at least), until the next checkpoint of appends.
 */
import type { SqliteConnection, SqliteStatement } from '../../runtime/sqlite.ts'
import type { Chapters } from './journal-chapters.ts'
import { gap, mismatch } from './journal-failures.ts'
import { areBytesOf, lastOf, unpackHead } from './journal-head.ts'
import type { Section } from './journal-head.ts'
import type { ReadAnswer } from './journal-messages.ts'

/** Rows and bytes of one query, as far as they can be foreseen. */
const BLOCKS_PER_QUERY_MAX = 32
const BYTES_PER_QUERY = 2 * 1024 * 1024
const CACHE_BYTES_MAX = 32 * 1024 * 1024

export interface Block {
  readonly n: number
  readonly sections: readonly Section[]
  readonly bytes: Uint8Array
}

export interface BlockHead {
  readonly n: number
  readonly sections: readonly Section[]
  /** Of the entries. */
  readonly length: number
}

export interface BlockRange {
  readonly partition: number
  /** First offset that is wanted, and the newest that there is. */
  readonly from: number
  readonly end: number
  readonly entriesMax: number
  readonly bytesMax: number
}

interface Piece {
  readonly section: Section
  readonly block: Block
}

export class Blocks {
  readonly #path: string
  readonly #chapters: Chapters
  readonly #select: SqliteStatement
  readonly #selectHeads: SqliteStatement
  readonly #cache = new Map<number, Block>()
  #cachedBytes = 0
  #lengthSeen = BYTES_PER_QUERY

  constructor(db: SqliteConnection, path: string, chapters: Chapters) {
    this.#path = path
    this.#chapters = chapters
    this.#select = db.prepare('SELECT n, head, crc, bytes FROM block WHERE n >= ? ORDER BY n LIMIT ?')
    this.#selectHeads = db.prepare('SELECT n, head, crc FROM block WHERE n >= ? ORDER BY n LIMIT ?')
  }

  /** Heads from block `n` on, checked. */
  heads(n: number, limit: number): BlockHead[] {
    return this.#selectHeads.all(n, limit).map((row) => {
      const sections = unpackHead(row['n'] as number, row['head'], row['crc'])
      if (sections === undefined) throw this.#damaged(row['n'] as number)
      const last = sections.at(-1)
      return { n: row['n'] as number, sections, length: last === undefined ? 0 : last.at + last.length }
    })
  }

  /** The entries of a partition from the section that holds `from` on, without a gap, until a limit; at least one. */
  read(range: BlockRange): ReadAnswer {
    const { partition, from, end, entriesMax, bytesMax } = range
    const pieces: Piece[] = []
    let expected = from
    let bytes = 0
    let n = 0
    while (expected <= end && expected - from < entriesMax && bytes < bytesMax) {
      const piece = this.#find(partition, expected, n)
      if (bytes > 0 && bytes + piece.section.length > bytesMax) break
      pieces.push(piece)
      bytes += piece.section.length
      expected = lastOf(piece.section) + 1
      n = piece.block.n
    }
    return pack(pieces, bytes, end)
  }

  /** One block, whole. */
  get(n: number): Block {
    const block = this.#next(n)
    if (block?.n !== n) throw this.#damaged(n)
    return block
  }

  /** What was read is not kept any longer: blocks were changed, or nobody reads. */
  forget(): void {
    this.#cache.clear()
    this.#cachedBytes = 0
  }

  #find(partition: number, offset: number, fromBlock: number): Piece {
    let n = Math.max(fromBlock, this.#chapters.before(partition, offset))
    for (;;) {
      const block = this.#next(n)
      if (block === undefined) throw gap(this.#path, partition, offset)
      for (const section of block.sections) {
        if (section.partition !== partition || lastOf(section) < offset) continue
        if (section.first > offset) throw gap(this.#path, partition, offset)
        return { section, block }
      }
      n = block.n + 1
    }
  }

  /** The block `n`, or the first one after it. */
  #next(n: number): Block | undefined {
    const cached = this.#cache.get(n)
    if (cached !== undefined) return cached
    const rows = this.#select.all(n, this.#rowsToAsk())
    let found: Block | undefined
    for (const row of rows) {
      const block = this.#checked(row)
      found ??= block
      this.#keep(block)
    }
    return found
  }

  #rowsToAsk(): number {
    const rows = Math.floor(BYTES_PER_QUERY / Math.max(1, this.#lengthSeen))
    return Math.max(1, Math.min(BLOCKS_PER_QUERY_MAX, rows))
  }

  #checked(row: Readonly<Record<string, unknown>>): Block {
    const { n, head, crc, bytes } = row
    const sections = unpackHead(n as number, head, crc)
    if (sections === undefined || !areBytesOf(head as Uint8Array, bytes)) throw this.#damaged(n as number)
    this.#lengthSeen = bytes.byteLength
    return { n: n as number, sections, bytes }
  }

  #keep(block: Block): void {
    if (this.#cache.has(block.n)) return
    this.#cache.set(block.n, block)
    this.#cachedBytes += block.bytes.byteLength
    for (const [n, { bytes }] of this.#cache) {
      if (this.#cachedBytes <= CACHE_BYTES_MAX || n === block.n) return
      this.#cache.delete(n)
      this.#cachedBytes -= bytes.byteLength
    }
  }

  #damaged(n: number): Error {
    return mismatch(this.#path, `the entries of block ${n} have another checksum than was stored`)
  }
}

/** One buffer with the bytes of all pieces, to be moved to another thread. */
function pack(pieces: readonly Piece[], length: number, end: number): ReadAnswer {
  const buffer = new ArrayBuffer(length)
  const all = new Uint8Array(buffer)
  const blocks: number[] = []
  let at = 0
  for (const { section, block } of pieces) {
    all.set(block.bytes.subarray(section.at, section.at + section.length), at)
    blocks.push(section.first, section.entries, at, section.length)
    at += section.length
  }
  return { buffer, blocks, end }
}
