import fc from 'fast-check'
import { expect, test } from 'vitest'
import { idNumber, idNumberProblem, normalIdNumber } from '../../src/domain/id-number.ts'
import { candidateId } from '../../src/generate/people.ts'

const ids = fc.integer({ min: 0, max: 5_000_000 }).map(candidateId)

test('numbers with a published check digit are taken', () => {
  expect(idNumberProblem('11010519491231002X')).toBeUndefined()
  expect(idNumberProblem('440524188001010014')).toContain('no day')
  expect(idNumber('110105', '19491231', 2)).toBe('11010519491231002X')
})

test('every generated number is valid, and no two people share one', () => {
  const seen = new Set<string>()
  for (let n = 0; n < 50_000; n += 1) {
    const id = candidateId(n)
    expect(idNumberProblem(id)).toBeUndefined()
    seen.add(id)
  }
  expect(seen.size).toBe(50_000)
})

test('one mistyped digit is always found', () => {
  fc.assert(
    fc.property(ids, fc.integer({ min: 0, max: 16 }), fc.integer({ min: 1, max: 9 }), (id, at, by) => {
      const digit = (Number(id[at]) + by) % 10
      expect(idNumberProblem(id.slice(0, at) + digit + id.slice(at + 1))).toBeDefined()
    }),
  )
})

test('two neighbouring digits that changed places are always found', () => {
  fc.assert(
    fc.property(ids, fc.integer({ min: 0, max: 15 }), (id, at) => {
      const [a, b] = [id[at] as string, id[at + 1] as string]
      fc.pre(a !== b)
      expect(idNumberProblem(id.slice(0, at) + b + a + id.slice(at + 2))).toBeDefined()
    }),
  )
})

test('what is no number says why', () => {
  expect(idNumberProblem('123')).toContain('18 characters')
  expect(idNumberProblem('33010620070230123X')).toContain('no day')
  expect(idNumberProblem('33010620070315A23X')).toContain('digits')
  expect(normalIdNumber(' 11010519491231002x ')).toBe('11010519491231002X')
})
