/** The files of an export: the bytes against the proof, and each line against the row of the table. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { FormRow } from './tables.ts'
import type { Choice } from './answers.ts'

interface Proof {
  readonly rows: { readonly all: number; readonly saved: number; readonly confirmed: number }
  readonly choices: number
  readonly file: { readonly name: string; readonly bytes: number; readonly sha256: string }
}

const HEADER = 'candidate,state,version,saves,receipt,saved_at,confirmed_at,choices'

export class ExportFile {
  readonly proof: Proof
  readonly #lines: AsyncIterator<string>
  readonly #found = { bytes: 0, sha256: '' }
  readonly #header: string | undefined
  readonly counted = { all: 0, saved: 0, confirmed: 0, choices: 0 }

  private constructor(
    proof: Proof,
    lines: AsyncIterator<string>,
    header: string | undefined,
    found: { bytes: number; sha256: string },
  ) {
    this.proof = proof
    this.#lines = lines
    this.#header = header
    this.#found = found
  }

  static async open(folder: string): Promise<ExportFile> {
    const proof = JSON.parse(await readFile(join(folder, 'proof.json'), 'utf8')) as Proof
    const path = join(folder, proof.file.name)
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk as Buffer)
      bytes += (chunk as Buffer).length
    }
    const lines = createInterface({ input: createReadStream(path) })[Symbol.asyncIterator]()
    const header = (await lines.next()).value as string | undefined
    return new ExportFile(proof, lines, header, { bytes, sha256: hash.digest('hex') })
  }

  /** The next line must be this row; why it is not. */
  async compare(row: FormRow, choices: readonly Choice[]): Promise<string | undefined> {
    const { value: line } = (await this.#lines.next()) as { value: string | undefined }
    const listed = choices.map((choice) => `${choice.school}-${choice.major}`).join(' ')
    const expected = [
      row.candidate,
      row.state,
      row.version,
      row.saves,
      row.receipt,
      row.savedAt,
      row.confirmedAt ?? '',
      listed,
    ].join(',')
    this.counted.all += 1
    if (row.state === 'saved' || row.state === 'confirmed') this.counted[row.state] += 1
    this.counted.choices += choices.length
    return line === expected ? undefined : `exported as ${line ?? 'nothing'}, the table has ${expected}`
  }

  /** What is wrong with the whole. */
  async problems(): Promise<string[]> {
    const { file, rows, choices } = this.proof
    const problems: string[] = []
    const expect = (what: string, found: unknown, expected: unknown): void => {
      if (found !== expected)
        problems.push(`${what}: ${String(found)}, and not ${String(expected)} as expected`)
    }
    expect('header of the file', this.#header, HEADER)
    expect('bytes of the file', this.#found.bytes, file.bytes)
    expect('SHA-256 of the file', this.#found.sha256, file.sha256)
    expect('rows of the table', this.counted.all, rows.all)
    expect('saved rows', this.counted.saved, rows.saved)
    expect('confirmed rows', this.counted.confirmed, rows.confirmed)
    expect('choices', this.counted.choices, choices)
    expect('end of the file', ((await this.#lines.next()) as { value: unknown }).value, undefined)
    return problems
  }
}
