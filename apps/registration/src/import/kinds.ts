/**
 * What can be imported: per kind the columns of its CSV and how a line becomes a record. A line that is none says
 * why; the import goes on with the next.
 */
import type { KeyObject } from 'node:crypto'
import { idNumberProblem, normalIdNumber } from '../domain/id-number.ts'
import { isLogin } from '../domain/person.ts'
import { NO_SECRET, codeSecret, isReadySecret } from '../people/secret.ts'
import { credentialKey } from '../people/sign-in.ts'

export type ImportKind = 'schools' | 'majors' | 'classes' | 'teachers' | 'candidates' | 'results'

export const IMPORT_KINDS: readonly ImportKind[] = [
  'schools',
  'majors',
  'teachers',
  'classes',
  'candidates',
  'results',
]

export interface ImportedRecord {
  readonly key: string
  readonly value: object
}

/** Fields of a line by the name of their column; what the file lacks is empty. */
export type Line = Readonly<Record<string, string>>

export interface KindSpec {
  readonly collection: string
  /** Of its table: the key's, and those of the value by field in the order in which `record` has them. */
  readonly key: readonly string[]
  readonly columns: Readonly<Record<string, string | { readonly json: string }>>
  readonly required: readonly string[]
  readonly optional: readonly string[]
  /** A record, or why the line is none. */
  readonly record: (line: Line, codeKey: KeyObject) => ImportedRecord | string
  /** Whether the catalogue in memory has to be read again afterwards. */
  readonly isCatalogue: boolean
}

const CODE = /^[0-9A-Za-z]{1,16}$/
const NUMBER = /^\d{14}$/
const NAME_LENGTH_MAX = 120
const TRACKS = ['physics', 'history']

export const KINDS: Readonly<Record<ImportKind, KindSpec>> = {
  schools: {
    collection: 'school',
    key: ['school'],
    columns: { name: 'name', nameEn: 'name_en', city: 'city' },
    required: ['school', 'name', 'name_en', 'city'],
    optional: [],
    isCatalogue: true,
    record: (line) =>
      codeProblem(line, 'school') ??
      nameProblem(line, 'name', 'name_en', 'city') ?? {
        key: at(line, 'school'),
        value: { name: at(line, 'name'), nameEn: at(line, 'name_en'), city: at(line, 'city') },
      },
  },
  majors: {
    collection: 'major',
    key: ['school', 'major'],
    columns: { name: 'name', nameEn: 'name_en', seats: 'seats' },
    required: ['school', 'major', 'name', 'name_en', 'seats'],
    optional: [],
    isCatalogue: true,
    record: (line) =>
      codeProblem(line, 'school', 'major') ??
      nameProblem(line, 'name', 'name_en') ??
      wholeProblem(line, 'seats', 0, 100_000) ?? {
        key: `${at(line, 'school')}/${at(line, 'major')}`,
        value: { name: at(line, 'name'), nameEn: at(line, 'name_en'), seats: Number(at(line, 'seats')) },
      },
  },
  classes: {
    collection: 'school_class',
    key: ['class'],
    columns: { name: 'name', highSchool: 'high_school', teacher: 'teacher' },
    required: ['class', 'name', 'high_school', 'teacher'],
    optional: [],
    isCatalogue: false,
    record: (line) =>
      codeProblem(line, 'class') ??
      nameProblem(line, 'name', 'high_school') ??
      loginProblem(line, 'teacher') ?? {
        key: at(line, 'class'),
        value: { name: at(line, 'name'), highSchool: at(line, 'high_school'), teacher: at(line, 'teacher') },
      },
  },
  teachers: {
    collection: 'teacher',
    key: ['teacher'],
    columns: { name: 'name', highSchool: 'high_school', firstSecret: 'first_secret' },
    required: ['teacher', 'name', 'high_school'],
    optional: ['one_time_code', 'secret'],
    isCatalogue: false,
    record: (line, codeKey) => {
      const problem = loginProblem(line, 'teacher') ?? nameProblem(line, 'name', 'high_school')
      if (problem !== undefined) return problem
      const teacher = at(line, 'teacher')
      const firstSecret = secretOf(line, credentialKey({ role: 'teacher', id: teacher }), codeKey)
      if (firstSecret === undefined) return BAD_SECRET
      return {
        key: teacher,
        value: { name: at(line, 'name'), highSchool: at(line, 'high_school'), firstSecret },
      }
    },
  },
  candidates: {
    collection: 'candidate',
    key: ['candidate'],
    columns: {
      number: 'number',
      name: 'name',
      highSchool: 'high_school',
      class: 'class',
      firstSecret: 'first_secret',
    },
    required: ['id_number', 'number', 'name', 'high_school', 'class'],
    optional: ['one_time_code', 'secret'],
    isCatalogue: false,
    record: (line, codeKey) => {
      const candidate = normalIdNumber(at(line, 'id_number'))
      const number = at(line, 'number')
      const problem = idNumberProblem(candidate) ?? nameProblem(line, 'name', 'high_school')
      if (problem !== undefined) return problem
      if (!NUMBER.test(number)) return `number must have 14 digits; it is ${shown(number)}.`
      const classProblem = codeProblem(line, 'class')
      if (classProblem !== undefined) return classProblem
      const firstSecret = secretOf(line, credentialKey({ role: 'candidate', id: candidate }), codeKey)
      if (firstSecret === undefined) return BAD_SECRET
      return {
        key: candidate,
        value: {
          number,
          name: at(line, 'name'),
          highSchool: at(line, 'high_school'),
          class: at(line, 'class'),
          firstSecret,
        },
      }
    },
  },
  results: {
    collection: 'exam_result',
    key: ['candidate'],
    columns: { track: 'track', subjects: { json: 'subjects' }, total: 'total', rank: 'rank_in_track' },
    required: ['id_number', 'track', 'subjects', 'total', 'rank'],
    optional: [],
    isCatalogue: false,
    record: (line) => {
      const candidate = normalIdNumber(at(line, 'id_number'))
      const problem =
        idNumberProblem(candidate) ??
        wholeProblem(line, 'total', 0, 750) ??
        wholeProblem(line, 'rank', 1, 10_000_000)
      if (problem !== undefined) return problem
      const track = at(line, 'track')
      if (!TRACKS.includes(track)) return `track must be one of ${TRACKS.join(', ')}; it is ${shown(track)}.`
      const subjects = subjectsOf(at(line, 'subjects'))
      const total = Number(at(line, 'total'))
      if (subjects === undefined)
        return `subjects must be like "chinese:120;mathematics:135"; it is ${shown(at(line, 'subjects'))}.`
      const sum = subjects.reduce((scores, one) => scores + one.score, 0)
      if (sum !== total) return `The scores add up to ${sum}, total says ${total}.`
      return { key: candidate, value: { track, subjects, total, rank: Number(at(line, 'rank')) } }
    },
  },
}

const BAD_SECRET = 'secret must be scrypt$N$r$p$salt$hash or code$mac, and goes without one_time_code.'

/** A ready secret as it is, a one-time code as its keyed hash; neither: staff has to reset before anyone signs in. */
function secretOf(line: Line, person: string, codeKey: KeyObject): string | undefined {
  const code = at(line, 'one_time_code')
  const ready = at(line, 'secret')
  if (ready !== '') return code === '' && isReadySecret(ready) ? ready : undefined
  return code === '' ? NO_SECRET : codeSecret(codeKey, person, code)
}

function subjectsOf(text: string): { subject: string; score: number }[] | undefined {
  const subjects: { subject: string; score: number }[] = []
  for (const part of text.split(';')) {
    const match = /^([a-z]{2,24}):(\d{1,3})$/.exec(part.trim())
    if (match === null) return undefined
    subjects.push({ subject: match[1] as string, score: Number(match[2]) })
  }
  return subjects.length <= 12 ? subjects : undefined
}

function at(line: Line, column: string): string {
  return line[column] ?? ''
}

function codeProblem(line: Line, ...columns: readonly string[]): string | undefined {
  const wrong = columns.find((column) => !CODE.test(at(line, column)))
  return wrong && `${wrong} must have 1 to 16 letters or digits; it is ${shown(at(line, wrong))}.`
}

function nameProblem(line: Line, ...columns: readonly string[]): string | undefined {
  for (const column of columns) {
    const name = at(line, column)
    if (name === '') return `${column} is empty.`
    if (name.length > NAME_LENGTH_MAX) return `${column} is longer than ${NAME_LENGTH_MAX} characters.`
    if (!name.isWellFormed() || /[\p{Cc}\uFFFD]/u.test(name))
      return `${column} has characters that no name has: ${shown(name)}. Is the file UTF-8?`
  }
  return undefined
}

function loginProblem(line: Line, column: string): string | undefined {
  if (isLogin(at(line, column))) return undefined
  return `${column} must be a login (a letter, then letters, digits, _ or -); it is ${shown(at(line, column))}.`
}

function wholeProblem(line: Line, column: string, min: number, max: number): string | undefined {
  const text = at(line, column)
  if (/^\d{1,8}$/.test(text) && Number(text) >= min && Number(text) <= max) return undefined
  return `${column} must be a whole number from ${min} to ${max}; it is ${shown(text)}.`
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
}
