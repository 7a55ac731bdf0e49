/** The receipt number of a row, worked out from the secret as docs/http-api.md describes it. */
import { createHmac, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Choice } from './answers.ts'

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

export function receiptKey(secretFile: string): Uint8Array {
  const secret = Buffer.from(readFileSync(secretFile, 'utf8').trim(), 'hex')
  return new Uint8Array(hkdfSync('sha256', secret, '', 'registration receipt', 32))
}

export function receiptOf(
  key: Uint8Array,
  candidate: string,
  savedAt: string,
  choices: readonly Choice[],
): string {
  const lines = [candidate, savedAt, ...choices.map((choice) => `${choice.school}/${choice.major}`)]
  const mac = createHmac('sha256', key).update(lines.join('\n')).digest()
  let number = 0n
  for (const byte of mac.subarray(0, 10)) number = (number << 8n) | BigInt(byte)
  let text = ''
  for (let digit = 0; digit < 16; digit += 1) {
    text = (DIGITS[Number(number & 31n)] as string) + text
    number >>= 5n
  }
  return (text.match(/.{4}/g) ?? []).join('-')
}
