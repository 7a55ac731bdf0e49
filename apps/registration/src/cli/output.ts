/** Data goes to stdout, everything for people to stderr. */
import type { Logger } from 'spillway'

export function tell(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function data(value: unknown): void {
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`)
}

/** What the library tells, a line of JSON each; information only where it is asked for. */
export const stderrLogger: Logger = {
  info: () => undefined,
  warn: (fields, message) => tell(JSON.stringify({ level: 'warn', ...fields, message })),
  error: (fields, message) => tell(JSON.stringify({ level: 'error', ...fields, message })),
}

/** One line that is written over where there is a terminal; a line every 10 s where there is none. */
export class ProgressLine {
  #saidMs = 0
  #shown = false

  show(text: string, nowMs: number): void {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${text}`)
      this.#shown = true
    } else if (nowMs - this.#saidMs >= 10_000) {
      this.#saidMs = nowMs
      tell(text)
    }
  }

  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K')
  }
}
