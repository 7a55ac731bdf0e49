import { expect, test } from 'vitest'
import { readSuites, runtimesOf } from '../../scripts/suites/suite-list.ts'
import { repoFiles } from './source-files.ts'

const suites = readSuites()
const testFiles = repoFiles().filter((file) => file.endsWith('.test.ts'))

test('every test file belongs to exactly one suite', () => {
  const owners = testFiles.map((file) => ({
    file,
    suites: suites.filter(({ folder }) => file.startsWith(`${folder}/`)).map(({ name }) => name),
  }))
  expect(owners.filter((owner) => owner.suites.length !== 1)).toEqual([])
})

test('every suite has test files, and owes at least one test on each runtime it names', () => {
  expect(suites.length).toBeGreaterThan(0)
  const empty = suites.filter(({ folder }) => !testFiles.some((file) => file.startsWith(`${folder}/`)))
  expect(empty.map(({ name }) => name)).toEqual([])
  const owing = suites.filter((suite) =>
    runtimesOf(suite).some((runtime) => (suite.testsMin[runtime] ?? 0) < 1),
  )
  expect(owing.map(({ name }) => name)).toEqual([])
})

test('suite names are unique', () => {
  expect(new Set(suites.map(({ name }) => name)).size).toBe(suites.length)
})
