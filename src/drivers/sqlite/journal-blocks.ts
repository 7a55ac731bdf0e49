/**
 * Blocks: what one commit brought for one partition, a row of its table.
 *
 * The checksum covers the partition and the offsets too, so that a block in the wrong place is as damaged as one
 * with a changed byte.
 */
import { crc32 } from 'node:zlib'
import type { SqliteConnection } from '../../runtime/sqlite.ts'
import { gap, mismatch } from './journal-failures.ts'
import type { ReadAnswer } from './journal-messages.ts'

/** Rows of one query, as far as their bytes can be foreseen from the one before. */
const BLOCKS_PER_QUERY_MAX = 32

export interface BlockRow {
  readonly first: number
  readonly entries: number
  readonly crc: number
  readonly bytes: Uint8Array
  // Rows of the binding are open records.
  [column: string]: number | Uint8Array
}

export interface BlockRange {
  readonly partition: number
  /** First offset that is wanted, and the newest that there is. */
  readonly from: number
  readonly end: number
  readonly entriesMax: number
  readonly bytesMax: number
}

export function checksum(partition: number, first: number, entries: number, bytes: Uint8Array): number {
  return crc32(bytes, crc32(new Uint8Array(Float64Array.of(partition, first, entries).buffer)))
}

/** Blocks from the one that holds `from` on, without a gap, checked, until a limit is reached; at least one. */
export function readBlocks(db: SqliteConnection, path: string, range: BlockRange): BlockRow[] {
  const { partition, from, end, entriesMax, bytesMax } = range
  const table = `block_${partition}`
  const start = db.prepare(`SELECT max(first) AS first FROM ${table} WHERE first <= ?`)
  const next = db.prepare(
    `SELECT first, entries, crc, bytes FROM ${table} WHERE first >= ? ORDER BY first LIMIT ?`,
  )
  try {
    const blocks: BlockRow[] = []
    let expected = (start.get(from)?.['first'] ?? from) as number
    let entries = expected - from
    let bytes = 0
    while (expected <= end && entries < entriesMax && bytes < bytesMax) {
      const rows = next.all<BlockRow>(expected, blocksToAsk(blocks.at(-1), bytesMax - bytes))
      if (rows.length === 0) throw gap(path, partition, expected)
      for (const row of rows) {
        check(path, partition, expected, row)
        if (entries >= entriesMax || (bytes > 0 && bytes + row.bytes.byteLength > bytesMax)) return blocks
        blocks.push(row)
        expected = row.first + row.entries
        entries += row.entries
        bytes += row.bytes.byteLength
      }
    }
    return blocks
  } finally {
    start.finalize()
    next.finalize()
  }
}

function blocksToAsk(before: BlockRow | undefined, bytes: number): number {
  if (before === undefined) return 1
  return Math.max(1, Math.min(BLOCKS_PER_QUERY_MAX, Math.floor(bytes / before.bytes.byteLength)))
}

function check(path: string, partition: number, expected: number, row: BlockRow): void {
  if (row.first !== expected) throw gap(path, partition, expected)
  // A damaged row may have lost its columns.
  if (row.bytes instanceof Uint8Array && checksum(partition, row.first, row.entries, row.bytes) === row.crc)
    return
  throw mismatch(
    path,
    `the entries from offset ${row.first} on in partition ${partition} have another checksum than was stored`,
  )
}

/** One buffer with the bytes of all blocks, to be moved to another thread. */
export function pack(rows: readonly BlockRow[], end: number): ReadAnswer {
  let length = 0
  for (const { bytes } of rows) length += bytes.byteLength
  const buffer = new ArrayBuffer(length)
  const all = new Uint8Array(buffer)
  const blocks: number[] = []
  let at = 0
  for (const { first, entries, bytes } of rows) {
    all.set(bytes, at)
    blocks.push(first, entries, at, bytes.byteLength)
    at += bytes.byteLength
  }
  return { buffer, blocks, end }
}
