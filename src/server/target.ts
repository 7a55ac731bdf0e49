/**
 * What a request's target names: the segments of its path, decoded. Keys are any UTF-8, so a segment is decoded
 * exactly once and strictly; a `/` inside a key travels as `%2F` and never separates.
 */
import { SpillwayError } from '../errors.ts'

/** One percent-encoded segment or query part as text; broken encoding and invalid UTF-8 are `invalid`. */
export function decodePart(part: string, what: string): string {
  for (let at = 0; at < part.length; at += 1) {
    const unit = part.charCodeAt(at)
    if (unit === 0x25) return decodeEscapes(part, what)
    if (unit > 0x7e || unit < 0x21) return refuseRaw(what)
  }
  return part
}

function decodeEscapes(part: string, what: string): string {
  // Raw bytes above ASCII arrive differently from one runtime to the other, so only their escapes are taken.
  // oxlint-disable-next-line no-control-regex -- the control characters are what is looked for
  if (/[^\u0021-\u007e]/.test(part)) return refuseRaw(what)
  try {
    return decodeURIComponent(part)
  } catch (cause) {
    throw new SpillwayError(
      'invalid',
      `${what} is not percent-encoded UTF-8: every % needs two hex digits, and the bytes must be valid UTF-8.`,
      { cause },
    )
  }
}

function refuseRaw(what: string): never {
  throw new SpillwayError('invalid', `${what} has characters that URLs carry only percent-encoded.`)
}
