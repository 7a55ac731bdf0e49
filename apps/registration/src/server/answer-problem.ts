/** Whatever was thrown, as `application/problem+json`. */
import { isSpillwayError } from 'spillway'
import { HTTPException } from 'hono/http-exception'
import { Problem } from '../problem.ts'

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  412: 'Changed meanwhile',
  413: 'Too large',
  415: 'Unsupported media type',
  428: 'Condition needed',
  429: 'Too many',
  500: 'Internal error',
  503: 'Not now',
}

/** `onDefect` hears of what nobody foresaw; the answer says nothing about it. */
export function answerProblem(error: unknown, onDefect: (error: unknown) => void): Response {
  const problem = asProblem(error)
  if (problem.status >= 500 && problem.code === 'internal') onDefect(error)
  const { status, code, detail, members } = problem
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json; charset=utf-8',
    'cache-control': 'no-store',
  }
  if (typeof members.retryAfter === 'number') headers['retry-after'] = String(members.retryAfter)
  const title = TITLES[status] ?? 'Refused'
  return new Response(JSON.stringify({ title, status, code, detail, ...members }), { status, headers })
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isSpillwayError(error)) {
    const wait = error.retryAfterMs
    const members = wait === undefined ? {} : { retryAfter: Math.max(1, Math.ceil(wait / 1_000)) }
    return new Problem(error.status, error.code, error.detail, members)
  }
  if (error instanceof HTTPException)
    return new Problem(error.status, error.status === 413 ? 'too-large' : 'invalid', error.message)
  return new Problem(500, 'internal', 'Something went wrong here; it is in the log.')
}
