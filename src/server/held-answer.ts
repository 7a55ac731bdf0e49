/**
 * The answer to a read of what memory holds, put together where the value was copied to:
 *
 *   [          {"collection":"forms","key":"k","version":137438953473,"value": | {"a":1} | } |         ]
 *                                                                              ^ VALUE_AT
 *
 * The head is written backwards from there, because its length is known only when the version is. The listeners take
 * a copy before the next request is seen, so that one buffer serves all. As strings the same costs 1 us more on Bun:
 * each is memory that lies idle until the collector finds it, and is cold when it is used again.
 */

/** A name of 63 characters, a key of 512 bytes with six characters for each, and what stands around them. */
export const VALUE_AT = 4_096
/** Longer values are answered on the other way. */
const VALUE_BYTES_MAX = 16 * 1_024
const CLOSE = 0x7d
const QUOTE = 0x22
const BACKSLASH = 0x5c

export class HeldAnswer {
  /** Where the value goes, at `VALUE_AT`; one byte behind it is for the closing brace. */
  readonly bytes: Uint8Array
  readonly #all: Buffer

  constructor() {
    this.#all = Buffer.allocUnsafeSlow(VALUE_AT + VALUE_BYTES_MAX + 1)
    this.bytes = this.#all.subarray(0, VALUE_AT + VALUE_BYTES_MAX)
  }

  /** The whole answer around a value of so many bytes. Good until the next one is made. */
  around(collection: string, key: string, version: string, valueBytes: number): Uint8Array {
    let at = this.#before(VALUE_AT, ',"value":')
    at = this.#before(at, version)
    at = this.#before(at, ',"version":')
    at = this.#key(at, key)
    at = this.#before(at, '","key":')
    at = this.#before(at, collection)
    at = this.#before(at, '{"collection":"')
    const end = VALUE_AT + valueBytes
    this.#all[end] = CLOSE
    return this.#all.subarray(at, end + 1)
  }

  /** Writes text of ASCII so that it ends before `end`; where it begins. */
  #before(end: number, text: string): number {
    const all = this.#all
    const start = end - text.length
    for (let index = 0; index < text.length; index += 1) all[start + index] = text.charCodeAt(index)
    return start
  }

  #key(end: number, key: string): number {
    const all = this.#all
    const start = end - key.length - 2
    all[start] = QUOTE
    for (let index = 0; index < key.length; index += 1) {
      const unit = key.charCodeAt(index)
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) return this.#escaped(end, key)
      all[start + 1 + index] = unit
    }
    all[end - 1] = QUOTE
    return start
  }

  #escaped(end: number, key: string): number {
    const quoted = JSON.stringify(key)
    const start = end - Buffer.byteLength(quoted)
    this.#all.write(quoted, start, 'utf8')
    return start
  }
}
