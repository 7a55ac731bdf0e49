/** Headers that every answer carries, and the check of where a changing request comes from. */
import type { MiddlewareHandler } from 'hono'
import { Problem } from '../problem.ts'
import type { RequestEnvironment } from './environment.ts'

const HEADERS: readonly (readonly [string, string])[] = [
  [
    'content-security-policy',
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ],
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
]

/** On pages. JSON is not shown by browsers: there `no-store` is enough. */
export const pageHeaders: MiddlewareHandler<RequestEnvironment> = async (context, next) => {
  await next()
  for (const [name, value] of HEADERS) context.res.headers.set(name, value)
}

/** A page of another site cannot change anything here: the cookie is SameSite, and its Origin is refused. */
export const ownOrigin: MiddlewareHandler<RequestEnvironment> = async (context, next) => {
  const { method } = context.req
  if (method !== 'GET' && method !== 'HEAD') {
    const origin = context.req.header('origin')
    if (origin !== undefined && hostOf(origin) !== context.req.header('host'))
      throw new Problem(403, 'forbidden', `Requests from pages of ${origin} are not taken.`)
  }
  await next()
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host
  } catch {
    return undefined
  }
}
