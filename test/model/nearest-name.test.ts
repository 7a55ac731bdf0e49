import { expect, test } from 'vitest'
import { didYouMean, nearestName } from '../../src/model/nearest-name.ts'

const KNOWN = ['name', 'key', 'columns', 'versionColumn', 'check', 'landing']

test.each([
  ['nmae', 'name'],
  ['Columns', 'columns'],
  ['version_column', 'versionColumn'],
  ['chek', 'check'],
])('%s was meant to be %s', (typed, meant) => {
  expect(nearestName(typed, KNOWN)).toBe(meant)
})

test.each(['history', 'x', 'colour', 'n'.repeat(500)])(
  '%s is near to nothing, so nothing is guessed',
  (typed) => {
    expect(nearestName(typed, KNOWN)).toBeUndefined()
    expect(didYouMean(typed, KNOWN)).toBe('')
  },
)
