/**
 * One command of Redis's protocol (RESP), written straight into the buffer that goes to the socket.
 *
 *   *<arguments>\r\n  then for each  $<length>\r\n<bytes>\r\n
 *
 * ioredis makes three small buffers of each binary argument; a batch has hundreds of them, and every value of 500
 * bytes would cost more to send than to judge. Here each is copied once.
 */
import type { Version } from '../../model/position.ts'
import type { Value } from '../../model/value.ts'
import { HEADER_BYTES_MAX, headerOf } from './layout.ts'

const CRLF = 0x0a0d
const STAR = 0x2a
const DOLLAR = 0x24
/** `$`, digits of a length, two line ends. */
const FRAME_BYTES = 20

export class CommandBytes {
  #buffer: Buffer
  #at = 0

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

  /** Two parts as one argument. */
  joined(first: Uint8Array, second: Uint8Array): this {
    const length = first.byteLength + second.byteLength
    this.#ensure(length)
    this.#line(DOLLAR, length)
    this.#buffer.set(first, this.#at)
    this.#buffer.set(second, this.#at + first.byteLength)
    this.#at += length
    this.#end()
    return this
  }

  /** A value as it is stored: header and bytes. */
  stored(version: Version, value: Value): this {
    this.#ensure(value.bytes.byteLength + HEADER_BYTES_MAX)
    const header = headerOf(version, value)
    this.#line(DOLLAR, header.byteLength + value.bytes.byteLength)
    this.#buffer.set(header, this.#at)
    this.#at += header.byteLength
    this.#buffer.set(value.bytes, this.#at)
    this.#at += value.bytes.byteLength
    this.#end()
    return this
  }

  done(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }

  #line(mark: number, value: number): void {
    this.#buffer[this.#at] = mark
    this.#at += 1
    this.#at += this.#buffer.write(String(value), this.#at, 'latin1')
    this.#end()
  }

  #end(): void {
    this.#buffer.writeUInt16LE(CRLF, this.#at)
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
