/**
 * The keys of this application, all made from one secret of 32 bytes that is in a file and in no database: who has
 * a copy of the tables alone can neither make sessions nor try one-time codes.
 */
import { createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { randomBytes } from '../clock.ts'

/** Key objects and not bytes: made once, they halve what a keyed hash costs (Node 24: 68 to 22 µs on a busy core). */
export interface Keys {
  readonly session: KeyObject
  readonly oneTimeCode: KeyObject
  readonly receipt: KeyObject
  /** Of the verified-password cache: lives as long as the process. */
  readonly cache: KeyObject
}

const SECRET_BYTES = 32

export function keysOf(secret: Uint8Array): Keys {
  const derived = (purpose: string): KeyObject =>
    createSecretKey(new Uint8Array(hkdfSync('sha256', secret, '', `registration ${purpose}`, 32)))
  return {
    session: derived('session'),
    oneTimeCode: derived('one-time code'),
    receipt: derived('receipt'),
    cache: createSecretKey(randomBytes(32)),
  }
}

/** The secret of a file (64 hexadecimal digits), which is made where there is none. All processes use the same. */
export function secretFromFile(path: string): Uint8Array {
  try {
    return secretFrom(readFileSync(path, 'utf8'), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  mkdirSync(dirname(path), { recursive: true })
  try {
    // `wx`: of two processes that start at once, one makes it and the other reads it.
    writeFileSync(path, `${randomBytes(SECRET_BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return secretFrom(readFileSync(path, 'utf8'), path)
}

function secretFrom(text: string, path: string): Uint8Array {
  const hex = text.trim()
  if (/^[0-9a-f]{64}$/.test(hex)) return Buffer.from(hex, 'hex')
  throw new Error(
    `${path} is no secret: it must hold 64 hexadecimal digits. Make one with: openssl rand -hex 32`,
  )
}
