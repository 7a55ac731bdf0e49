/**
 * Rejected lines as CSV: `line,reason,text`. Written in order at each checkpoint; an import that goes on after a
 * crash first cuts off what was written after its checkpoint.
 */
import { mkdir, open, truncate } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface RejectedLine {
  readonly number: number
  readonly reason: string
  readonly text: string
}

const HEADER = 'line,reason,text\n'

export class RejectedFile {
  readonly path: string
  bytes = 0
  #handle: FileHandle | undefined

  constructor(path: string) {
    this.path = path
  }

  /** `bytes` are known to be good: 0 = from the beginning. */
  async start(bytes: number): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true })
    this.#handle = await open(this.path, 'a', 0o600)
    const { size } = await this.#handle.stat()
    this.bytes = Math.min(bytes, size)
    await truncate(this.path, this.bytes)
    if (this.bytes === 0) await this.#write(HEADER)
  }

  async append(lines: readonly RejectedLine[]): Promise<void> {
    if (lines.length === 0) return
    await this.#write(
      lines.map((line) => `${line.number},${quoted(line.reason)},${quoted(line.text)}\n`).join(''),
    )
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #write(text: string): Promise<void> {
    const bytes = Buffer.from(text)
    await this.#handle?.appendFile(bytes)
    this.bytes += bytes.length
  }
}

/** A formula must not run where the file is opened as a sheet. */
function quoted(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}
