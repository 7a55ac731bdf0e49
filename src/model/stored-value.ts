/**
 * A value in the one blob that a shared table has for it.
 *
 *   plain        the JSON text itself, so that any SQL tool can read it
 *   compressed   the self-describing frame of `kit/codec`: its first byte is 1, which no JSON text begins with
 */
import { frame, unframe } from '../kit/codec.ts'
import { CODEC, plainValue } from './value.ts'
import type { Value } from './value.ts'

const FRAMED = 1

export function toBlob(value: Value): Uint8Array {
  return value.codec === CODEC.plain ? value.bytes : frame(value)
}

/** A view into the blob, not a copy. */
export function fromBlob(blob: Uint8Array): Value {
  return blob[0] === FRAMED ? unframe(blob) : plainValue(blob)
}
