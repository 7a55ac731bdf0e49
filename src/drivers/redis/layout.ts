/**
 * How a partition lies in Redis. All keys of partition 3 in namespace `spillway` begin with `spillway:{3}:`; the
 * braces make it one slot of a Redis Cluster.
 *
 *   state    HASH    where the partition stands; no field `position` = missing
 *   log      STREAM  blocks of encoded entries (field `e`), id `generation-count` of a block's last position
 *   v<epoch>:<collection>:<key>   STRING, one per record: header and bytes
 *   voids    ZSET    entry id → position of its void          seals  HASH  collection → position of its seal
 *   refused  ZSET    positions (only beside a separate journal)
 *   holds    ZSET    collection:key → ms until which it must not be released
 *   old      LIST    epochs that are left to be collected; their streams are old:<epoch>
 *
 *   header of a value   kind u8 · version u56 big endian · [rawBytes u32 little endian]
 *   kind                codec (0 plain, 1 gzip, 2 zstd), + 16 where rawBytes follow: where they are not the length; 8 absent
 *
 * Eight bytes before a plain value, so that one of 500 bytes stays in the same size class of the allocator. The
 * version of an absence is that of the write that deleted; readers are told 0. Emptying a partition gives it another
 * epoch: what was there is out of reach at once, whatever there was.
 *
 * A value has no TTL until it is landed (release.lua), and again none while it is held: an eviction policy
 * `volatile-*` can take nothing that is not in the database.
 */
import { SpillwayError } from '../../errors.ts'
import { EntryReader } from '../../model/entry-codec.ts'
import type { Entry, Mark, RecordRef, StoredEntry } from '../../model/entry.ts'
import { spanOf } from '../../model/entry.ts'
import { digestOf } from '../../model/fold.ts'
import type { Position, Version } from '../../model/position.ts'
import { generationOf, position } from '../../model/position.ts'
import { CODEC } from '../../model/value.ts'
import type { Codec } from '../../model/value.ts'
import { HELD_ABSENT } from '../../ports/front.ts'
import type { FrontSeen, Held } from '../../ports/front.ts'
import { fusedJournalName } from '../../ports/fused.ts'

const KIND_ABSENT = 8
const HAS_RAW_BYTES = 16
const HEADER_BYTES = 8
const RAW_BYTES_BYTES = 4
const UPPER_SPAN = 2 ** 48

export function stateKey(namespace: string, partition: number): string {
  return `${namespace}:{${partition}}:state`
}

/** A record's name inside its partition. Names of collections have no colon, so that it is unambiguous. */
export function nameOf(ref: RecordRef): string {
  return `${ref.collection}:${ref.key}`
}

export function encodeHeld({ version, value }: Held): Buffer {
  const bytes = value?.bytes ?? new Uint8Array()
  const hasRawBytes = value !== undefined && value.rawBytes !== bytes.byteLength
  const header = Buffer.alloc(HEADER_BYTES + (hasRawBytes ? RAW_BYTES_BYTES : 0))
  header[0] = value === undefined ? KIND_ABSENT : value.codec + (hasRawBytes ? HAS_RAW_BYTES : 0)
  header[1] = Math.floor(version / UPPER_SPAN)
  header.writeUIntBE(version % UPPER_SPAN, 2, 6)
  if (hasRawBytes) header.writeUInt32LE(value.rawBytes, HEADER_BYTES)
  return Buffer.concat([header, bytes])
}

/** The value is a view into `stored`. */
export function decodeHeld(stored: Buffer): Held {
  const kind = stored[0]
  if (kind === KIND_ABSENT) return HELD_ABSENT
  const codec = (kind ?? 0) & ~HAS_RAW_BYTES
  if (stored.byteLength < HEADER_BYTES || codec > CODEC.zstd)
    throw new SpillwayError(
      'unavailable',
      'A value in Redis has no header of Spillway: another program writes keys of its namespace.',
    )
  const version = ((stored[1] as number) * UPPER_SPAN + stored.readUIntBE(2, 6)) as Version
  const hasRawBytes = kind !== codec
  const bytes = stored.subarray(HEADER_BYTES + (hasRawBytes ? RAW_BYTES_BYTES : 0))
  const rawBytes = hasRawBytes ? stored.readUInt32LE(HEADER_BYTES) : bytes.byteLength
  return { version, value: { codec: codec as Codec, rawBytes, bytes } }
}

/** What every answer says of its partition. */
export interface PartitionSeen {
  readonly seen: FrontSeen
  readonly generation: number
  /** Entries up to this offset may have been trimmed away. */
  readonly trimmed: number
  /** Memory that has not been released. */
  readonly bytes: number
}

/** Takes apart what `seen` of shared.lua put together. */
export function parseSeen(identity: string, text: string): PartitionSeen {
  const [at, offset, journal, digest, last, generation, floor, refusedFrom, trimmed, bytes] = text.split(
    '\n',
  ) as [string, string, string, string, string, string, string, string, string, string]
  const mark =
    at === '' ? undefined : markOf(Number(at) as Position, offset, journal, digest, last, generation)
  return {
    seen: { identity, mark, floor: Number(floor) as Position, refusedFrom: Number(refusedFrom) as Position },
    generation: Number(generation),
    trimmed: Number(trimmed),
    bytes: Number(bytes),
  }
}

/** A mark that was given is stored whole; one that a script made is known by the id of its last entry. */
function markOf(
  at: Position,
  offset: string,
  journal: string,
  digest: string,
  last: string,
  generation: string,
): Mark {
  const reached = offset === '' ? at : Number(offset)
  return {
    journal: journal === '' ? fusedJournalName(Number(generation)) : journal,
    position: at,
    offset: reached,
    digest: last === '' ? digest : digestOf({ kind: 'marker', id: last }, generationOf(at), reached),
  }
}

/** The position that a stream id stands for. */
export function positionOfId(id: string): Position {
  const dash = id.indexOf('-')
  return position(Number(id.slice(0, dash)), Number(id.slice(dash + 1)))
}

/** The entries of a block, each with its last position as its offset. */
export function entriesOf(id: string, block: Buffer): StoredEntry[] {
  const entries: Entry[] = []
  let span = 0
  for (const reader = new EntryReader(block); !reader.done;) {
    const entry = reader.next()
    entries.push(entry)
    span += spanOf(entry)
  }
  let at: number = positionOfId(id) - span
  return entries.map((entry) => {
    at += spanOf(entry)
    return { offset: at, entry }
  })
}
