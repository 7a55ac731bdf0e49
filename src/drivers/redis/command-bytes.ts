/**
 * One command of Redis's protocol (RESP), written straight into the buffer that goes to the socket.
 *
 *   *<arguments>\r\n  then for each  $<length>\r\n<bytes>\r\n
 *
 * ioredis makes three small buffers of each binary argument; a batch has hundreds of them, and every value of 500
 * bytes would cost more to send than to judge. Here each is copied once.
 */
import type { EntryWriter } from '../../model/entry-codec.ts'
import type { Version } from '../../model/position.ts'
import type { Value } from '../../model/value.ts'
import { HEADER_BYTES_MAX, writeHeader } from './layout.ts'

const CR = 0x0d
const LF = 0x0a
const ZERO = 0x30
const STAR = 0x2a
const DOLLAR = 0x24
/** `$`, digits of a length, two line ends. */
const FRAME_BYTES = 20

export class CommandBytes {
  #buffer: Buffer
  #at = 0
  readonly #header = Buffer.allocUnsafe(HEADER_BYTES_MAX)

  /** Writes into `buffer`, and into a larger one of its own when that is full. */
  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  /** What it wrote into, to be used again once the command has been answered. */
  get buffer(): Buffer {
    return this.#buffer
  }

  /** Begins with how many arguments there will be, the command among them. */
  count(args: number): this {
    this.#ensure(0)
    this.#line(STAR, args)
    return this
  }

  /** ASCII. */
  text(value: string | number): this {
    const text = typeof value === 'string' ? value : String(value)
    this.#ensure(text.length)
    this.#line(DOLLAR, text.length)
    this.#at += this.#buffer.write(text, this.#at, 'latin1')
    this.#end()
    return this
  }

  bytes(value: Uint8Array): this {
    this.#ensure(value.byteLength)
    this.#line(DOLLAR, value.byteLength)
    this.#buffer.set(value, this.#at)
    this.#at += value.byteLength
    this.#end()
    return this
  }

  /** A prefix and bytes `from` to `end` of `source` as one argument; no view is made of those. */
  joined(prefix: Buffer, source: Buffer, from: number, end: number): this {
    const length = prefix.byteLength + end - from
    this.#ensure(length)
    this.#line(DOLLAR, length)
    this.#at += prefix.copy(this.#buffer, this.#at)
    this.#at += source.copy(this.#buffer, this.#at, from, end)
    this.#end()
    return this
  }

  /** What the writer has written. */
  entries(writer: EntryWriter): this {
    this.#ensure(writer.length)
    this.#line(DOLLAR, writer.length)
    writer.copyTo(this.#buffer, this.#at)
    this.#at += writer.length
    this.#end()
    return this
  }

  /** A value as it is stored: header and bytes. */
  stored(version: Version, value: Value): this {
    const { bytes } = value
    this.#ensure(bytes.byteLength + HEADER_BYTES_MAX)
    const headerBytes = writeHeader(this.#header, 0, version, value)
    this.#line(DOLLAR, headerBytes + bytes.byteLength)
    this.#at += this.#header.copy(this.#buffer, this.#at, 0, headerBytes)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.byteLength
    this.#end()
    return this
  }

  done(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  /** Digit by digit: a call into the runtime costs more than the few that there are. */
  #line(mark: number, value: number): void {
    this.#buffer[this.#at] = mark
    let digits = 1
    for (let rest = value; rest >= 10; rest = Math.trunc(rest / 10)) digits += 1
    let rest = value
    for (let at = this.#at + digits; at > this.#at; at -= 1) {
      this.#buffer[at] = ZERO + (rest % 10)
      rest = Math.trunc(rest / 10)
    }
    this.#at += 1 + digits
    this.#end()
  }

  #end(): void {
    this.#buffer[this.#at] = CR
    this.#buffer[this.#at + 1] = LF
    this.#at += 2
  }

  #ensure(bytes: number): void {
    const needed = this.#at + bytes + FRAME_BYTES
    if (needed <= this.#buffer.byteLength) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.byteLength * 2))
    grown.set(this.#buffer.subarray(0, this.#at))
    this.#buffer = grown
  }
}
