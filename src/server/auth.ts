/** The bearer token. Once one is set, every request needs it, also on loopback and also the probes. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { SpillwayError } from '../errors.ts'

const SCHEME = /^bearer +/i

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** A check of the Authorization header whose time tells nothing about the token, not even its length. */
export function bearerCheck(token: string): (authorization: string | undefined) => void {
  if (token === '')
    throw new SpillwayError('invalid', 'The token is empty; set one of at least one character, or none.')
  const expected = digest(token)
  return (authorization) => {
    if (authorization === undefined || !SCHEME.test(authorization)) {
      throw new SpillwayError(
        'unauthenticated',
        'This server has a token: send it as "Authorization: Bearer <token>".',
      )
    }
    if (!timingSafeEqual(digest(authorization.replace(SCHEME, '')), expected)) {
      throw new SpillwayError('unauthenticated', 'The bearer token is not the one of this server.')
    }
  }
}
