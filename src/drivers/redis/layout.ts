/**
 * How a partition lies in Redis. All keys of partition 3 in namespace `spillway` begin with `spillway:{3}:`; the
 * braces make it one slot of a Redis Cluster.
 *
 *   state    HASH    where the partition stands; no field `position` = missing
 *   log      STREAM  blocks of entries, id `generation-count` of a block's last position; fields: `entriesOf`
 *   v<epoch>:<collection>:<key>   STRING, one per record: header and bytes
 *   names    STREAM  names of what was written and has no TTL yet, same ids: `k` names, `b` bytes that they count
 *   voids    ZSET    entry id → position of its void          seals  HASH  collection → position of its seal
 *   refused  ZSET    positions (only beside a separate journal)
 *   holds    ZSET    collection:key → ms until which it must not be released
 *   old      LIST    epochs that are left to be collected; their names are old:<epoch>
 *
 *   header of a value   short  u48 big endian: kind (3 bits) · generation (9) · count (36)
 *                       long   where that is too little: u8 224 + kind · version u56 big endian
 *                       and then rawBytes u32 little endian where the kind says so
 *   kind                codec (0 plain, 1 gzip, 2 zstd), + 4 where rawBytes follow: where they are not the length; 3 absent
 *
 * Six bytes before a plain value, so that one of 500 bytes stays in the same size class of the allocator. The
 * version of an absence is that of the write that deleted; readers are told 0. Emptying a partition gives it another
 * epoch: what was there is out of reach at once, whatever there was.
 *
 * A value has no TTL until it is landed and memory is wanted (release.lua), and again none while it is held: an
 * eviction policy `volatile-*` can take nothing that is not in the database.
 */
import { SpillwayError } from '../../errors.ts'
import { EntryReader } from '../../model/entry-codec.ts'
import type { Entry, Mark, RecordRef, StoredEntry } from '../../model/entry.ts'
import { spanOf } from '../../model/entry.ts'
import { digestOf } from '../../model/fold.ts'
import type { Position, Version } from '../../model/position.ts'
import { countOf, generationOf, position } from '../../model/position.ts'
import { CODEC } from '../../model/value.ts'
import type { Codec, Value } from '../../model/value.ts'
import { HELD_ABSENT } from '../../ports/front.ts'
import type { FrontSeen, Held } from '../../ports/front.ts'
import { fusedJournalName } from '../../ports/fused.ts'

const KIND_ABSENT = 3
const HAS_RAW_BYTES = 4
const KIND_SPAN = 2 ** 45
const GENERATION_SPAN = 2 ** 36
const GENERATIONS_SHORT = 512
const SHORT_BYTES = 6
const LONG = 224
const LONG_BYTES = 8
const RAW_BYTES_BYTES = 4
const LOWER_SPAN = 2 ** 32
export const HEADER_BYTES_MAX = LONG_BYTES + RAW_BYTES_BYTES

export function stateKey(namespace: string, partition: number): string {
  return `${namespace}:{${partition}}:state`
}

/** A record's name inside its partition. Names of collections have no colon, so that it is unambiguous. */
export function nameOf(ref: RecordRef): string {
  return `${ref.collection}:${ref.key}`
}

/** What stands before a value's bytes, or alone where the record is absent. */
function headerOf(version: Version, value: Value | undefined): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES_MAX)
  return header.subarray(0, writeHeader(header, 0, version, value))
}

/** The same, written to `target` at `at`; how many bytes it took. */
export function writeHeader(target: Buffer, at: number, version: Version, value: Value | undefined): number {
  const hasRawBytes = value !== undefined && value.rawBytes !== value.bytes.byteLength
  const kind = value === undefined ? KIND_ABSENT : value.codec + (hasRawBytes ? HAS_RAW_BYTES : 0)
  const generation = generationOf(version)
  const count = countOf(version)
  const short = generation < GENERATIONS_SHORT && count < GENERATION_SPAN
  const length = short ? SHORT_BYTES : LONG_BYTES
  if (short) target.writeUIntBE(kind * KIND_SPAN + generation * GENERATION_SPAN + count, at, SHORT_BYTES)
  else {
    target[at] = LONG + kind
    target.writeUIntBE(Math.floor(version / LOWER_SPAN), at + 1, 3)
    target.writeUInt32BE(version % LOWER_SPAN, at + 4)
  }
  if (!hasRawBytes) return length
  target.writeUInt32LE(value.rawBytes, at + length)
  return length + RAW_BYTES_BYTES
}

interface Header {
  readonly kind: number
  readonly version: Version
  readonly rawBytes: number | undefined
  /** Where the value's bytes begin. */
  readonly length: number
}

function readHeader(stored: Buffer): Header {
  const long = (stored[0] ?? 0) >= LONG
  if (stored.byteLength < (long ? LONG_BYTES : SHORT_BYTES)) throw foreign()
  let kind: number
  let version: number
  if (long) {
    kind = (stored[0] as number) - LONG
    version = stored.readUIntBE(1, 3) * LOWER_SPAN + stored.readUInt32BE(4)
  } else {
    const number = stored.readUIntBE(0, SHORT_BYTES)
    kind = Math.floor(number / KIND_SPAN)
    const rest = number % KIND_SPAN
    version = position(Math.floor(rest / GENERATION_SPAN), rest % GENERATION_SPAN)
  }
  const length = long ? LONG_BYTES : SHORT_BYTES
  if (kind <= KIND_ABSENT) return { kind, version: version as Version, rawBytes: undefined, length }
  if (kind - HAS_RAW_BYTES > CODEC.zstd || stored.byteLength < length + RAW_BYTES_BYTES) throw foreign()
  return {
    kind: kind - HAS_RAW_BYTES,
    version: version as Version,
    rawBytes: stored.readUInt32LE(length),
    length: length + RAW_BYTES_BYTES,
  }
}

function foreign(): SpillwayError {
  return new SpillwayError(
    'unavailable',
    'A value in Redis has no header of Spillway: another program writes keys of its namespace.',
  )
}

export function encodeHeld({ version, value }: Held): Buffer {
  const header = headerOf(version, value)
  return value === undefined ? header : Buffer.concat([header, value.bytes])
}

/** The value is a view into `stored`. */
export function decodeHeld(stored: Buffer): Held {
  const { kind, version, rawBytes, length } = readHeader(stored)
  if (kind === KIND_ABSENT) return HELD_ABSENT
  const bytes = stored.subarray(length)
  return { version, value: { codec: kind as Codec, rawBytes: rawBytes ?? bytes.byteLength, bytes } }
}

/** What every answer says of its partition. */
export interface PartitionSeen {
  readonly seen: FrontSeen
  readonly generation: number
  /** Entries up to this offset may have been trimmed away. */
  readonly trimmed: number
  /** Memory that has not been released. */
  readonly bytes: number
  /** In the names of its values. */
  readonly epoch: string
}

/** Takes apart what `seen` of shared.lua put together. */
export function parseSeen(identity: string, text: string): PartitionSeen {
  const [at, offset, journal, digest, last, generation, floor, refusedFrom, trimmed, bytes, epoch] =
    text.split('\n') as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ]
  const mark =
    at === '' ? undefined : markOf(Number(at) as Position, offset, journal, digest, last, generation)
  return {
    seen: { identity, mark, floor: Number(floor) as Position, refusedFrom: Number(refusedFrom) as Position },
    generation: Number(generation),
    trimmed: Number(trimmed),
    bytes: Number(bytes),
    epoch,
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

/**
 * The entries of a block, each with its last position as its offset. Field `e` has the entries without the bytes of
 * their values, which follow in the same order, as they are stored under their keys: the script that writes hands the
 * same string to both, and copies nothing. They are two a field, one as its name and one as its value, and an empty one
 * at the end makes their number even: names would be as many strings again to make, send and take apart.
 */
export function entriesOf(id: string, fields: readonly Buffer[]): StoredEntry[] {
  const stored: { offset: number; readonly entry: Entry }[] = []
  let span = 0
  let next = 2
  for (const reader = new EntryReader(fields[1] as Buffer); !reader.done;) {
    const entry = reader.next()
    span += spanOf(entry)
    stored.push({ offset: span, entry })
    if (entry.kind !== 'write') continue
    for (const { value } of entry.writes) {
      if (value === undefined) continue
      const bytes = fields[next]
      if (bytes === undefined) throw damaged(id)
      next += 1
      // What was just read is nobody else's yet: it is completed, not copied.
      ;(value as { bytes: Uint8Array }).bytes = bytes.subarray(readHeader(bytes).length)
    }
  }
  const before = positionOfId(id) - span
  for (const one of stored) one.offset += before
  return stored
}

function damaged(id: string): SpillwayError {
  return new SpillwayError(
    'journal-mismatch',
    `Block ${id} of the stream lacks a value: the stream is damaged or not Spillway's; nothing is skipped.`,
  )
}
