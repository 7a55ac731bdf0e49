import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  COUNT_MAX,
  GENERATION_MAX,
  PREEXISTING,
  countOf,
  formatPosition,
  generationOf,
  plus,
  position,
  versionFrom,
} from '../../src/model/position.ts'

const generations = fc.integer({ min: 1, max: GENERATION_MAX })
const counts = fc.integer({ min: 0, max: COUNT_MAX })

describe('positions', () => {
  test('generation and count come back from the packed number, up to the last generation', () => {
    fc.assert(
      fc.property(generations, counts, (generation, count) => {
        const at = position(generation, count)
        expect(Number.isSafeInteger(at)).toBe(true)
        expect([generationOf(at), countOf(at)]).toEqual([generation, count])
        expect(formatPosition(at)).toBe(`${generation}-${count}`)
      }),
    )
  })

  test('numbers are ordered as pairs are', () => {
    fc.assert(
      fc.property(generations, counts, generations, counts, (g1, c1, g2, c2) => {
        const asPairs = g1 === g2 ? c1 - c2 : g1 - g2
        expect(Math.sign(position(g1, c1) - position(g2, c2))).toBe(Math.sign(asPairs))
      }),
    )
  })

  test('no write can have version 0 or 1: those are absence and rows from before', () => {
    expect(position(1, 0)).toBeGreaterThan(PREEXISTING)
    expect(plus(position(1, 0), 1)).toBe(position(1, 1))
  })

  test('a version from outside is an exact number or invalid', () => {
    expect(versionFrom(5, 'ifVersion')).toBe(5)
    for (const bad of [-1, 1.5, Number.NaN, 2 ** 53, '1', null, undefined]) {
      expect(() => versionFrom(bad, 'ifVersion')).toThrow(/ifVersion must be a version/)
    }
  })
})
