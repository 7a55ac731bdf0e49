/**
 * The URLs that name stores, and how they may be printed.
 *
 *   memory: · sqlite:PATH · redis://host:port/db · mysql://user:password@host:port/db · kafka:// · rocketmq://
 *   and, for the journal, `same`: the front is the journal too
 */
import { SpillwayError } from '../errors.ts'
import { didYouMean } from '../kit/nearest.ts'

export const STORE_SCHEMES = ['memory', 'sqlite', 'redis', 'mysql', 'kafka', 'rocketmq'] as const
export type StoreScheme = (typeof STORE_SCHEMES)[number]

/** Other spellings that clients of these stores know. */
const ALIASES: Readonly<Record<string, StoreScheme>> = { rediss: 'redis', valkey: 'redis', mariadb: 'mysql' }

export interface StoreUrl {
  readonly scheme: StoreScheme | 'same'
  /** As given, for whoever connects; `path` for those that are a file. */
  readonly url: string
  readonly path: string
}

/** Reads one store's URL; `invalid` names the option and what may be there. */
export function parseStoreUrl(option: string, given: string): StoreUrl {
  if (given === 'same') {
    if (option === 'journal') return { scheme: 'same', url: given, path: '' }
    throw new SpillwayError('invalid', `${option}: only the journal can be the same as the front.`)
  }
  const match = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(given)
  const name = match?.[1]?.toLowerCase() ?? ''
  const scheme = ALIASES[name] ?? STORE_SCHEMES.find((each) => each === name)
  if (scheme === undefined) {
    const shown = redactUrl(given)
    // Never the nearest scheme alone: it would be taken without the TLS that was asked for.
    const hint = /^(?:mysql|mariadb)s$/.test(name)
      ? ' For TLS write mysql://…?ssl=true.'
      : didYouMean(name, STORE_SCHEMES)
    throw new SpillwayError(
      'invalid',
      `${option}: ${JSON.stringify(shown)} is not the URL of a store; it begins with ${STORE_SCHEMES.map((each) => `${each}:`).join(', ')}.${hint}`,
    )
  }
  const rest = match?.[2] ?? ''
  if (scheme === 'sqlite') {
    const path = rest.replace(/^\/\/(?=.)/, '')
    if (path === '') throw new SpillwayError('invalid', `${option}: sqlite: needs a path: sqlite:PATH.`)
    return { scheme, url: given, path }
  }
  if (scheme !== 'memory') checkAddress(option, given)
  else if (rest !== '')
    throw new SpillwayError(
      'invalid',
      `${option}: memory: takes nothing behind it, not ${JSON.stringify(rest)}.`,
    )
  return { scheme, url: given, path: '' }
}

function checkAddress(option: string, given: string): void {
  const shown = JSON.stringify(redactUrl(given))
  if (!URL.canParse(given) || (new URL(given).hostname === '' && !/^[a-z]+:$/i.test(given)))
    throw new SpillwayError(
      'invalid',
      `${option}: ${shown} has no host: it is SCHEME://HOST:PORT/NAME. In a user or password, percent-encode what has a meaning in URLs: / is %2F, # is %23, ? is %3F, @ is %40, % is %25.`,
    )
  const { username, password } = new URL(given)
  try {
    decodeURIComponent(username + password)
  } catch (cause) {
    throw new SpillwayError(
      'invalid',
      `${option}: the user or password in ${shown} has a % that encodes nothing: write %25 for it.`,
      { cause },
    )
  }
}

/** A URL as it may be printed and logged: without its password, whatever that has in it. */
export function redactUrl(given: string): string {
  return given.replace(/(:\/\/[^/@:?#]*):.*@/s, '$1:***@')
}
