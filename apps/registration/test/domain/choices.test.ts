import { expect, test } from 'vitest'
import { checkChoices } from '../../src/domain/choices.ts'

const catalogue = {
  hasSchool: (school: string) => school.startsWith('1'),
  hasMajor: (school: string, major: string) => school.startsWith('1') && major.startsWith('0'),
}

const problems = (given: unknown, max = 3): unknown => {
  const checked = checkChoices(given, catalogue, max)
  return checked.ok ? [] : checked.problems.map(({ index, code }) => [index, code])
}

test('the order of choices is kept', () => {
  const given = [
    { school: '12', major: '01' },
    { school: '11', major: '02' },
  ]
  expect(checkChoices(given, catalogue, 3)).toEqual({ ok: true, choices: given })
})

test('all problems are told at once, each with its place', () => {
  expect(
    problems([
      { school: '11', major: '01' },
      { school: '2', major: '01' },
      { school: '11', major: '9' },
    ]),
  ).toEqual([
    [1, 'unknown-school'],
    [2, 'unknown-major'],
  ])
})

test('a choice cannot come twice, also where another stands between', () => {
  const one = { school: '11', major: '01' }
  expect(problems([one, { school: '11', major: '02' }, one])).toEqual([[2, 'duplicate']])
})

test('more than the bound, none, and what is no list are refused', () => {
  const three = ['01', '02', '03'].map((major) => ({ school: '11', major }))
  expect(problems(three)).toEqual([])
  expect(problems(three, 2)).toEqual([[null, 'too-many']])
  expect(problems([])).toEqual([[null, 'empty']])
  for (const given of [undefined, null, 'x', {}, 7]) expect(problems(given)).toEqual([[null, 'malformed']])
})

test('a choice with other fields than its two is refused: they would be lost', () => {
  for (const given of [
    null,
    7,
    {},
    { school: '11' },
    { school: '11', major: 1 },
    { school: '11', major: '01', note: 'x' },
  ])
    expect(problems([given])).toEqual([[0, 'malformed']])
})
