/** Keys, values and queries as they travel. */
import { SpillwayError } from '../errors.ts'

/** A key or entry as one segment of a path. */
export function segment(text: string, what: string): string {
  if (!text.isWellFormed())
    throw new SpillwayError('invalid', `${what} has a lone surrogate, which UTF-8 cannot carry.`)
  if (text === '.' || text === '..')
    throw new SpillwayError('invalid', `${what} is ${JSON.stringify(text)}, which URLs cannot carry.`)
  return encodeURIComponent(text)
}

export function recordPath(collection: string, key: string): string {
  return `/v1/records/${segment(collection, 'The collection')}/${segment(key, 'The key')}`
}

/** JSON text of a value; `invalid` where JSON has none: undefined, functions, cycles, bigints. */
export function jsonText(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value) as string | undefined
  } catch (cause) {
    throw new SpillwayError('invalid', `The value is not JSON: ${String(cause)}`, { cause })
  }
  if (text === undefined) throw new SpillwayError('invalid', `The value is not JSON: it is ${typeof value}.`)
  return text
}

/** `?a=1&b=2` of what is defined, or nothing. */
export function queryOf(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const parts = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

export function parsed<T>(bytes: Uint8Array): T {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T
  } catch (cause) {
    throw new SpillwayError(
      'internal',
      'The server answered with something that is not JSON. Check the URL that was given to connect.',
      { cause },
    )
  }
}
