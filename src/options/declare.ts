/**
 * How an option is declared: once, as data. From the declaration follow its type, its validation, its flag and
 * environment variable, its line in `--help` and its row in the reference.
 */
import { SpillwayError } from '../errors.ts'
import { didYouMean } from '../kit/nearest.ts'

interface Declared {
  /** One or two sentences: what it does, and at a limit what happens. */
  readonly meaning: string
  /** What the default is, where it is not a plain value. */
  readonly defaultMeaning?: string
  /** What the value stands for in `--help`: `--data <folder>`. */
  readonly placeholder?: string
  /** False: only in a config file or in `open`, no flag and no variable. */
  readonly onCommandLine?: false
  /** Its value is never printed. */
  readonly secret?: true
  /** For tests only: no help, no variable, no row in the reference. */
  readonly hidden?: true
}

export type Option =
  | (Declared & {
      readonly kind: 'integer' | 'bytes' | 'ms'
      readonly min: number
      readonly max: number
      readonly default?: number
    })
  | (Declared & { readonly kind: 'text' | 'url' | 'path'; readonly default?: string })
  | (Declared & { readonly kind: 'choice'; readonly choices: readonly string[]; readonly default?: string })
  | (Declared & { readonly kind: 'boolean'; readonly default?: boolean })

export type OptionTable = Readonly<Record<string, Option>>

export type ValueOf<O extends Option> = O extends { kind: 'integer' | 'bytes' | 'ms' }
  ? number
  : O extends { kind: 'boolean' }
    ? boolean
    : O extends { kind: 'choice'; choices: readonly (infer C)[] }
      ? C
      : string

/** What a table's options are once given: all may be left out. */
export type ValuesOf<T extends OptionTable> = { readonly [K in keyof T]?: ValueOf<T[K]> }

/** `frontBytesMax` → `--front-bytes-max`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** `frontBytesMax` → `SPILLWAY_FRONT_BYTES_MAX`. */
export function variableOf(name: string): string {
  return `SPILLWAY_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}
const UNIT_MS: Readonly<Record<string, number>> = { '': 1, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** `2GiB` as bytes or `10s` as ms; a plain number is in the unit of the option. */
function scaled(text: string, units: Readonly<Record<string, number>>): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const unit = match === null ? undefined : units[(match[2] as string).toLowerCase()]
  return match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit
}

/** The largest unit that a value is a whole number of: 268435456 → `256MiB`. */
function inUnits(value: number, units: Readonly<Record<string, number>>, names: readonly string[]): string {
  const name = names.find(
    (unit) =>
      value >= (units[unit.toLowerCase()] as number) && value % (units[unit.toLowerCase()] as number) === 0,
  )
  return name === undefined ? String(value) : `${value / (units[name.toLowerCase()] as number)}${name}`
}

/** The default as people write it; '' where there is none. */
export function defaultText(option: Option): string {
  if (option.defaultMeaning !== undefined) return option.defaultMeaning
  if (option.default === undefined) return ''
  if (option.kind === 'bytes') return inUnits(option.default, UNIT_BYTES, ['TiB', 'GiB', 'MiB', 'KiB'])
  if (option.kind === 'ms') return inUnits(option.default, UNIT_MS, ['h', 'm', 's', 'ms'])
  return String(option.default)
}

function expected(option: Option): string {
  switch (option.kind) {
    case 'integer':
      return `a whole number from ${option.min} to ${option.max}`
    case 'bytes':
      return `a number of bytes from ${option.min} to ${option.max}, e.g. 67108864 or 64MiB`
    case 'ms':
      return `milliseconds from ${option.min} to ${option.max}, e.g. 10000 or 10s`
    case 'choice':
      return `one of ${option.choices.join(', ')}`
    case 'boolean':
      return 'true or false'
    case 'path':
      return 'a path'
    case 'url':
      return 'a URL such as sqlite:./data/app.db'
    case 'text':
      return 'a text that is not empty'
  }
}

function wrong(option: Option, where: string, given: unknown): SpillwayError {
  const shown =
    option.secret === true
      ? ''
      : `, not ${typeof given === 'string' ? JSON.stringify(given.slice(0, 100)) : String(given)}`
  const hint = option.kind === 'choice' && typeof given === 'string' ? didYouMean(given, option.choices) : ''
  return new SpillwayError('invalid', `${where} must be ${expected(option)}${shown}.${hint}`)
}

/** Checks a value as a program gives it; `where` names it in the error, e.g. `option frontBytesMax`. */
export function checkValue(option: Option, value: unknown, where: string): number | string | boolean {
  switch (option.kind) {
    case 'integer':
    case 'bytes':
    case 'ms':
      if (
        typeof value === 'number' &&
        Number.isSafeInteger(value) &&
        value >= option.min &&
        value <= option.max
      )
        return value
      break
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
    case 'choice':
      if (typeof value === 'string' && option.choices.includes(value)) return value
      break
    default:
      if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  }
  throw wrong(option, where, value)
}

/** Reads a value from the text of a flag or variable; bytes and durations may have a unit there. */
export function parseValue(option: Option, text: string, where: string): number | string | boolean {
  switch (option.kind) {
    case 'integer':
      if (/^\d+$/.test(text.trim())) return checkValue(option, Number(text), where)
      break
    case 'bytes':
    case 'ms': {
      const value = scaled(text, option.kind === 'bytes' ? UNIT_BYTES : UNIT_MS)
      if (Number.isSafeInteger(value)) return checkValue(option, value, where)
      break
    }
    case 'boolean':
      if (text === 'true' || text === '1') return true
      if (text === 'false' || text === '0') return false
      break
    default:
      return checkValue(option, text, where)
  }
  throw wrong(option, where, text)
}

/** Refuses keys that nobody declared, naming the nearest one that somebody did. */
export function checkKnownKeys(given: object, known: readonly string[], where: string): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      throw new SpillwayError(
        'invalid',
        `${where} has no option ${JSON.stringify(key)}.${didYouMean(key, known)}`,
      )
    }
  }
}
