/**
 * JSON text as bytes: what has to be known about it before, and beside, `JSON.parse`.
 *
 * `JSON.parse` recurses, so a text nested deep enough ends the process with a stack overflow or burns its memory;
 * and it forgets where a value stood, so bytes could not be kept. Both are answered by scanning the bytes once,
 * with a counter in place of a stack. Only ASCII has a meaning in JSON outside strings, and no byte of a UTF-8
 * sequence is ASCII, so the scan needs no decoding.
 */
import { SpillwayError } from '../errors.ts'
import { decodeUtf8Strict, encodeUtf8 } from './utf8.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Of a string that begins at `at`, the place after its closing quote; the text's end when there is none. */
function endOfString(bytes: Uint8Array, at: number): number {
  for (let next = at + 1; next < bytes.length; next += 1) {
    const byte = bytes[next]
    if (byte === QUOTE) return next + 1
    if (byte === BACKSLASH) next += 1
  }
  return bytes.length
}

/**
 * Rejects with `invalid` a text whose arrays and objects are nested more than `max` deep. Says nothing else about
 * the text: broken JSON passes, and is for `JSON.parse` to find. Texts of at most `max` bytes cost nothing.
 */
export function checkNesting(bytes: Uint8Array, max: number): void {
  if (bytes.length <= max) return
  let depth = 0
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = endOfString(bytes, at) - 1
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      depth += 1
      if (depth > max) {
        throw new SpillwayError(
          'invalid',
          `The JSON is nested more than ${max} deep (at byte ${at}); at most ${max} is taken.`,
        )
      }
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth -= 1
    }
  }
}

/** Where a value stands in a text: its bytes are `bytes.subarray(start, end)`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The first byte from `at` that is not white space. */
function skipSpace(bytes: Uint8Array, at: number): number {
  let next = at
  while (bytes[next] === 0x20 || bytes[next] === 0x0a || bytes[next] === 0x0d || bytes[next] === 0x09)
    next += 1
  return next
}

/** The place after the value that begins at `at`. */
function endOfValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first === QUOTE) return endOfString(bytes, at)
  let next = at
  if (first !== OPEN_ARRAY && first !== OPEN_OBJECT) {
    for (; next < bytes.length; next += 1) {
      const byte = bytes[next] as number
      // What ends a number or a word is white space, a comma or a closing bracket.
      if (byte <= 0x20 || byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) break
    }
    return next
  }
  let depth = 0
  while (next < bytes.length) {
    const byte = bytes[next]
    if (byte === QUOTE) {
      next = endOfString(bytes, next)
      continue
    }
    next += 1
    if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth += 1
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth -= 1
      if (depth === 0) break
    }
  }
  return next
}

/** The items of the array that begins at or after `at`. The text must have passed `JSON.parse`. */
export function itemsOf(bytes: Uint8Array, at = 0): Span[] {
  const spans: Span[] = []
  let next = skipSpace(bytes, skipSpace(bytes, at) + 1)
  while (next < bytes.length && bytes[next] !== CLOSE_ARRAY) {
    const end = endOfValue(bytes, next)
    spans.push({ start: next, end })
    next = skipSpace(bytes, end)
    if (bytes[next] === COMMA) next = skipSpace(bytes, next + 1)
  }
  return spans
}

/**
 * Where the value of the member `name` stands in the object that begins at or after `at`; of several members with
 * this name the last, as `JSON.parse` has it. The text must have passed `JSON.parse`.
 */
export function memberOf(bytes: Uint8Array, name: string, at = 0): Span | undefined {
  const wanted = encodeUtf8(JSON.stringify(name))
  let found: Span | undefined
  let next = skipSpace(bytes, skipSpace(bytes, at) + 1)
  while (next < bytes.length && bytes[next] !== CLOSE_OBJECT) {
    const endOfName = endOfString(bytes, next)
    const start = skipSpace(bytes, skipSpace(bytes, endOfName) + 1)
    const end = endOfValue(bytes, start)
    if (isText(bytes.subarray(next, endOfName), wanted, name)) found = { start, end }
    next = skipSpace(bytes, end)
    if (bytes[next] === COMMA) next = skipSpace(bytes, next + 1)
  }
  return found
}

/** True when the JSON string `quoted` is `text`, whose plain spelling is `wanted`. */
function isText(quoted: Uint8Array, wanted: Uint8Array, text: string): boolean {
  // Spelt with escapes it may be the same text all the same, so it is then read as JSON.
  if (quoted.includes(BACKSLASH)) return JSON.parse(decodeUtf8Strict(quoted)) === text
  return quoted.length === wanted.length && quoted.every((byte, index) => byte === wanted[index])
}

/**
 * The value of a JSON text from outside: valid UTF-8, no byte order mark, nested at most `nestingMax` deep, else
 * `invalid`. Of several members with one name the last counts; `__proto__` is a member like any other.
 */
export function parseJson(bytes: Uint8Array, nestingMax: number): unknown {
  checkNesting(bytes, nestingMax)
  const text = decodeUtf8Strict(bytes)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new SpillwayError(
      'invalid',
      `The JSON is broken: ${cause instanceof Error ? cause.message : String(cause)}.`,
      { cause },
    )
  }
}
