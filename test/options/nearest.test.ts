import { expect, test } from 'vitest'
import { didYouMean, nearestName } from '../../src/options/nearest.ts'

const NAMES = ['port', 'host', 'journal', 'frontBytesMax', 'data']

test('a name with a swapped, missing or wrong letter finds the one that was meant', () => {
  expect(nearestName('prot', NAMES)).toBe('port')
  expect(nearestName('jurnal', NAMES)).toBe('journal')
  expect(nearestName('frontbytesmax', NAMES)).toBe('frontBytesMax')
  expect(nearestName('date', NAMES)).toBe('data')
})

test('a name that is near to nothing offers nothing', () => {
  expect(nearestName('colour', NAMES)).toBeUndefined()
  expect(nearestName('x', NAMES)).toBeUndefined()
  expect(nearestName('p'.repeat(1_000_000), NAMES)).toBeUndefined()
  expect(didYouMean('colour', NAMES)).toBe('')
})
