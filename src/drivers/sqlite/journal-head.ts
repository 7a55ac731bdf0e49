/**
 * The head of a block: whose entries it has, and where they are.
 *
 *   block  n · head · crc of n and head · bytes
 *   head   crc u32 of the bytes · sections: partition u16 · entries u32 · length u32 · first offset f64
 *
 * Little endian; the sections' bytes follow one another in the order of the sections. Heads alone tell where every
 * entry is, so that a file is opened without its entries being read. A changed bit anywhere is found: in the head
 * (or of a block in another's place) by the crc beside it, in the bytes by the one inside it.
 */
import { crc32 } from 'node:zlib'

/** The entries of one partition in one block. */
export interface Section {
  readonly partition: number
  readonly entries: number
  /** Offset of the first one. */
  readonly first: number
  /** Where they are in the block's bytes. */
  readonly at: number
  readonly length: number
}

const CRC_BYTES = 4
const SECTION_BYTES = 18

export function packHead(sections: readonly Section[], bytes: Uint8Array): Uint8Array {
  const head = new Uint8Array(CRC_BYTES + sections.length * SECTION_BYTES)
  const view = new DataView(head.buffer)
  view.setUint32(0, crc32(bytes), true)
  let at = CRC_BYTES
  for (const { partition, entries, length, first } of sections) {
    view.setUint16(at, partition, true)
    view.setUint32(at + 2, entries, true)
    view.setUint32(at + 6, length, true)
    view.setFloat64(at + 10, first, true)
    at += SECTION_BYTES
  }
  return head
}

/** Undefined: it is not what was stored. */
export function unpackHead(n: number, head: unknown, crc: unknown): readonly Section[] | undefined {
  // A damaged row may have lost its columns.
  if (!(head instanceof Uint8Array) || headChecksum(n, head) !== crc) return undefined
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const sections: Section[] = []
  let at = 0
  for (let from = CRC_BYTES; from < head.byteLength; from += SECTION_BYTES) {
    const length = view.getUint32(from + 6, true)
    sections.push({
      partition: view.getUint16(from, true),
      entries: view.getUint32(from + 2, true),
      first: view.getFloat64(from + 10, true),
      at,
      length,
    })
    at += length
  }
  return sections
}

export function headChecksum(n: number, head: Uint8Array): number {
  return crc32(head, crc32(new Uint8Array(Float64Array.of(n).buffer)))
}

/** Whether `bytes` are those of a head that `unpackHead` took. */
export function areBytesOf(head: Uint8Array, bytes: unknown): bytes is Uint8Array {
  if (!(bytes instanceof Uint8Array)) return false
  return crc32(bytes) === new DataView(head.buffer, head.byteOffset).getUint32(0, true)
}

/** Offset of a section's last entry. */
export function lastOf(section: Section): number {
  return section.first + section.entries - 1
}
