/**
 * Rows on their way between the event loop and the worker threads: keys and numbers are cloned, and all values go in
 * one buffer that is moved. 1,000 rows of 500 bytes cost the event loop 0.6-0.8 ms so, and 5.5-6.1 ms
 * as objects with a copied buffer each (Node 24.21 and Bun 1.4.5, two loaded cores). Without the copy a structured
 * clone would take the whole slab behind each value along.
 *
 * The thread makes an object of a row when it is the row's turn: thousands that live until their commit would be
 * moved by the garbage collector again and again.
 */
import type { LandBatch, LandRow, ParkRow } from '../../ports/database.ts'
import type { Held } from '../../ports/front.ts'
import type { Version } from '../../model/position.ts'
import type { Codec, Value } from '../../model/value.ts'

/** Stands in `codecs` where there is no value. */
const NO_VALUE = 255

export interface PackedValues {
  readonly codecs: Uint8Array
  readonly rawBytes: Uint32Array
  /** Where value i ends in `bytes`; it begins where the one before it ends. */
  readonly ends: Uint32Array
  readonly bytes: Uint8Array<ArrayBuffer>
}

export interface PackedRows {
  readonly count: number
  /** Each name once, and which of them row i has. */
  readonly collections: readonly string[]
  readonly collectionOf: Uint32Array
  /** Not cut out of one string: such pieces take five times as long to compare. */
  readonly keys: readonly string[]
  readonly versions: Float64Array
  readonly values: PackedValues
}

/** A batch whose rows are packed. */
export interface PackedBatch extends Omit<LandBatch, 'rows' | 'history' | 'park'> {
  readonly rows: PackedRows
  readonly history: PackedRows
  readonly park: PackedRows
  readonly causes: readonly string[]
  readonly frames: readonly LandBatch['park'][number]['frame'][]
}

export function packValues(values: readonly (Value | undefined)[]): PackedValues {
  const count = values.length
  const codecs = new Uint8Array(count)
  const rawBytes = new Uint32Array(count)
  const ends = new Uint32Array(count)
  let end = 0
  for (let index = 0; index < count; index += 1) {
    end += values[index]?.bytes.byteLength ?? 0
    ends[index] = end
  }
  const bytes = new Uint8Array(end)
  let at = 0
  for (let index = 0; index < count; index += 1) {
    const value = values[index]
    if (value === undefined) codecs[index] = NO_VALUE
    else {
      codecs[index] = value.codec
      rawBytes[index] = value.rawBytes
      bytes.set(value.bytes, at)
      at += value.bytes.byteLength
    }
  }
  return { codecs, rawBytes, ends, bytes }
}

/** Views into the one buffer, not copies. */
export function unpackValue(packed: PackedValues, index: number): Value | undefined {
  const codec = packed.codecs[index] as number
  if (codec === NO_VALUE) return undefined
  const start = index === 0 ? 0 : (packed.ends[index - 1] as number)
  return {
    codec: codec as Codec,
    rawBytes: packed.rawBytes[index] as number,
    bytes: packed.bytes.subarray(start, packed.ends[index] as number),
  }
}

export function packRows(rows: readonly LandRow[]): PackedRows {
  const count = rows.length
  const collections: string[] = []
  const collectionOf = new Uint32Array(count)
  const versions = new Float64Array(count)
  const keys: string[] = []
  const values: (Value | undefined)[] = []
  let at = -1
  for (let index = 0; index < count; index += 1) {
    const { collection, key, version, value } = rows[index] as LandRow
    if (collections[at] !== collection) {
      at = collections.indexOf(collection)
      if (at < 0) at = collections.push(collection) - 1
    }
    collectionOf[index] = at
    keys.push(key)
    versions[index] = version
    values.push(value)
  }
  return {
    count,
    collections,
    collectionOf,
    keys,
    versions,
    values: packValues(values),
  }
}

export function collectionAt(packed: PackedRows, index: number): string {
  return packed.collections[packed.collectionOf[index] as number] as string
}

export function rowAt(packed: PackedRows, index: number): LandRow {
  return {
    collection: collectionAt(packed, index),
    key: packed.keys[index] as string,
    version: packed.versions[index] as Version,
    value: unpackValue(packed.values, index),
  }
}

export function unpackRows(packed: PackedRows): LandRow[] {
  return Array.from({ length: packed.count }, (_, index) => rowAt(packed, index))
}

export function packBatch(batch: LandBatch): PackedBatch {
  return {
    ...batch,
    rows: packRows(batch.rows),
    history: packRows(batch.history),
    park: packRows(batch.park),
    causes: batch.park.map((row) => row.cause),
    frames: batch.park.map((row) => row.frame),
  }
}

export function unpackPark({ park, causes, frames }: PackedBatch): ParkRow[] {
  return unpackRows(park).map((row, index) => ({
    ...row,
    cause: causes[index] as string,
    frame: frames[index],
  }))
}

export interface PackedHeld {
  readonly versions: Float64Array
  readonly values: PackedValues
}

export function packHeld(held: readonly Held[]): PackedHeld {
  return {
    versions: Float64Array.from(held, (one) => one.version),
    values: packValues(held.map((one) => one.value)),
  }
}

export function unpackHeld(packed: PackedHeld): Held[] {
  return Array.from(packed.versions, (version, index) => ({
    version: version as Version,
    value: unpackValue(packed.values, index),
  }))
}
