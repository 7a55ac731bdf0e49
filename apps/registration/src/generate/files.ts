/** The generated data as CSV files, as a ministry would send them. */
import type { KeyObject } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ImportKind } from '../import/kinds.ts'
import { codeSecret } from '../people/secret.ts'
import {
  SCHOOLS_MAX,
  candidateLines,
  classLines,
  generatedCode,
  majorLines,
  resultLines,
  schoolLines,
  teacherLines,
} from './people.ts'

export interface GenerateOptions {
  readonly people: number
  readonly folder: string
  readonly codeKey: KeyObject
  /** Keyed hashes instead of the codes themselves. */
  readonly readySecrets: boolean
  /** Schools of the catalogue; default and most: 300. */
  readonly schools?: number
}

const CHUNK_CHARACTERS = 64 * 1024

/** Paths of the files by kind, in the order in which they are to be imported. */
export async function generateFiles(options: GenerateOptions): Promise<[ImportKind, string][]> {
  const { people, folder, codeKey, schools = SCHOOLS_MAX } = options
  const codeOf = (person: string): string => generatedCode(codeKey, person)
  await mkdir(folder, { recursive: true })
  const contents: [ImportKind, Generator<string>][] = [
    ['schools', schoolLines(schools)],
    ['majors', majorLines(schools)],
    ['teachers', teacherLines(people, codeOf)],
    ['classes', classLines(people)],
    [
      'candidates',
      candidateLines(people, (person) =>
        options.readySecrets
          ? { column: 'secret', text: codeSecret(codeKey, person, codeOf(person)) }
          : { column: 'one_time_code', text: codeOf(person) },
      ),
    ],
    ['results', resultLines(people)],
  ]
  const files: [ImportKind, string][] = []
  for (const [kind, lines] of contents) {
    const path = join(folder, `${kind}.csv`)
    await pipeline(Readable.from(inChunks(lines)), createWriteStream(path))
    files.push([kind, path])
  }
  return files
}

function* inChunks(lines: Iterable<string>): Generator<string> {
  let chunk = ''
  for (const line of lines) {
    chunk += line
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield chunk
    chunk = ''
  }
  yield chunk
}
