/**
 * Finds where the messages of a Redis connection end (RESP2, both directions), so that a proxy can count what is
 * still to be answered and change servers between two messages.
 */

const CR_LF = Buffer.from('\r\n')
const [BULK, ARRAY] = [0x24, 0x2a]

/** Where the message that begins at `at` ends; undefined while a part of it is missing. */
function endOf(bytes: Buffer, at: number): number | undefined {
  const line = bytes.indexOf(CR_LF, at)
  if (line === -1) return undefined
  const body = line + CR_LF.length
  const size = Number(bytes.toString('latin1', at + 1, line))
  if (bytes[at] === BULK) {
    if (size < 0) return body
    const end = body + size + CR_LF.length
    return end <= bytes.length ? end : undefined
  }
  if (bytes[at] !== ARRAY) return body
  let end: number | undefined = body
  for (let item = 0; item < size && end !== undefined; item += 1) end = endOf(bytes, end)
  return end
}

export class RespFrames {
  #rest: Buffer = Buffer.alloc(0)

  /** Takes what came and returns the messages that are whole by now. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const whole: Buffer[] = []
    let at = 0
    for (;;) {
      const end = endOf(this.#rest, at)
      if (end === undefined) break
      whole.push(this.#rest.subarray(at, end))
      at = end
    }
    this.#rest = this.#rest.subarray(at)
    return whole
  }
}

/** The name of the command in a request, in capitals. */
export function commandOf(frame: Buffer): string {
  return /^\*\d+\r\n\$\d+\r\n([^\r]*)/.exec(frame.toString('latin1', 0, 80))?.[1]?.toUpperCase() ?? ''
}
