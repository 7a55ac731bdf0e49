/**
 * The check of everything that is bound into SQLite, before SQLite sees it.
 *
 * SQLite and its bindings are forgiving in ways that lose data without a word: a missing parameter is NULL, so is
 * NaN, a lone surrogate becomes U+FFFD, a detached buffer an empty BLOB, an integer bound as a JavaScript number
 * a REAL. Each of these is refused or made exact here.
 */
import { SpillwayError } from '../errors.ts'

/** What can be bound and what comes back. A BLOB comes back as a copy with an ArrayBuffer of its own. */
export type SqliteValue = null | number | bigint | string | Uint8Array

/** The most parameters of one statement: SQLite's own default, which Node's build has; Bun's would take more. */
export const PARAMETERS_MAX = 32_766

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

/** String and quoted-name literals, comments, parameters, statement ends and words: all that the counting needs. */
const TOKENS =
  /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\?\d*|[:@$]\w+|;|[\w\u0080-\uffff][\w$\u0080-\uffff]*/g

/**
 * The number of parameters that `sql` takes. No runtime tells it, and both fill missing ones with NULL.
 * Refuses what would be dropped or mixed up in silence: a second statement, and named and numbered parameters
 * (Node 24.6 passes over numbered ones when it binds by position).
 * About as long as SQLite's own parsing: 3-8 ms for 32,766 placeholders, once per prepared statement.
 */
export function countParameters(sql: string): number {
  let count = 0
  let begun = false
  let ended = false
  for (const [token] of sql.matchAll(TOKENS)) {
    if (token.startsWith('--') || token.startsWith('/*')) continue
    if (ended && token !== ';') {
      throw new SpillwayError(
        'internal',
        `A prepared statement must be one statement; use exec() for several: ${excerpt(sql)}`,
      )
    }
    const first = token[0]
    if (first === ';') ended = begun
    else begun = true
    if (token === '?') count++
    else if (first === '?' || first === ':' || first === '@' || first === '$') {
      throw new SpillwayError('internal', `Parameters are plain ?, not "${token}": ${excerpt(sql)}`)
    }
  }
  if (!begun) throw new SpillwayError('internal', 'A prepared statement must not be blank.')
  if (count > PARAMETERS_MAX) {
    throw new SpillwayError(
      'internal',
      `${count} parameters, at most ${PARAMETERS_MAX} are possible: ${excerpt(sql)}`,
    )
  }
  return count
}

/** An empty Uint8Array of its own may have no address, and Node 24.6 binds that as NULL. */
const EMPTY = new Uint8Array(1).subarray(0, 0)

/**
 * Checks `params` and gives them, in their place, the one form that binds alike on every runtime. With `nulCutsText`
 * it also refuses text with a NUL, which this runtime would store whole and read back cut.
 */
export function makeBindable(
  params: SqliteValue[],
  expected: number,
  sql: string,
  nulCutsText: boolean,
): void {
  const count = params.length
  if (count !== expected) {
    throw new SpillwayError('internal', `${expected} parameters expected, ${count} given: ${excerpt(sql)}`)
  }
  for (let index = 0; index < count; index++) {
    const value = params[index]
    switch (typeof value) {
      case 'number':
        // As a number it would be bound as REAL: wrong typeof() and no exact comparison in a column without affinity.
        if (Number.isSafeInteger(value)) params[index] = BigInt(value)
        else if (!Number.isFinite(value)) refuse(index, `${value} is not a finite number`, sql)
        break
      case 'string':
        if (!value.isWellFormed())
          refuse(index, 'the string has a lone surrogate, which UTF-8 cannot carry', sql)
        if (nulCutsText && value.includes('\0')) {
          throw new SpillwayError(
            'invalid',
            `Text with NUL in a TEXT column needs Node 24.16; this is ${process.version}.`,
          )
        }
        break
      case 'bigint':
        if (value < INT64_MIN || value > INT64_MAX) refuse(index, `${value} does not fit in 64 bits`, sql)
        break
      case 'object':
        if (value === null) break
        if (!(value instanceof Uint8Array)) {
          refuse(index, `${Object.prototype.toString.call(value)} cannot be bound`, sql)
        }
        if (value.byteLength > 0) break
        if ((value.buffer as ArrayBuffer).detached) refuse(index, 'the bytes were transferred away', sql)
        params[index] = EMPTY
        break
      default:
        refuse(index, `${typeof value} cannot be bound`, sql)
    }
  }
}

function refuse(index: number, what: string, sql: string): never {
  throw new SpillwayError('internal', `Parameter ${index + 1}: ${what}: ${excerpt(sql)}`)
}

function excerpt(sql: string): string {
  return sql.length <= 120 ? sql : `${sql.slice(0, 117)}...`
}
