/**
 * How an error of the catalogue travels over HTTP: `application/problem+json` (RFC 9457), with the catalogue's
 * status, the code that programs branch on, and what helps the caller on: `retryAfter` in seconds where waiting
 * helps, `entry` where the outcome has to be settled.
 */
import { ERRORS, SpillwayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { HttpReply } from '../runtime/http-listener.ts'

export interface Problem {
  /** Where the code is explained: resolves on the server that answered. */
  readonly type: string
  /** The catalogue's sentence for the code. */
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  /** What happened in this case, and what to do next. */
  readonly detail: string
  /** Whole seconds, at least 1. */
  readonly retryAfter?: number
  readonly entry?: string
}

export const PROBLEM_TYPE = 'application/problem+json'

/**
 * Anything thrown, as an error of the catalogue. What is not one is a defect: its text may hold paths or values,
 * so the caller gets a sentence, and the log the error itself.
 */
export function errorOf(thrown: unknown): SpillwayError {
  if (thrown instanceof SpillwayError) return thrown
  return new SpillwayError(
    'internal',
    'An unexpected error, a defect of Spillway: the log of the server has it; please report it.',
    {
      cause: thrown,
    },
  )
}

export function problemOf(error: SpillwayError): Problem {
  return {
    type: `/openapi.json#/components/responses/${error.code}`,
    title: ERRORS[error.code].meaning,
    status: error.status,
    code: error.code,
    detail: error.detail,
    ...(error.retryAfterMs === undefined
      ? {}
      : { retryAfter: Math.max(1, Math.ceil(error.retryAfterMs / 1000)) }),
    ...(error.entry === undefined ? {} : { entry: error.entry }),
  }
}

/** `headers` are added: `allow`, `www-authenticate`. */
export function problemReply(
  error: SpillwayError,
  headers: Readonly<Record<string, string>> = {},
): HttpReply {
  const problem = problemOf(error)
  return {
    status: problem.status,
    headers: {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      ...(problem.retryAfter === undefined ? {} : { 'retry-after': String(problem.retryAfter) }),
      ...headers,
    },
    body: JSON.stringify(problem),
  }
}
