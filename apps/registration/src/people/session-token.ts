/**
 * Sessions without a table: a signed statement of who it is, until when, and which credential it was made with.
 *
 *   c.330106200703151239.0.mxyz12.Qm9v8w.<mac>
 *   role person        epoch expires nonce  HMAC-SHA-256, 128 bits
 *                                 (base 36 seconds)
 *
 * `epoch` is the version of the person's credential record. A reset, a new password and a sign-out write that record,
 * so that every older session ends at that very write, in every process; a request compares the two, one read
 * from the front. A session can be made by whoever has the key: the load generator makes its own beforehand.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { instantOf, randomName } from '../clock.ts'
import type { Person, Role } from '../domain/person.ts'
import { BoundedMap } from './bounded-map.ts'

export interface Session extends Person {
  readonly epoch: number
  readonly expiresAtMs: number
}

export const SESSION_MS = 2 * 3_600_000

const LETTERS: Readonly<Record<Role, string>> = { candidate: 'c', teacher: 't', staff: 's' }
const ROLES: Readonly<Record<string, Role>> = { c: 'candidate', t: 'teacher', s: 'staff' }
const FORM = /^([cts])\.([\w-]{1,64})\.(\d{1,16})\.([0-9a-z]{1,9})\.([\w-]{1,32})$/
const MAC_BYTES = 16
/** Tokens whose signature was checked already: checking one costs several microseconds. */
const CHECKED_MAX = 50_000

export class SessionTokens {
  readonly #key: KeyObject
  readonly #checked = new BoundedMap<string, Session>(CHECKED_MAX)

  constructor(key: KeyObject) {
    this.#key = key
  }

  make(
    person: Person,
    epoch: number,
    nowMs: number,
    lifeMs = SESSION_MS,
  ): { token: string; expiresAt: string } {
    const expires = Math.floor((nowMs + lifeMs) / 1_000)
    const statement = `${LETTERS[person.role]}.${person.id}.${epoch}.${expires.toString(36)}.${randomName(6)}`
    return { token: `${statement}.${this.#mac(statement)}`, expiresAt: instantOf(expires * 1_000) }
  }

  /** Undefined for what was not made here or is over; the epoch is the caller's to compare. */
  read(token: string, nowMs: number): Session | undefined {
    const session = this.#checked.get(token) ?? this.#check(token)
    return session !== undefined && nowMs < session.expiresAtMs ? session : undefined
  }

  #check(token: string): Session | undefined {
    const end = token.lastIndexOf('.')
    if (end < 0 || token.length > 200) return undefined
    const statement = token.slice(0, end)
    const match = FORM.exec(statement)
    if (match === null) return undefined
    const given = Buffer.from(token.slice(end + 1))
    const mac = Buffer.from(this.#mac(statement))
    if (given.length !== mac.length || !timingSafeEqual(given, mac)) return undefined
    const [, letter, id, epoch, expires] = match as unknown as [string, string, string, string, string]
    const session = {
      role: ROLES[letter] as Role,
      id,
      epoch: Number(epoch),
      expiresAtMs: Number.parseInt(expires, 36) * 1_000,
    }
    this.#checked.set(token, session)
    return session
  }

  #mac(statement: string): string {
    return createHmac('sha256', this.#key)
      .update(statement)
      .digest()
      .subarray(0, MAC_BYTES)
      .toString('base64url')
  }
}
