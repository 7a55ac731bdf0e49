/** `If-Match: "7"`: the version that the sender has before the eyes; "0" = none yet. */
import { Problem } from '../problem.ts'
import type { RequestContext } from './environment.ts'

export function versionAsked(context: RequestContext): number {
  const header = context.req.header('if-match')
  if (header === undefined) {
    throw new Problem(
      428,
      'if-match-needed',
      'Send If-Match with the version that you read ("0" where nothing was saved), so that two tabs cannot overwrite each other.',
    )
  }
  const match = /^"(\d{1,16})"$/.exec(header.trim())
  if (match === null || !Number.isSafeInteger(Number(match[1])))
    throw new Problem(400, 'invalid', `If-Match must be one version in quotes, such as "7"; it is ${header}.`)
  return Number(match[1])
}

export function etagOf(version: number): string {
  return `"${version}"`
}
