/**
 * The query of a request, by the schema that also describes it in /openapi.json. A parameter that is not known, comes
 * twice or has another form is `invalid`: a misspelt `atLeast` that were ignored would be a stale read.
 */
import { SpillwayError } from '../errors.ts'
import { didYouMean } from '../kit/nearest.ts'
import { decodePart } from './target.ts'
import type { TObject } from 'typebox'

/** The keywords by which our parameters are described. */
interface Parameter {
  readonly type?: string
  readonly const?: string
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
}

/** `query` without its `?`. Values are text or integers, as the schema has them. */
export function readQuery(query: string, schema: TObject): Readonly<Record<string, string | number>> {
  const values: Record<string, string | number> = Object.create(null) as Record<string, string | number>
  if (query === '') return values
  const known = schema.properties as Readonly<Record<string, Parameter>>
  for (const part of query.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = decode(equals === -1 ? part : part.slice(0, equals), 'The name of a query parameter')
    if (!Object.hasOwn(known, name)) refuseName(name, Object.keys(known))
    if (name in values)
      throw new SpillwayError('invalid', `The query parameter ${name} is there twice; send it once.`)
    values[name] = readValue(
      name,
      equals === -1 ? '' : decode(part.slice(equals + 1), `The query parameter ${name}`),
      known[name] as Parameter,
    )
  }
  return values
}

/** Forms write a space as `+`. */
function decode(part: string, what: string): string {
  return decodePart(part.includes('+') ? part.replaceAll('+', '%20') : part, what)
}

function refuseName(name: string, known: readonly string[]): never {
  const takes = known.length === 0 ? 'This call takes none.' : `This call takes ${known.join(', ')}.`
  throw new SpillwayError(
    'invalid',
    `Unknown query parameter ${JSON.stringify(name.slice(0, 80))}.${didYouMean(name, known)} ${takes}`,
  )
}

function readValue(
  name: string,
  text: string,
  { type, const: only, pattern, minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Parameter,
): string | number {
  if (only !== undefined && text !== only) throw new SpillwayError('invalid', `${name} takes only ${only}.`)
  if (type === 'integer') {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (value >= minimum && value <= maximum) return value
    throw new SpillwayError('invalid', `${name} must be an integer from ${minimum} to ${maximum}.`)
  }
  if (pattern !== undefined && !new RegExp(pattern).test(text))
    throw new SpillwayError('invalid', `${name} must match ${pattern}.`)
  return text
}
