/**
 * What is stored in place of passwords and one-time codes.
 *
 *   scrypt$N$r$p$salt$hash   a password: slow to try, each with its own salt and cost
 *   code$mac                 a one-time code: a keyed hash, fast, because a code of 60 random bits cannot be tried
 *                            through without the key
 *   none                     nobody can sign in with it until staff resets it
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { randomBytes } from '../clock.ts'
import type { SlowHash, SlowHashCost } from './slow-hash.ts'

export const NO_SECRET = 'none'

const SALT_BYTES = 16
const HASH_BYTES = 32
/** 12 of 32 signs: 60 bits. No I, L, O, U, so that it survives being read aloud. */
const CODE_SIGNS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const CODE_LENGTH = 12
const SCRYPT = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w+/=-]+)\$([\w+/=-]+)$/
const CODE = /^code\$([\w-]{22})$/

/** 16 MiB and about a tenth of a second of one core: one of the settings that OWASP gives for scrypt. */
export const USUAL_COST: SlowHashCost = { n: 2 ** 14, r: 8, p: 5 }

export function newOneTimeCode(): string {
  return [...randomBytes(CODE_LENGTH)].map((byte) => CODE_SIGNS[byte & 31]).join('')
}

export function codeSecret(key: KeyObject, person: string, code: string): string {
  // Of a person: the same code of two people is not the same secret.
  const mac = createHmac('sha256', key)
    .update(`${person}\n${normalCode(code)}`)
    .digest()
    .subarray(0, 16)
  return `code$${mac.toString('base64url')}`
}

export function isCodeSecret(secret: string): boolean {
  return CODE.test(secret)
}

/** Whether an import may store it as it is. */
export function isReadySecret(secret: string): boolean {
  return SCRYPT.test(secret) || CODE.test(secret) || secret === NO_SECRET
}

export function codeMatches(key: KeyObject, person: string, code: string, secret: string): boolean {
  return equal(Buffer.from(codeSecret(key, person, code)), Buffer.from(secret))
}

export async function passwordSecret(hash: SlowHash, password: string, cost: SlowHashCost): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const made = await hash.run(password, salt, HASH_BYTES, cost)
  return `scrypt$${cost.n}$${cost.r}$${cost.p}$${salt.toString('base64')}$${made.toString('base64')}`
}

export async function passwordMatches(hash: SlowHash, password: string, secret: string): Promise<boolean> {
  const match = SCRYPT.exec(secret)
  if (match === null) return false
  const [, n, r, p, salt, expected] = match as unknown as [string, string, string, string, string, string]
  const known = Buffer.from(expected, 'base64')
  const cost = { n: Number(n), r: Number(r), p: Number(p) }
  return equal(await hash.run(password, Buffer.from(salt, 'base64'), known.length, cost), known)
}

/** As it is printed on paper: in any case, with or without blanks and hyphens. */
function normalCode(code: string): string {
  return code.replaceAll(/[\s-]/g, '').toUpperCase()
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
