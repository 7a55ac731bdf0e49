/**
 * Composite keys by template: `{school}/{candidate}` is the key `12/0815` of the columns school and candidate.
 *
 * A key is taken apart from left to right, each field ending at the first occurrence of the literal that follows
 * it; so a field other than the last cannot contain its following literal, and every key has one reading.
 */
import { SpillwayError } from '../errors.ts'

export interface KeyTemplate {
  readonly text: string
  /** Field names in order; at least one. */
  readonly fields: readonly string[]
  /** `literals[i]` stands before field i, the last one after the last field. */
  readonly literals: readonly string[]
}

const PART = /\{([^{}]*)\}/g

/** Throws `invalid`, with `name` saying which option it is. */
export function compileKeyTemplate(text: string, name: string): KeyTemplate {
  const problem = (why: string): SpillwayError =>
    new SpillwayError(
      'invalid',
      `${name} ${JSON.stringify(text)} ${why}; write it like "{candidate}" or "{school}/{candidate}".`,
    )
  const fields: string[] = []
  const literals: string[] = []
  let at = 0
  for (const match of text.matchAll(PART)) {
    literals.push(text.slice(at, match.index))
    fields.push(match[1] as string)
    at = match.index + match[0].length
  }
  literals.push(text.slice(at))
  if (fields.length === 0) throw problem('names no field')
  if (fields.some((field) => field === '')) throw problem('has an empty field name')
  if (new Set(fields).size !== fields.length) throw problem('names a field twice')
  if (literals.some((literal) => /[{}]/.test(literal)))
    throw problem('has a brace that is not part of a {field}')
  if (literals.slice(1, -1).some((literal) => literal === '')) {
    throw problem('has two fields without a separator between them, so keys would have two readings')
  }
  return { text, fields, literals }
}

/** The fields of a key in template order; undefined where the key does not have this form. */
export function parseKey(template: KeyTemplate, key: string): string[] | undefined {
  const { literals, fields } = template
  const head = literals[0] as string
  if (!key.startsWith(head)) return undefined
  const parts: string[] = []
  let at = head.length
  for (let index = 1; index < literals.length; index += 1) {
    const literal = literals[index] as string
    const last = index === fields.length
    const end = last ? key.length - literal.length : key.indexOf(literal, at)
    if (end <= at || (last && !key.endsWith(literal))) return undefined
    parts.push(key.slice(at, end))
    at = end + literal.length
  }
  return parts
}

export function formatKey(template: KeyTemplate, parts: readonly string[]): string {
  let key = template.literals[0] as string
  for (let index = 0; index < parts.length; index += 1) {
    key += (parts[index] as string) + (template.literals[index + 1] as string)
  }
  return key
}
