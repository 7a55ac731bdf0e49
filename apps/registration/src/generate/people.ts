/**
 * Generated candidates, classes, teachers, results and a catalogue: plausible, valid, and each a function of its
 * number, so that every tool can work out person number 7 without a list.
 */
import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { idNumber } from '../domain/id-number.ts'
import { bell, mixed, pick } from './seeded.ts'
import { CITIES, GIVEN, MAJORS, REGIONS, SCHOOL_KINDS, SURNAMES } from './words.ts'

export const CLASS_SIZE = 45
const CLASSES_PER_HIGH_SCHOOL = 12
const CLASSES_PER_TEACHER = 2
export const SCHOOLS_MAX = 300
const MAJORS_MIN = 10
const DAYS = 365
const CODE_SIGNS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** ID number of candidate `n`, from 0 to about 10 million. */
export function candidateId(n: number): string {
  const [region] = REGIONS[n % REGIONS.length] as (typeof REGIONS)[number]
  const rest = Math.floor(n / REGIONS.length)
  // Days in an order of their own, so that neighbours do not share birthdays.
  const day = ((rest % DAYS) * 151) % DAYS
  const birth = new Date(Date.UTC(2008, 8, 1 + day)).toISOString().slice(0, 10).replaceAll('-', '')
  return idNumber(region, birth, Math.floor(rest / DAYS) % 1_000)
}

/** The one-time code that candidate or teacher has on paper; needs the key, as the real ones do. */
export function generatedCode(key: KeyObject, person: string): string {
  const bytes = createHmac('sha256', key).update(`generated ${person}`).digest().subarray(0, 12)
  return [...bytes].map((byte) => CODE_SIGNS[byte & 31]).join('')
}

function personName(n: number): string {
  const two = mixed(n, 3) % 5 > 0
  return pick(SURNAMES, n, 0) + pick(GIVEN, n, 1) + (two ? pick(GIVEN, n, 2) : '')
}

interface GeneratedClass {
  readonly code: string
  readonly name: string
  readonly highSchool: string
  readonly teacher: string
}

function classOf(index: number): GeneratedClass {
  const highSchool = Math.floor(index / CLASSES_PER_HIGH_SCHOOL)
  const [region, county] = REGIONS[highSchool % REGIONS.length] as (typeof REGIONS)[number]
  const number = Math.floor(highSchool / REGIONS.length) + 1
  const place = (index % CLASSES_PER_HIGH_SCHOOL) + 1
  return {
    code: `${region}${String(number).padStart(3, '0')}${String(place).padStart(2, '0')}`,
    name: `高三(${place})班`,
    highSchool: `${county}第${number}中学`,
    teacher: teacherLogin(Math.floor(index / CLASSES_PER_TEACHER)),
  }
}

export function teacherLogin(n: number): string {
  return `t${String(n + 1).padStart(5, '0')}`
}

export function classCount(people: number): number {
  return Math.ceil(people / CLASS_SIZE)
}

export function teacherCount(people: number): number {
  return Math.ceil(classCount(people) / CLASSES_PER_TEACHER)
}

export function* candidateLines(
  people: number,
  secretOf: (person: string) => { readonly column: 'one_time_code' | 'secret'; readonly text: string },
): Generator<string> {
  const { column } = secretOf('x')
  yield `id_number,number,name,high_school,class,${column}\n`
  for (let n = 0; n < people; n += 1) {
    const id = candidateId(n)
    const { code, highSchool } = classOf(Math.floor(n / CLASS_SIZE))
    const number = `26${code.slice(0, 6)}${String(n % 1_000_000).padStart(6, '0')}`
    yield `${id},${number},${personName(n)},${highSchool},${code},${secretOf(`candidate/${id}`).text}\n`
  }
}

export function* classLines(people: number): Generator<string> {
  yield 'class,name,high_school,teacher\n'
  for (let index = 0; index < classCount(people); index += 1) {
    const { code, name, highSchool, teacher } = classOf(index)
    yield `${code},${name},${highSchool},${teacher}\n`
  }
}

export function* teacherLines(people: number, codeOf: (person: string) => string): Generator<string> {
  yield 'teacher,name,high_school,one_time_code\n'
  for (let n = 0; n < teacherCount(people); n += 1) {
    const login = teacherLogin(n)
    const { highSchool } = classOf(n * CLASSES_PER_TEACHER)
    yield `${login},${personName(10_000_000 + n)},${highSchool},${codeOf(`teacher/${login}`)}\n`
  }
}

const ELECTIVES = ['chemistry', 'biology', 'politics', 'geography'] as const

/** Scores of candidate `n`: three subjects of 150 and three of 100. */
function scoresOf(n: number): { track: 'physics' | 'history'; subjects: [string, number][]; total: number } {
  const track = mixed(n, 40) % 100 < 62 ? 'physics' : 'history'
  const ability = bell(n, 41)
  const score = (full: number, salt: number): number => {
    const share = 0.64 + 0.11 * ability + 0.06 * bell(n, salt)
    return Math.round(full * Math.min(0.99, Math.max(0.08, share)))
  }
  const first = mixed(n, 42) % 4
  const second = (first + 1 + (mixed(n, 43) % 3)) % 4
  const subjects: [string, number][] = [
    ['chinese', score(150, 44)],
    ['mathematics', score(150, 45)],
    ['english', score(150, 46)],
    [track, score(100, 47)],
    [ELECTIVES[first] as string, score(100, 48)],
    [ELECTIVES[second] as string, score(100, 49)],
  ]
  return { track, subjects, total: subjects.reduce((sum, [, points]) => sum + points, 0) }
}

/** Equal totals share a rank, as they do on the day. */
export function* resultLines(people: number): Generator<string> {
  yield 'id_number,track,subjects,total,rank\n'
  const counts = { physics: new Uint32Array(752), history: new Uint32Array(752) }
  for (let n = 0; n < people; n += 1) {
    const { track, total } = scoresOf(n)
    const counted = counts[track]
    counted[total] = (counted[total] as number) + 1
  }
  const ranks = { physics: ranksOf(counts.physics), history: ranksOf(counts.history) }
  for (let n = 0; n < people; n += 1) {
    const { track, subjects, total } = scoresOf(n)
    const listed = subjects.map(([subject, points]) => `${subject}:${points}`).join(';')
    yield `${candidateId(n)},${track},${listed},${total},${ranks[track][total]}\n`
  }
}

/** Rank of each total: 1 + how many have more. */
function ranksOf(counts: Uint32Array): Uint32Array {
  const ranks = new Uint32Array(counts.length)
  let above = 0
  for (let total = counts.length - 1; total >= 0; total -= 1) {
    ranks[total] = above + 1
    above += counts[total] as number
  }
  return ranks
}

export function schoolCode(index: number): string {
  return String(10_001 + index)
}

/** Majors that school `index` offers, as indexes into MAJORS. */
export function majorsOf(index: number): number[] {
  const count = MAJORS_MIN + (mixed(index, 60) % 11)
  const first = mixed(index, 61) % MAJORS.length
  // 7 has no common divisor with the 40 majors: none comes twice.
  return Array.from({ length: count }, (_, n) => (first + n * 7) % MAJORS.length)
}

export function majorCode(major: number): string {
  return String(101 + major).padStart(4, '0')
}

export function* schoolLines(schools: number): Generator<string> {
  yield 'school,name,name_en,city\n'
  for (let index = 0; index < schools; index += 1) {
    const [city, cityEn] = CITIES[index % CITIES.length] as (typeof CITIES)[number]
    const [kind, kindEn] = SCHOOL_KINDS[Math.floor(index / CITIES.length)] as (typeof SCHOOL_KINDS)[number]
    yield `${schoolCode(index)},${city}${kind},${cityEn} ${kindEn},${city}\n`
  }
}

export function* majorLines(schools: number): Generator<string> {
  yield 'school,major,name,name_en,seats\n'
  for (let index = 0; index < schools; index += 1) {
    for (const major of majorsOf(index)) {
      const [name, nameEn] = MAJORS[major] as (typeof MAJORS)[number]
      yield `${schoolCode(index)},${majorCode(major)},${name},${nameEn},${20 + (mixed(index, major) % 100)}\n`
    }
  }
}
