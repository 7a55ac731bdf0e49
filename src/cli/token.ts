import { readFileSync } from 'node:fs'
import { SpillwayError } from '../errors.ts'

/** The token given as text, or else read from its file; undefined when there is neither. */
export function tokenFrom(token: string | undefined, file: string | undefined): string | undefined {
  if (token !== undefined || file === undefined) return token
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new SpillwayError(
      'invalid',
      `The token file ${file} cannot be read: ${(error as Error).message}.`,
      { cause: error },
    )
  }
  if (text === '') throw new SpillwayError('invalid', `The token file ${file} is empty.`)
  return text
}
