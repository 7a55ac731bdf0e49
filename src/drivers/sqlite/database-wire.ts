/**
 * Rows on their way between the event loop and the worker threads: names and numbers are cloned, all values go in
 * one buffer that is moved. 1,000 rows of 500 bytes cost the event loop 0.6-0.8 ms so, and 5.5-6.1 ms as objects with
 * a copied buffer each (Node 24.21 and Bun 1.4.5, two loaded cores). Without the copy a structured clone would take
 * the whole slab behind each value along.
 */
import type { LandRow } from '../../ports/database.ts'
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
  readonly collections: readonly string[]
  readonly keys: readonly string[]
  readonly versions: Float64Array
  readonly values: PackedValues
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
  return {
    collections: rows.map((row) => row.collection),
    keys: rows.map((row) => row.key),
    versions: Float64Array.from(rows, (row) => row.version),
    values: packValues(rows.map((row) => row.value)),
  }
}

export function unpackRows(packed: PackedRows): LandRow[] {
  return packed.keys.map((key, index) => ({
    collection: packed.collections[index] as string,
    key,
    version: packed.versions[index] as Version,
    value: unpackValue(packed.values, index),
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
