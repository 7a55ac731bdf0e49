import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { expect, test } from 'vitest'
import { passwordProblem } from '../../src/domain/password-rule.ts'
import { GuessLimit } from '../../src/people/guess-limit.ts'
import {
  codeMatches,
  codeSecret,
  isCodeSecret,
  isReadySecret,
  newOneTimeCode,
  passwordMatches,
  passwordSecret,
} from '../../src/people/secret.ts'
import { SessionTokens } from '../../src/people/session-token.ts'
import { HASHES_AT_ONCE, HASHES_WAITING_MAX, SlowHash } from '../../src/people/slow-hash.ts'
import { TestClock } from '../support/site.ts'

const cost = { n: 1_024, r: 8, p: 1 }
const keyOf = (byte: number): KeyObject => createSecretKey(Buffer.alloc(32, byte))
const key = keyOf(3)

test('a session says who, until when, and with which credential', () => {
  const tokens = new SessionTokens(key)
  const { token, expiresAt } = tokens.make({ role: 'teacher', id: 'a_b-c' }, 137_438_953_999, 0, 60_000)
  expect(tokens.read(token, 59_000)).toEqual({
    role: 'teacher',
    id: 'a_b-c',
    epoch: 137_438_953_999,
    expiresAtMs: Date.parse(expiresAt),
  })
  expect(tokens.read(token, 60_000)).toBeUndefined()
})

test('a session that was changed anywhere, or made with another key, is none', () => {
  const { token } = new SessionTokens(key).make({ role: 'candidate', id: '11010519491231002X' }, 0, 0)
  for (let at = 0; at < token.length; at += 1) {
    const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    expect(new SessionTokens(key).read(changed, 0)).toBeUndefined()
  }
  expect(new SessionTokens(keyOf(4)).read(token, 0)).toBeUndefined()
  for (const nonsense of ['', '.', 'c', 'c.1.2.3.4.5', 'x'.repeat(1_000)])
    expect(new SessionTokens(key).read(nonsense, 0)).toBeUndefined()
})

test('a password is stored salted and slow, and matches only itself', async () => {
  const hash = new SlowHash()
  const secret = await passwordSecret(hash, 'correct horse', cost)
  expect(secret).not.toBe(await passwordSecret(hash, 'correct horse', cost))
  expect(isReadySecret(secret)).toBe(true)
  expect(await passwordMatches(hash, 'correct horse', secret)).toBe(true)
  expect(await passwordMatches(hash, 'correct horsf', secret)).toBe(false)
  expect(await passwordMatches(hash, 'x', 'nonsense')).toBe(false)
})

test('a one-time code opens its person only, however it is typed', () => {
  const code = newOneTimeCode()
  const secret = codeSecret(key, 'candidate/1', code)
  expect(isCodeSecret(secret)).toBe(true)
  expect(codeMatches(key, 'candidate/1', code, secret)).toBe(true)
  expect(codeMatches(key, 'candidate/1', ` ${code.slice(0, 4)}-${code.slice(4).toLowerCase()}`, secret)).toBe(
    true,
  )
  expect(codeMatches(key, 'candidate/2', code, secret)).toBe(false)
  expect(codeMatches(keyOf(0), 'candidate/1', code, secret)).toBe(false)
})

test('the slow hash has a queue with an end, and says so there', async () => {
  const hash = new SlowHash()
  const all = Array.from({ length: HASHES_AT_ONCE + HASHES_WAITING_MAX + 1 }, () =>
    hash.run('p', Buffer.alloc(8), 32, { n: 2, r: 1, p: 1 }),
  )
  const outcomes = await Promise.allSettled(all)
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  expect(refused.map((outcome) => (outcome.reason as { code: string }).code)).toEqual(['overloaded'])
})

test('guessing ends at the limit of a person and of an address, until the span is over', () => {
  const clock = new TestClock()
  const guesses = new GuessLimit(clock, { perPerson: 2, perAddress: 4, spanMs: 60_000 })
  const fail = (person: string, address: string): void => {
    guesses.check(person, address)
    guesses.count(person, address)
  }
  fail('a', '1')
  fail('a', '1')
  expect(() => fail('a', '2')).toThrow('too-many-attempts')
  fail('b', '1')
  fail('c', '1')
  expect(() => fail('d', '1')).toThrow('too-many-attempts')
  fail('d', '2')
  clock.advance(60_000)
  fail('a', '1')
})

test('a right password clears the person', () => {
  const guesses = new GuessLimit(new TestClock(), { perPerson: 2, perAddress: 100, spanMs: 60_000 })
  for (let round = 0; round < 5; round += 1) {
    guesses.check('a', '1')
    guesses.count('a', '1')
    guesses.clear('a', '1')
  }
  expect(() => guesses.check('a', '1')).not.toThrow()
})

test('a password is long enough, more than digits, and not the code', () => {
  expect(passwordProblem('good enough', 'CODE')).toBeUndefined()
  expect(passwordProblem('密码密码密码密码', 'CODE')).toBeUndefined()
  expect(passwordProblem('short', 'CODE')).toContain('8')
  expect(passwordProblem('20080901', 'CODE')).toContain('digits')
  expect(passwordProblem('CODECODECODE', 'CODECODECODE')).toContain('one-time')
})
