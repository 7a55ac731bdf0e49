/**
 * Lines of a CSV file, streamed: each with its number, either its fields or why it has none.
 *
 * A record is a line: no field of ours may hold a line end. So a quote in the wrong place spoils its own line and
 * never swallows those after it, and a line without quotes, as nearly all are, is only split at its commas.
 */
import { createReadStream } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { parse } from 'csv-parse/sync'
import { Problem } from '../problem.ts'
import type { Line } from './kinds.ts'

export interface CsvLine {
  /** As an editor counts them: the header is line 1. */
  readonly number: number
  /** Bytes of the file that were read so far. */
  readonly bytes: number
  readonly text: string
  readonly fields: Line | undefined
  readonly problem: string | undefined
}

export interface CsvColumns {
  readonly required: readonly string[]
  readonly optional: readonly string[]
}

const LINE_CHARACTERS_MAX = 16 * 1024
const CHUNK_BYTES = 256 * 1024

/** Throws `invalid` for a header that is not of this kind. A byte order mark and both kinds of line ends are fine. */
export async function* csvLines(path: string, columns: CsvColumns): AsyncGenerator<readonly CsvLine[]> {
  const reader = new LineReader(columns)
  const decoder = new StringDecoder('utf8')
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES })
  let bytes = 0
  for await (const chunk of file as AsyncIterable<Buffer>) {
    bytes += chunk.length
    yield reader.take(decoder.write(chunk), bytes)
  }
  yield reader.end(decoder.end(), bytes)
}

class LineReader {
  readonly #columns: CsvColumns
  #header: readonly string[] | undefined
  #number = 0
  #rest = ''

  constructor(columns: CsvColumns) {
    this.#columns = columns
  }

  take(text: string, bytes: number): CsvLine[] {
    const parts = (this.#rest + text).split('\n')
    this.#rest = parts.pop() as string
    // What is too long is cut where that shows, not kept until memory ends.
    if (this.#rest.length > 2 * LINE_CHARACTERS_MAX) this.#rest = this.#rest.slice(0, LINE_CHARACTERS_MAX + 1)
    const lines: CsvLine[] = []
    for (const part of parts) this.#one(part, bytes, lines)
    return lines
  }

  end(text: string, bytes: number): CsvLine[] {
    const lines = this.take(text, bytes)
    if (this.#rest !== '') this.#one(this.#rest, bytes, lines)
    if (this.#header === undefined)
      throw new Problem(400, 'invalid', `The file is empty: ${wanted(this.#columns)}`)
    return lines
  }

  #one(raw: string, bytes: number, lines: CsvLine[]): void {
    this.#number += 1
    const text = (raw.endsWith('\r') ? raw.slice(0, -1) : raw).trim()
    if (text === '') return
    if (this.#header === undefined) {
      const fields = fieldsOf(text.startsWith('\uFEFF') ? text.slice(1) : text)
      this.#header = checkedHeader(typeof fields === 'string' ? [] : fields, this.#columns)
      return
    }
    const place = { number: this.#number, bytes, text }
    const fields = fieldsOf(text)
    if (typeof fields === 'string') lines.push({ ...place, fields: undefined, problem: fields })
    else if (fields.length !== this.#header.length) {
      const problem = `The line has ${fields.length} fields, the header ${this.#header.length}.`
      lines.push({ ...place, fields: undefined, problem })
    } else lines.push({ ...place, fields: named(this.#header, fields), problem: undefined })
  }
}

function named(header: readonly string[], fields: readonly string[]): Line {
  const line: Record<string, string> = {}
  for (let index = 0; index < header.length; index += 1)
    line[header[index] as string] = fields[index] as string
  return line
}

/** A sentence where the line is no CSV. */
function fieldsOf(text: string): readonly string[] | string {
  if (text.length > LINE_CHARACTERS_MAX) return `The line has more than ${LINE_CHARACTERS_MAX} characters.`
  if (!text.includes('"')) {
    const fields = text.split(',')
    for (let index = 0; index < fields.length; index += 1) fields[index] = (fields[index] as string).trim()
    return fields
  }
  try {
    const [record] = parse(text, { trim: true }) as string[][]
    return record ?? []
  } catch (error) {
    return `The line is no CSV: ${(error as Error).message.replace(' at line 1', '')}`
  }
}

function checkedHeader(given: readonly string[], columns: CsvColumns): readonly string[] {
  const known = [...columns.required, ...columns.optional]
  const missing = columns.required.filter((column) => !given.includes(column))
  const unknown = given.filter((column) => !known.includes(column))
  const twice = given.filter((column, index) => given.indexOf(column) !== index)
  if (missing.length + unknown.length + twice.length === 0) return given
  const problems = [
    ...missing.map((column) => `${column} is missing`),
    ...unknown.map((column) => `${JSON.stringify(column.slice(0, 40))} is unknown`),
    ...twice.map((column) => `${column} is there twice`),
  ]
  throw new Problem(400, 'invalid', `The header does not fit (${problems.join(', ')}): ${wanted(columns)}`)
}

function wanted(columns: CsvColumns): string {
  const optional = columns.optional.length === 0 ? '' : ` and may have ${columns.optional.join(', ')}`
  return `the first line must name ${columns.required.join(', ')}${optional}.`
}
