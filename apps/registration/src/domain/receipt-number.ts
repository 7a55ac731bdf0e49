/**
 * Receipt numbers: a keyed hash of what was saved, by whom and when, in 16 characters that can be read aloud.
 *
 * Whoever holds the key can tell from a row alone whether it is what a candidate was given a receipt for: an edited
 * row does not fit its receipt. So the number proves something and has to be stored nowhere else.
 *
 *   receipt = base32(HMAC-SHA-256(key, candidate LF savedAt LF school/major LF school/major …)[0..10])
 */
import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Choice } from './choices.ts'

/** Crockford's: no I, L, O, U. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

export function receiptNumber(
  key: KeyObject,
  candidate: string,
  savedAt: string,
  choices: readonly Choice[],
): string {
  let text = `${candidate}\n${savedAt}`
  for (const { school, major } of choices) text += `\n${school}/${major}`
  return grouped(createHmac('sha256', key).update(text).digest())
}

/** 10 bytes are 80 bits are 16 digits, in groups of 4. */
function grouped(bytes: Uint8Array): string {
  let digits = ''
  let bits = 0
  let held = 0
  for (let at = 0; at < 10; at += 1) {
    held = (held << 8) | (bytes[at] as number)
    bits += 8
    while (bits >= 5) {
      bits -= 5
      digits += DIGITS[(held >> bits) & 31]
      if (digits.length % 5 === 4 && digits.length < 19) digits += '-'
    }
    held &= (1 << bits) - 1
  }
  return digits
}
