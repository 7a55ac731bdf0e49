/**
 * The rules.
 *
 *  told       every save that was answered with a version is in the history with that version, with the same
 *             choices, receipt and time; no version was told twice for different saves
 *  standing   the row of a form is the newest of its history, in every column
 *  chain      saves count 1, 2, 3 …; a confirmation changes nothing but the state; nothing follows it
 *  unasked    of a candidate whose answers we have, every row was asked for: answered, or its outcome unknown
 *  reads      a client never sees an older version than it saw or was told; what it saw is in the history
 *  receipts   with the secret: every receipt fits its row, also of candidates whose answers we do not have
 *  export     the file is the table, and the proof is of the file
 */
import type { Answer, Answers, Choice } from './answers.ts'
import type { ExportFile } from './export.ts'
import { receiptOf } from './receipt.ts'
import type { CandidateRows, FormRow } from './tables.ts'

export interface VerdictOptions {
  readonly receiptKey: Uint8Array | undefined
  readonly exported: ExportFile | undefined
  readonly others: boolean
}

const PROBLEMS_SHOWN = 50

export class Verdict {
  readonly #answers: Answers
  readonly #options: VerdictOptions
  readonly #seen = new Set<string>()
  readonly #problems: { readonly candidate: string; readonly rule: string; readonly detail: string }[] = []
  #problemCount = 0
  readonly #counts = { forms: 0, versions: 0, told: 0, unknown: 0, unknownThatCount: 0, refused: 0, reads: 0 }

  constructor(answers: Answers, options: VerdictOptions) {
    this.#answers = answers
    this.#options = options
    for (const line of answers.broken) this.#fault('', 'history', line)
  }

  get ok(): boolean {
    return this.#problemCount === 0
  }

  async judge({ candidate, form, history }: CandidateRows): Promise<void> {
    this.#seen.add(candidate)
    this.#counts.versions += history.length
    if (form !== undefined) this.#counts.forms += 1
    const answers = this.#answers.byCandidate.get(candidate)
    this.#standing(candidate, form, history)
    this.#chain(candidate, history)
    this.#receipts(history)
    if (answers !== undefined) this.#told(candidate, answers, history)
    if (form === undefined || this.#options.exported === undefined) return
    const problem = await this.#options.exported.compare(form, choicesOf(form))
    if (problem !== undefined) this.#fault(candidate, 'export', problem)
  }

  /** Candidates without any row, and the export as a whole. */
  async end(): Promise<void> {
    for (const [candidate, answers] of this.#answers.byCandidate) {
      if (!this.#seen.has(candidate)) this.#told(candidate, answers, [])
    }
    for (const problem of (await this.#options.exported?.problems()) ?? []) this.#fault('', 'export', problem)
  }

  summary(): object {
    return {
      ok: this.ok,
      answers: this.#answers.lines,
      candidates: this.#answers.byCandidate.size,
      ...this.#counts,
      receiptsChecked: this.#options.receiptKey !== undefined,
      exportChecked: this.#options.exported !== undefined,
      problems: this.#problemCount,
      first: this.#problems,
    }
  }

  #standing(candidate: string, form: FormRow | undefined, history: readonly FormRow[]): void {
    const newest = history.at(-1)
    if (form === undefined) {
      if (newest?.deleted !== true) this.#fault(candidate, 'standing', 'there is a history and no form')
      return
    }
    if (newest === undefined) return this.#fault(candidate, 'standing', 'there is a form and no history')
    const [a, b] = [rowText(form), rowText(newest)]
    if (a !== b) this.#fault(candidate, 'standing', `the form is ${a}, its newest version ${b}`)
  }

  #chain(candidate: string, history: readonly FormRow[]): void {
    let before: FormRow | undefined
    for (const row of history) {
      const expected = (before?.saves ?? 0) + (row.state === 'confirmed' ? 0 : 1)
      if (row.saves !== expected)
        this.#fault(candidate, 'chain', `version ${row.version} is save ${row.saves}, and not ${expected}`)
      if (before?.state === 'confirmed')
        this.#fault(candidate, 'chain', `version ${row.version} comes after the confirmation`)
      if (row.state === 'confirmed' && (row.receipt !== before?.receipt || row.choices !== before.choices))
        this.#fault(candidate, 'chain', `the confirmation ${row.version} changed the form`)
      before = row
    }
  }

  #receipts(history: readonly FormRow[]): void {
    const { receiptKey } = this.#options
    if (receiptKey === undefined) return
    for (const row of history) {
      const expected = receiptOf(receiptKey, row.candidate, row.savedAt, choicesOf(row))
      if (row.receipt !== expected)
        this.#fault(
          row.candidate,
          'receipts',
          `version ${row.version} has ${row.receipt}, and not ${expected}`,
        )
    }
  }

  #told(candidate: string, answers: readonly Answer[], history: readonly FormRow[]): void {
    const byVersion = new Map(history.map((row) => [row.version, row]))
    const claimed = new Set<number>()
    let newest = 0
    for (const answer of answers) {
      if (answer.outcome === 'refused') this.#counts.refused += 1
      if (answer.outcome === 'unknown') this.#counts.unknown += 1
      if (answer.kind !== 'read' && answer.outcome !== 'saved') continue
      const version = answer.version ?? 0
      if (answer.kind === 'read') this.#counts.reads += 1
      else this.#counts.told += 1
      if (version < newest)
        this.#fault(candidate, 'reads', `${answer.kind} answered version ${version} after version ${newest}`)
      newest = Math.max(newest, version)
      if (version === 0) continue
      const row = byVersion.get(version)
      const problem = row === undefined ? 'is not in the database' : differs(answer, row)
      if (problem !== undefined)
        this.#fault(candidate, answer.kind === 'read' ? 'reads' : 'told', `version ${version} ${problem}`)
      if (answer.kind === 'read') continue
      if (claimed.has(version)) this.#fault(candidate, 'told', `version ${version} was told for two saves`)
      claimed.add(version)
    }
    this.#unasked(candidate, answers, history, claimed)
  }

  #unasked(
    candidate: string,
    answers: readonly Answer[],
    history: readonly FormRow[],
    claimed: ReadonlySet<number>,
  ): void {
    const open = answers.filter((answer) => answer.outcome === 'unknown')
    for (const row of history) {
      if (claimed.has(row.version)) continue
      const at = open.findIndex((answer) => mayBe(answer, row))
      if (at >= 0) {
        open.splice(at, 1)
        this.#counts.unknownThatCount += 1
      } else if (!this.#options.others)
        this.#fault(candidate, 'unasked', `version ${row.version} was asked for by nobody`)
    }
  }

  #fault(candidate: string, rule: string, detail: string): void {
    this.#problemCount += 1
    if (this.#problems.length < PROBLEMS_SHOWN) this.#problems.push({ candidate, rule, detail })
  }
}

function differs(answer: Answer, row: FormRow): string | undefined {
  const state = answer.kind === 'confirm' ? 'confirmed' : 'saved'
  if (answer.kind !== 'read' && row.state !== state) return `was ${state}, the database has ${row.state}`
  if (answer.receipt !== undefined && answer.receipt !== row.receipt)
    return `had receipt ${answer.receipt}, the database has ${row.receipt}`
  if (answer.savedAt !== undefined && answer.savedAt !== row.savedAt)
    return `was saved at ${answer.savedAt}, the database has ${row.savedAt}`
  if (answer.kind === 'confirm' && (answer.confirmedAt ?? null) !== row.confirmedAt)
    return `was confirmed at ${String(answer.confirmedAt)}, the database has ${String(row.confirmedAt)}`
  if (answer.choices !== undefined && listOf(answer.choices) !== listOf(choicesOf(row)))
    return `had the choices ${listOf(answer.choices)}, the database has ${listOf(choicesOf(row))}`
  return undefined
}

/** Whether a row can be the work of a save whose answer never came. */
function mayBe(answer: Answer, row: FormRow): boolean {
  if (answer.kind === 'confirm') return row.state === 'confirmed'
  return (
    row.state === 'saved' &&
    (answer.choices === undefined || listOf(answer.choices) === listOf(choicesOf(row)))
  )
}

function choicesOf(row: FormRow): readonly Choice[] {
  try {
    return JSON.parse(row.choices) as readonly Choice[]
  } catch {
    return []
  }
}

function listOf(choices: readonly Choice[]): string {
  return choices.map((choice) => `${choice.school}/${choice.major}`).join(' ')
}

function rowText(row: FormRow): string {
  const { version, state, choices, saves, receipt, savedAt, confirmedAt } = row
  return JSON.stringify([version, state, choices, saves, receipt, savedAt, confirmedAt])
}
