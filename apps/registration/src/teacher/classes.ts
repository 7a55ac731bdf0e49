/**
 * What a teacher sees: own classes, who is in them, and how far each is.
 *
 * Who belongs to a class comes from SQL by an index. A list is as old as what the database had at that moment: it is
 * read again 10 s after the moment it is of, so that people who were being imported are not missing for longer because
 * somebody looked early. How far a form is comes through the tier, exact, in one call for the whole class. What a form
 * looks like is worked out once per version of it: a class page costs no JSON of forms that did not change.
 */
import type { JsonRecord } from 'spillway'
import type { Clock } from '../clock.ts'
import type { Form } from '../domain/form.ts'
import { BoundedMap } from '../people/bounded-map.ts'
import { Problem } from '../problem.ts'
import { lagOf } from '../store/landing.ts'
import { instantFromSql } from '../store/sql.ts'
import type { Store } from '../store/store.ts'

export interface OwnClass {
  readonly class: string
  readonly name: string
  readonly highSchool: string
}

export interface RosterEntry {
  readonly candidate: string
  readonly number: string
  readonly name: string
  readonly class: string
}

export type ProgressState = 'not-started' | 'saved' | 'confirmed'

export const PROGRESS_STATES: readonly ProgressState[] = ['not-started', 'saved', 'confirmed']

export interface CandidateProgress extends RosterEntry {
  readonly state: ProgressState
  /** How many. */
  readonly choices: number
  readonly savedAt?: string
}

export interface Counts {
  readonly candidates: number
  readonly notStarted: number
  readonly saved: number
  readonly confirmed: number
}

export interface PastForm {
  readonly version: number
  readonly state: string
  readonly choices: unknown
  readonly receipt: string
  readonly savedAt: string
  readonly confirmedAt?: string
}

interface Kept<T> {
  readonly value: T
  /** What was written before is in it. */
  readonly asOfMs: number
  readonly untilMs: number
}

/** A form as lists need it. */
interface Outline {
  readonly version: number
  readonly state: ProgressState
  readonly choices: readonly string[]
  readonly savedAt: string | undefined
}

const ROSTER_AGE_MS_MAX = 10_000
/** However far the database is behind: it is not asked more often about a list. */
const ROSTER_KEPT_MS_MIN = 1_000
const CLASSES_MAX = 200
const CLASS_SIZE_MAX = 1_000
const TEACHERS_KEPT = 20_000
const ROSTERS_KEPT = 20_000
const OUTLINES_KEPT = 200_000
const HISTORY_MAX = 500

export class Classes {
  readonly #store: Store
  readonly #clock: Clock
  readonly #own = new BoundedMap<string, Kept<readonly OwnClass[]>>(TEACHERS_KEPT)
  readonly #rosters = new BoundedMap<string, Kept<readonly RosterEntry[]>>(ROSTERS_KEPT)
  readonly #outlines = new BoundedMap<string, Outline>(OUTLINES_KEPT)

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  async own(teacher: string): Promise<readonly OwnClass[]> {
    return this.#fresh(this.#own, teacher, () =>
      this.#store.sql.all<OwnClass>(
        `SELECT class, name, high_school AS highSchool FROM school_class WHERE teacher = ? ORDER BY class LIMIT ${CLASSES_MAX}`,
        [teacher],
      ),
    )
  }

  /** A class of this teacher; `not-found` for classes of others too: that they exist is nobody's business. */
  async ownClass(teacher: string, code: string): Promise<OwnClass> {
    const found = (await this.own(teacher)).find((one) => one.class === code)
    if (found === undefined) throw new Problem(404, 'not-found', 'You have no such class.')
    return found
  }

  /** Everybody of these classes, with the age of what the list of who that is was made from. */
  async progress(
    classes: readonly string[],
  ): Promise<{ readonly candidates: CandidateProgress[]; readonly rosterAgeMs: number }> {
    const rosters = await Promise.all(classes.map((code) => this.#roster(code)))
    const parts = await Promise.all(rosters.map((roster) => this.#withForms(roster)))
    return { candidates: parts.flat(), rosterAgeMs: this.#ageOf(classes) }
  }

  /** Those who have this school among their choices. */
  async choosing(candidates: readonly CandidateProgress[], school: string): Promise<CandidateProgress[]> {
    return candidates.filter((one) => this.#outlines.get(one.candidate)?.choices.includes(school) === true)
  }

  /** Newest first, at most 500; what has not landed is not in it. */
  async history(candidate: string): Promise<PastForm[]> {
    const rows = await this.#store.sql.all<{
      readonly version: number
      readonly state: string
      readonly choices: string
      readonly receipt: string
      readonly savedAt: string
      readonly confirmedAt: string | null
    }>(
      `SELECT spillway_version AS version, state, choices, receipt, saved_at AS savedAt, confirmed_at AS confirmedAt
       FROM form_history WHERE candidate = ? AND spillway_deleted = 0 ORDER BY spillway_version DESC LIMIT ${HISTORY_MAX}`,
      [candidate],
    )
    return rows.map((row) => ({
      version: Number(row.version),
      state: row.state,
      choices: JSON.parse(row.choices) as unknown,
      receipt: row.receipt,
      savedAt: instantFromSql(row.savedAt),
      ...(row.confirmedAt === null ? {} : { confirmedAt: instantFromSql(row.confirmedAt) }),
    }))
  }

  async #roster(code: string): Promise<readonly RosterEntry[]> {
    return this.#fresh(this.#rosters, code, () =>
      this.#store.sql.all<RosterEntry>(
        `SELECT candidate, number, name, class FROM candidate WHERE class = ? ORDER BY candidate LIMIT ${CLASS_SIZE_MAX}`,
        [code],
      ),
    )
  }

  async #withForms(roster: readonly RosterEntry[]): Promise<CandidateProgress[]> {
    if (roster.length === 0) return []
    const records = await this.#store.forms.getManyJson(roster.map((one) => one.candidate))
    return roster.map((one, index) => {
      const { state, choices, savedAt } = this.#outline(one.candidate, records[index])
      const { candidate, number, name } = one
      const shown = { candidate, number, name, class: one.class, state, choices: choices.length }
      return savedAt === undefined ? shown : { ...shown, savedAt }
    })
  }

  #outline(candidate: string, record: JsonRecord | undefined): Outline {
    if (record === undefined) return NOT_STARTED
    const known = this.#outlines.get(candidate)
    if (known?.version === record.version) return known
    const form = JSON.parse(Buffer.from(record.json).toString()) as Form
    const outline: Outline = {
      version: record.version,
      state: form.state,
      choices: form.choices.map((choice) => choice.school),
      savedAt: form.savedAt,
    }
    this.#outlines.set(candidate, outline)
    return outline
  }

  async #fresh<T>(kept: BoundedMap<string, Kept<T>>, key: string, read: () => Promise<T>): Promise<T> {
    const nowMs = this.#clock.now()
    const known = kept.get(key)
    if (known !== undefined && nowMs < known.untilMs) return known.value
    // Before the list: what lands in between is in the list all the same.
    const asOfMs = nowMs - (await lagOf(this.#store))
    const value = await read()
    const untilMs = Math.max(asOfMs + ROSTER_AGE_MS_MAX, nowMs + ROSTER_KEPT_MS_MIN)
    kept.set(key, { value, asOfMs, untilMs })
    return value
  }

  #ageOf(classes: readonly string[]): number {
    const nowMs = this.#clock.now()
    return Math.max(0, ...classes.map((code) => nowMs - (this.#rosters.get(code)?.asOfMs ?? nowMs)))
  }
}

const NOT_STARTED: Outline = { version: 0, state: 'not-started', choices: [], savedAt: undefined }

export function countsOf(candidates: readonly CandidateProgress[]): Counts {
  const counts = { candidates: candidates.length, notStarted: 0, saved: 0, confirmed: 0 }
  for (const { state } of candidates) counts[state === 'not-started' ? 'notStarted' : state] += 1
  return counts
}
