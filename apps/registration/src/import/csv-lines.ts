/** Lines of a CSV file, streamed: each with its number, either its fields or why it has none. */
import { createReadStream } from 'node:fs'
import { parse } from 'csv-parse'
import { Problem } from '../problem.ts'
import type { Line } from './kinds.ts'

export interface CsvLine {
  /** As an editor counts them: the header is line 1. */
  readonly number: number
  /** Bytes of the file up to the end of this line. */
  readonly bytes: number
  readonly fields: Line | undefined
  readonly problem: string | undefined
}

const LINE_CHARACTERS_MAX = 16 * 1024

interface ParsedRow {
  readonly record: string[]
  readonly info: { readonly lines: number; readonly bytes: number }
}

/** Throws `invalid` for a header that is not of this kind. `bom` and both kinds of line ends are fine. */
export async function* csvLines(
  path: string,
  columns: { readonly required: readonly string[]; readonly optional: readonly string[] },
): AsyncGenerator<CsvLine> {
  const skipped: CsvLine[] = []
  const parser = parse({
    bom: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true,
    max_record_size: LINE_CHARACTERS_MAX,
    // A quote in the wrong place spoils its line only.
    skip_records_with_error: true,
    on_skip: (error) => {
      const place = error as unknown as { readonly lines?: number; readonly bytes?: number } | undefined
      skipped.push({
        number: place?.lines ?? 0,
        bytes: place?.bytes ?? 0,
        fields: undefined,
        problem: error?.message ?? 'The line is no CSV.',
      })
      return undefined
    },
  })
  const file = createReadStream(path, { highWaterMark: 256 * 1024 })
  file.on('error', (error) => parser.destroy(error))
  file.pipe(parser)
  try {
    let header: readonly string[] | undefined
    for await (const row of parser as AsyncIterable<ParsedRow>) {
      const { record, info } = row
      if (header === undefined) {
        header = checkedHeader(record, columns)
        continue
      }
      // The parser reads ahead: only by number does a skipped line come in the same place in every run.
      while (skipped[0] !== undefined && skipped[0].number < info.lines) yield skipped.shift() as CsvLine
      yield asLine(record, info, header)
    }
    yield* skipped.splice(0)
    if (header === undefined) throw new Problem(400, 'invalid', `The file is empty: ${wanted(columns)}`)
  } finally {
    file.destroy()
    parser.destroy()
  }
}

function asLine(record: readonly string[], info: ParsedRow['info'], header: readonly string[]): CsvLine {
  const place = { number: info.lines, bytes: info.bytes }
  if (record.length !== header.length) {
    const problem = `The line has ${record.length} fields, the header ${header.length}.`
    return { ...place, fields: undefined, problem }
  }
  const fields: Record<string, string> = {}
  for (let index = 0; index < header.length; index += 1) {
    fields[header[index] as string] = record[index] as string
  }
  return { ...place, fields, problem: undefined }
}

function checkedHeader(
  given: readonly string[],
  columns: { readonly required: readonly string[]; readonly optional: readonly string[] },
): readonly string[] {
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

function wanted(columns: {
  readonly required: readonly string[]
  readonly optional: readonly string[]
}): string {
  const optional = columns.optional.length === 0 ? '' : ` and may have ${columns.optional.join(', ')}`
  return `the first line must name ${columns.required.join(', ')}${optional}.`
}
