/** What candidates choose: an ordered list of school and major, all of the catalogue, none of them twice. */

export interface Choice {
  readonly school: string
  readonly major: string
}

/** What a list of choices is checked against. */
export interface CatalogueLookup {
  hasSchool(school: string): boolean
  hasMajor(school: string, major: string): boolean
}

export interface ChoiceProblem {
  /** Of the choice, from 0; null where it is about the list. */
  readonly index: number | null
  readonly code: 'malformed' | 'unknown-school' | 'unknown-major' | 'duplicate' | 'too-many' | 'empty'
  readonly detail: string
}

export type CheckedChoices =
  | { readonly ok: true; readonly choices: readonly Choice[] }
  | { readonly ok: false; readonly problems: readonly ChoiceProblem[] }

/** All problems at once, so that a page can mark every line. `given` is what came over the wire. */
export function checkChoices(given: unknown, catalogue: CatalogueLookup, choicesMax: number): CheckedChoices {
  if (!Array.isArray(given)) return refused(null, 'malformed', 'choices must be a list of {school, major}.')
  if (given.length === 0)
    return refused(null, 'empty', 'A form has at least one choice; to change it later is allowed.')
  if (given.length > choicesMax)
    return refused(null, 'too-many', `A form has at most ${choicesMax} choices; these are ${given.length}.`)
  const choices: Choice[] = []
  const problems: ChoiceProblem[] = []
  const seen = new Map<string, number>()
  given.forEach((one: unknown, index) => {
    const choice = asChoice(one)
    if (choice === undefined) {
      problems.push({ index, code: 'malformed', detail: 'A choice is {school, major}, both codes as text.' })
      return
    }
    const problem = problemOf(choice, catalogue, seen)
    if (problem !== undefined) problems.push({ index, ...problem })
    seen.set(`${choice.school}/${choice.major}`, index)
    choices.push(choice)
  })
  return problems.length === 0 ? { ok: true, choices } : { ok: false, problems }
}

function problemOf(
  { school, major }: Choice,
  catalogue: CatalogueLookup,
  seen: ReadonlyMap<string, number>,
): Omit<ChoiceProblem, 'index'> | undefined {
  const before = seen.get(`${school}/${major}`)
  if (before !== undefined) return { code: 'duplicate', detail: `It is the same as choice ${before + 1}.` }
  if (!catalogue.hasSchool(school))
    return { code: 'unknown-school', detail: `School ${school} is not in the catalogue.` }
  if (!catalogue.hasMajor(school, major))
    return { code: 'unknown-major', detail: `School ${school} offers no major ${major}.` }
  return undefined
}

/** Exactly the two fields: what else a client sends would be lost without a word. */
function asChoice(one: unknown): Choice | undefined {
  if (one === null || typeof one !== 'object' || Object.keys(one).length !== 2) return undefined
  const { school, major } = one as Partial<Record<keyof Choice, unknown>>
  if (typeof school !== 'string' || typeof major !== 'string') return undefined
  return school.length <= 16 && major.length <= 16 ? { school, major } : undefined
}

function refused(index: null, code: ChoiceProblem['code'], detail: string): CheckedChoices {
  return { ok: false, problems: [{ index, code, detail }] }
}
