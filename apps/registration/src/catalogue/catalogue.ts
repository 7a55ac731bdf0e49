/** Schools and their majors in memory, as saves are checked against and pages show them. */
import { gzipSync } from 'node:zlib'
import type { CatalogueLookup } from '../domain/choices.ts'
import type { Major, School } from '../store/collections.ts'

export interface ListedSchool extends School {
  readonly school: string
}

export interface ListedMajor extends Major {
  readonly school: string
  readonly major: string
}

/** JSON of an answer, in both forms that it is asked for. */
export interface PreparedJson {
  readonly plain: Uint8Array
  readonly gzip: Uint8Array
}

export class Catalogue implements CatalogueLookup {
  readonly revision: number
  readonly schoolList: PreparedJson
  readonly #schools = new Map<string, ListedSchool>()
  readonly #majors = new Map<string, Map<string, ListedMajor>>()

  constructor(revision: number, schools: readonly ListedSchool[], majors: readonly ListedMajor[]) {
    this.revision = revision
    for (const school of schools) {
      this.#schools.set(school.school, school)
      this.#majors.set(school.school, new Map())
    }
    for (const major of majors) this.#majors.get(major.school)?.set(major.major, major)
    const listed = schools.map((school) => ({
      ...school,
      majors: this.#majors.get(school.school)?.size ?? 0,
    }))
    const plain = Buffer.from(JSON.stringify({ revision, schools: listed }))
    this.schoolList = { plain, gzip: gzipSync(plain) }
  }

  get schoolCount(): number {
    return this.#schools.size
  }

  hasSchool(school: string): boolean {
    return this.#schools.has(school)
  }

  hasMajor(school: string, major: string): boolean {
    return this.#majors.get(school)?.has(major) === true
  }

  /** Undefined: no such school. */
  schoolWithMajors(school: string): object | undefined {
    const found = this.#schools.get(school)
    if (found === undefined) return undefined
    const majors = [...(this.#majors.get(school)?.values() ?? [])]
    return {
      ...found,
      majors: majors.map(({ major, name, nameEn, seats }) => ({ major, name, nameEn, seats })),
    }
  }
}
