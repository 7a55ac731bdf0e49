/**
 * What an error of Redis or of its client means for the call that met it: the one question is whether something may
 * have happened.
 *
 *   refused before the script's first line   OOM → overloaded; the others below → unavailable; nothing has happened
 *   never sent (no connection, no queue)     unavailable; nothing has happened
 *   sent, and no answer or an unknown error  as it is: unknown, and the engine settles it
 *
 * Scripts carry `#!lua`, so that Redis checks memory, disk and role once, before the first line: an error in the
 * middle of a script is a defect.
 */
import { SpillwayError } from '../../errors.ts'

/** Codes with which Redis turns away a call as a whole. All are signs that the store changed or is in trouble. */
const TURNED_AWAY: Readonly<Record<string, string>> = {
  READONLY: 'this server is a replica now',
  LOADING: 'Redis is loading its data from disk',
  MASTERDOWN: 'this replica has lost its primary',
  NOREPLICAS: 'fewer replicas are live than min-replicas-to-write asks for',
  MISCONF: 'Redis cannot write to its disk and refuses writes',
  BUSY: 'Redis is busy with a script of somebody else',
  CLUSTERDOWN: 'the cluster has no owner for this slot',
  TRYAGAIN: 'the slot is being moved',
  MOVED: 'the slot is with another server',
  ASK: 'the slot is being moved',
  NOAUTH: 'Redis wants a password',
  WRONGPASS: 'Redis does not take the password',
  NOPERM: 'the user of this connection may not do that (ACL)',
}

/** ioredis says this, and only this, of a command that it never sent. */
const NEVER_SENT = /enableOfflineQueue options is false/

/** The same error in Spillway's words, if it proves that nothing has happened; undefined: it proves nothing. */
export function nothingHappened(error: unknown): SpillwayError | undefined {
  if (error instanceof SpillwayError) return error.code === 'outcome-unknown' ? undefined : error
  const message = error instanceof Error ? error.message : String(error)
  if (NEVER_SENT.test(message))
    return new SpillwayError('unavailable', 'Redis is not connected; nothing has happened, retry.', {
      cause: error,
    })
  const code = codeOf(error)
  if (code === 'OOM')
    return new SpillwayError(
      'overloaded',
      'Redis has reached maxmemory with what has not landed; nothing has happened, retry when landing has caught up.',
      { cause: error },
    )
  const why = code === undefined ? undefined : TURNED_AWAY[code]
  return why === undefined
    ? undefined
    : new SpillwayError('unavailable', `Redis refused the call: ${why}; nothing has happened, retry.`, {
        cause: error,
      })
}

/** For calls that change nothing, or nothing that has to be known: any failure is `unavailable`. */
export function noAnswer(error: unknown): SpillwayError {
  if (error instanceof SpillwayError && error.code !== 'outcome-unknown') return error
  return (
    nothingHappened(error) ??
    new SpillwayError('unavailable', 'Redis did not answer; retry.', { cause: error })
  )
}

/** The script is not in the server's cache (SCRIPT FLUSH, a restart): it did not run. */
export function isUnknownScript(error: unknown): boolean {
  return codeOf(error) === 'NOSCRIPT'
}

/** The server is a replica, or has become one. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === 'READONLY'
}

/** Redis takes no writes for want of memory or disk, and reads all the same. */
export function isFull(error: unknown): boolean {
  const code = codeOf(error instanceof SpillwayError ? error.cause : error)
  return code === 'OOM' || code === 'MISCONF'
}

/** The first word of an error that Redis answered; undefined for errors of the client and the network. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined
  return error.message.split(' ', 1)[0]
}
