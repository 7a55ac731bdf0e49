/**
 * Who asks for what: the published mix of a deadline evening, forms read 40 : saved 20 : exam info 40 : teachers 4,
 * on candidates of whom some come much more often than others.
 */
import type { Choice } from '../domain/choices.ts'
import { SCHOOLS_MAX, majorCode, majorsOf, schoolCode } from '../generate/people.ts'
import { mixed } from '../generate/seeded.ts'

export type AskKind = 'read' | 'save' | 'exam' | 'teacher'

export const ASK_KINDS: readonly AskKind[] = ['read', 'save', 'exam', 'teacher']

export type Mix = Readonly<Record<AskKind, number>>

export const PUBLISHED_MIX: Mix = { read: 40, save: 20, exam: 40, teacher: 4 }

/** Choices of a saved form: what people fill in, not the most that is allowed. */
const CHOICES_MIN = 4
const CHOICES_SPREAD = 17

/** A sequence of its own for each connection; the same seed asks the same. */
export class Asker {
  readonly #seed: number
  readonly #mix: Mix
  readonly #total: number
  #turn = 0

  constructor(seed: number, mix: Mix) {
    this.#seed = seed
    this.#mix = mix
    this.#total = ASK_KINDS.reduce((sum, kind) => sum + mix[kind], 0)
  }

  kind(): AskKind {
    let left = this.#random() * this.#total
    for (const kind of ASK_KINDS) {
      left -= this.#mix[kind]
      if (left < 0) return kind
    }
    return 'read'
  }

  /** From 0 to `count`, low numbers more often: half of all asks go to an eighth of the candidates. */
  candidate(count: number): number {
    return Math.floor(this.#random() ** 3 * count)
  }

  even(count: number): number {
    return Math.floor(this.#random() * count)
  }

  choices(): Choice[] {
    const count = CHOICES_MIN + this.even(CHOICES_SPREAD)
    const first = this.even(SCHOOLS_MAX)
    return Array.from({ length: count }, (_, n) => {
      // 7 has no common divisor with the 300 schools: none comes twice.
      const school = (first + n * 7) % SCHOOLS_MAX
      return { school: schoolCode(school), major: majorCode(majorsOf(school)[0] as number) }
    })
  }

  #random(): number {
    this.#turn += 1
    return mixed(this.#seed, this.#turn) / 2 ** 32
  }
}
