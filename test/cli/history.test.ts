import { expect, test } from 'vitest'
import { History } from '../../src/cli/demo/history.ts'

function saved(key: string, versions: readonly number[]): History {
  const history = new History()
  for (const version of versions) history.acknowledge(key, history.nextSave(key), version)
  return history
}
const read = (history: History, key: string, found: { version: number; n: number } | undefined) => {
  history.endRead(history.startRead(key), found)
  return history.findings.map((finding) => finding.breach)
}

test('reading what was acknowledged last is right', () => {
  expect(read(saved('a', [10, 20]), 'a', { version: 20, n: 2 })).toEqual([])
})

test('an acknowledged save that is gone, or overtaken by an older one, is lost', () => {
  expect(read(saved('a', [10, 20]), 'a', undefined)).toEqual(['lost'])
  expect(read(saved('a', [10, 20]), 'a', { version: 10, n: 1 })).toEqual(['lost'])
  expect(read(saved('a', [10, 20]), 'a', { version: 30, n: 1 })).toEqual(['lost'])
})

test('another value at the acknowledged version is found', () => {
  const history = saved('a', [10, 20])
  history.nextSave('a')
  expect(read(history, 'a', { version: 20, n: 3 })).toEqual(['not as acknowledged'])
})

test('a save without an answer may have counted or not', () => {
  const counted = saved('a', [10])
  counted.nextSave('a')
  counted.unanswered()
  expect(read(counted, 'a', { version: 11, n: 2 })).toEqual([])
  const not = saved('a', [10])
  not.nextSave('a')
  expect(read(not, 'a', { version: 10, n: 1 })).toEqual([])
})

test('what a read has shown may not be taken back, although it was never acknowledged', () => {
  const history = saved('a', [10])
  history.nextSave('a')
  expect(read(history, 'a', { version: 11, n: 2 })).toEqual([])
  expect(read(history, 'a', { version: 10, n: 1 })).toEqual(['went back'])
})

test('a value that nobody sent is found', () => {
  expect(read(saved('a', [10]), 'a', { version: 12, n: 7 })).toEqual(['never sent'])
})

test('an acknowledgement with a version that is not newer is found', () => {
  expect(saved('a', [20, 10]).findings.map((finding) => finding.breach)).toEqual(['went back'])
})

test('a read is judged by what was known when it was sent', () => {
  const history = saved('a', [10])
  const start = history.startRead('a')
  history.acknowledge('a', history.nextSave('a'), 20)
  history.endRead(start, { version: 10, n: 1 })
  expect(history.findings).toEqual([])
})
