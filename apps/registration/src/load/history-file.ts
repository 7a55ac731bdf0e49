/** What clients were told, as lines of JSON for the checker; written in large pieces. */
import { closeSync, openSync, writeSync } from 'node:fs'

const PIECE_CHARACTERS = 256 * 1024

export class HistoryFile {
  readonly #file: number
  #piece = ''

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  add(line: object): void {
    this.#piece += `${JSON.stringify(line)}\n`
    if (this.#piece.length > PIECE_CHARACTERS) this.#flush()
  }

  close(): void {
    this.#flush()
    closeSync(this.#file)
  }

  #flush(): void {
    writeSync(this.#file, this.#piece)
    this.#piece = ''
  }
}
