/** Whose request it is: a bearer token of a program, or the cookie of a browser. */
import { getCookie, setCookie } from 'hono/cookie'
import type { MiddlewareHandler } from 'hono'
import type { Role } from '../domain/person.ts'
import type { SignIn } from '../people/sign-in.ts'
import { SESSION_MS } from '../people/session-token.ts'
import type { Session } from '../people/session-token.ts'
import { Problem } from '../problem.ts'
import type { RequestContext, RequestEnvironment } from './environment.ts'

const COOKIE = 'session'

export function tokenOf(context: RequestContext): string | undefined {
  const header = context.req.header('authorization')
  if (header?.startsWith('Bearer ') === true) return header.slice('Bearer '.length).trim()
  return getCookie(context, COOKIE)
}

/** `token` empty: takes the cookie away. Secure where the page came over TLS. */
export function setSession(context: RequestContext, token: string): void {
  const secure = context.req.header('x-forwarded-proto') === 'https' || context.req.url.startsWith('https:')
  setCookie(context, COOKIE, token, {
    httpOnly: true,
    sameSite: 'Strict',
    path: '/',
    secure,
    maxAge: token === '' ? 0 : SESSION_MS / 1_000,
  })
}

/** Lets only people of this role through; any role where none is given. */
export function signedIn(signIn: SignIn, role?: Role): MiddlewareHandler<RequestEnvironment> {
  return async (context, next) => {
    const token = tokenOf(context)
    const session = token === undefined ? undefined : await signIn.session(token)
    if (session === undefined) throw notSignedIn()
    checkRole(session, role)
    context.set('session', session)
    await next()
  }
}

/**
 * The session that a request claims, and the check that it stands, still under way: so that what is asked for can be
 * read in the same turn. No answer goes out, and nothing is written, before `stands` is fulfilled.
 */
export function claimedSession(
  context: RequestContext,
  signIn: SignIn,
  role: Role,
): { readonly id: string; readonly stands: Promise<void> } {
  const token = tokenOf(context)
  const session = token === undefined ? undefined : signIn.claimed(token)
  if (session === undefined) throw notSignedIn()
  checkRole(session, role)
  checkPage(context, session)
  const stands = signIn.stands(session).then((yes) => {
    if (!yes) throw notSignedIn()
  })
  // It is awaited later; until then its failure is nobody's surprise.
  stands.catch(() => undefined)
  return { id: session.id, stands }
}

function checkRole(session: Session, role: Role | undefined): void {
  if (role === undefined || session.role === role) return
  throw new Problem(403, 'forbidden', `This is for the role ${role}; you are signed in as ${session.role}.`)
}

/**
 * All tabs of a browser share the cookie. A page says whose it is, so that what one candidate left in a tab is not
 * saved as the form of the next who signs in on the same computer.
 */
function checkPage(context: RequestContext, session: Session): void {
  const page = context.req.header('x-candidate')
  if (page !== undefined && page !== session.id)
    throw new Problem(401, 'unauthenticated', 'Somebody else is signed in here now: sign in again.')
}

function notSignedIn(): Problem {
  return new Problem(401, 'unauthenticated', 'Sign in: there is no session, or it has ended.')
}
