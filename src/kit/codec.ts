/**
 * How a value is packed: the client's validated JSON bytes as they are, or compressed where that pays.
 *
 * Stores and journal entries hold the codec beside the bytes (`compress` and `decompress`), so that the usual small
 * value is never copied. Where one run of bytes has to tell everything by itself, it is framed:
 *
 *     ┌──────────┬──────────────┬───────────────────────┬───────────────┐
 *     │ format 1 │ codec        │ raw length            │ bytes         │
 *     │ 1 byte   │ 1 byte       │ varint, 1 to 5 bytes  │ to the end    │
 *     └──────────┴──────────────┴───────────────────────┴───────────────┘
 *     codec: 0 none, 1 gzip, 2 zstd; the upper four bits are flags, none of which is given yet
 *
 * The exact same bytes come back. Another format, codec or flag is refused, and so is a length that does not agree:
 * never a guess. gzip and zstd carry a checksum of the raw bytes; codec none has only its length, and relies on the
 * store below. Compressed bytes depend on the library's version: a value is compressed once, at admission, and is
 * the same bytes everywhere after it; nothing may compare values that were compressed twice.
 *
 * What the default trades (application forms with repeated field names; Node 24.21 on one shared core; compress and
 * decompress in us, ratio). Bun 1.4.5 takes 0.5 to 0.9 of these times, at the same ratios except gzip-1 (2.0-2.5):
 *
 *             4 KiB              64 KiB               1 MiB
 *     gzip-1   54   23  2.57     950    325  3.01     11,200   3,900  3.09
 *     gzip-6   80   24  2.70     2,050  325  3.33     35,300   5,500  3.46
 *     zstd-1   44   21  2.66     395    190  3.24      7,300   2,800  3.33     taken
 *     zstd-3   51   21  2.65     450    160  3.25      9,600   2,600  3.41
 *
 * So zstd-1, and gzip-1 for those who want to read the table with other tools. The first 30 us of any call are its
 * set-up: at 500 bytes it would be all that a core does at 30,000 saves/s, for a ratio of 1.6. The default threshold
 * of 16 KiB costs about 110 us per write and leaves smaller values alone.
 */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { SpillwayError } from '../errors.ts'

export type CodecName = 'none' | 'gzip' | 'zstd'
/** 0 none, 1 gzip, 2 zstd: on disk, never to be given another meaning. */
export type CodecNumber = 0 | 1 | 2

export interface CompressOptions {
  readonly codec: CodecName
  /** Values of fewer bytes are left as they are. */
  readonly thresholdBytes: number
}

export const COMPRESS_DEFAULTS: CompressOptions = { codec: 'zstd', thresholdBytes: 16 * 1024 }

/** A value that is packed, with what is needed to unpack it. */
export interface Packed {
  readonly codec: CodecNumber
  /** Bytes before compression. */
  readonly rawBytes: number
  readonly bytes: Uint8Array
}

/** The largest value there is, in parts or whole: a length beyond it is damage, and is not allocated. */
export const RAW_BYTES_MAX = 16 * 1024 * 1024

const FORMAT = 1
const HEADER_BYTES_MAX = 7

/**
 * The bytes packed as `options` say. Under the threshold, and where compression saves less than an eighth (then
 * unpacking at every read costs more than it saves), they are the given bytes themselves, not a copy.
 */
export function compress(json: Uint8Array, options: CompressOptions): Packed {
  const rawBytes = json.length
  if (rawBytes > RAW_BYTES_MAX) {
    throw new SpillwayError(
      'too-large',
      `A value of ${rawBytes} bytes is above the bound of ${RAW_BYTES_MAX}: store less in one record.`,
    )
  }
  if (options.codec === 'none' || rawBytes < options.thresholdBytes || rawBytes === 0) {
    return { codec: 0, rawBytes, bytes: json }
  }
  const packed = options.codec === 'gzip' ? gzip(json) : zstd(json)
  if (packed.length > rawBytes - (rawBytes >>> 3)) return { codec: 0, rawBytes, bytes: json }
  // Node cuts its result out of a shared pool of 64 KiB, which a kept value would keep whole, and which cannot be
  // transferred to a worker.
  return { codec: options.codec === 'gzip' ? 1 : 2, rawBytes, bytes: Uint8Array.from(packed) }
}

function gzip(json: Uint8Array): Uint8Array {
  return gzipSync(json, { level: 1 })
}

function zstd(json: Uint8Array): Uint8Array {
  return zstdCompressSync(json, {
    params: { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 },
  })
}

/** The raw bytes again; with codec 0 the given bytes themselves. Damage is `internal`, naming what disagrees. */
export function decompress(codec: number, bytes: Uint8Array, rawBytes: number): Uint8Array {
  if (!Number.isInteger(rawBytes) || rawBytes < 0 || rawBytes > RAW_BYTES_MAX) {
    throw damaged(`its stated length is ${rawBytes} bytes, outside 0 to ${RAW_BYTES_MAX}`)
  }
  const raw = codec === 0 ? bytes : unpack(codec, bytes, rawBytes)
  if (raw.length !== rawBytes) throw damaged(`it has ${raw.length} bytes where ${rawBytes} are stated`)
  return raw
}

function unpack(codec: number, bytes: Uint8Array, rawBytes: number): Uint8Array {
  // One byte is the least that zlib takes as a bound; the length is compared exactly afterwards.
  const bound = { maxOutputLength: Math.max(1, rawBytes) }
  try {
    if (codec === 1) return gunzipSync(bytes, bound)
    if (codec === 2) return zstdDecompressSync(bytes, bound)
  } catch (cause) {
    throw damaged(`its ${bytes.length} bytes of codec ${codec} do not unpack to ${rawBytes} bytes`, cause)
  }
  throw damaged(`its codec ${codec} is unknown to this version`)
}

/** One run of bytes that tells everything by itself; the one copy that framing costs. */
export function frame(packed: Packed): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(HEADER_BYTES_MAX)
  header[0] = FORMAT
  header[1] = packed.codec
  let at = 2
  let rest = packed.rawBytes
  for (; rest >= 0x80; rest >>>= 7) {
    header[at] = (rest & 0x7f) | 0x80
    at += 1
  }
  header[at] = rest
  at += 1
  const envelope = new Uint8Array(at + packed.bytes.length)
  envelope.set(header.subarray(0, at))
  envelope.set(packed.bytes, at)
  return envelope
}

/** What `frame` was given; the bytes are a view into the envelope, not a copy. */
export function unframe(envelope: Uint8Array): Packed {
  if (envelope[0] !== FORMAT) throw damaged(`its format is ${envelope[0]}, this version reads ${FORMAT}`)
  const codec = envelope[1]
  if (codec !== 0 && codec !== 1 && codec !== 2)
    throw damaged(`its codec ${codec} is unknown to this version`)
  let rawBytes = 0
  for (let at = 2; at < HEADER_BYTES_MAX; at += 1) {
    const byte = envelope[at]
    if (byte === undefined) break
    rawBytes += (byte & 0x7f) * 2 ** (7 * (at - 2))
    if (byte < 0x80) return { codec, rawBytes, bytes: envelope.subarray(at + 1) }
  }
  throw damaged(`its header ends before its length does, in an envelope of ${envelope.length} bytes`)
}

/** The value in one self-describing run of bytes. */
export function encodeValue(json: Uint8Array, options: CompressOptions): Uint8Array<ArrayBuffer> {
  return frame(compress(json, options))
}

/** The exact bytes that `encodeValue` was given. */
export function decodeValue(envelope: Uint8Array): Uint8Array {
  const { codec, bytes, rawBytes } = unframe(envelope)
  return decompress(codec, bytes, rawBytes)
}

/** Bytes before compression, without unpacking. */
export function rawLength(envelope: Uint8Array): number {
  return unframe(envelope).rawBytes
}

function damaged(what: string, cause?: unknown): SpillwayError {
  const detail = `A stored value cannot be read: ${what}. Keep the store as it is, run verify, and report this text.`
  return new SpillwayError('internal', detail, cause === undefined ? {} : { cause })
}
