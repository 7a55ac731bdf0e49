import { expect, test } from 'vitest'
import { didYouMean, nearestName } from '../../src/kit/nearest.ts'

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

test.each([
  ['nmae', 'name'],
  ['Columns', 'columns'],
  ['version_column', 'versionColumn'],
  ['chek', 'check'],
])('%s was meant to be %s', (typed, meant) => {
  expect(nearestName(typed, ['name', 'key', 'columns', 'versionColumn', 'check', 'landing'])).toBe(meant)
})

test.each(['history', 'x', 'n'.repeat(500)])('%s is near to nothing, so nothing is guessed', (typed) => {
  expect(didYouMean(typed, ['name', 'key', 'columns', 'versionColumn', 'check', 'landing'])).toBe('')
})
