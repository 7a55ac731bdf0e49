import { describe, expect, test } from 'vitest'
import { judge } from './verdict.ts'
import type { HistoryEvent } from './verdict.ts'

let clock = 0
const event = (fields: Partial<HistoryEvent>): HistoryEvent => {
  clock += 2
  return { key: 'k', op: 'put', n: 0, sent: clock, done: clock + 1, outcome: 'ok', version: 0, ...fields }
}
const put = (n: number, version: number, fields: Partial<HistoryEvent> = {}) =>
  event({ n, version, ...fields })
const read = (n: number, version: number, fields: Partial<HistoryEvent> = {}) =>
  event({ op: 'read', n, version, ...fields })
const breaches = (...events: HistoryEvent[]) => judge(events).breaches.map((breach) => breach.slice(0, 2))

describe('a right history has no breach', () => {
  test.each([
    ['write then read', [put(1, 10), read(1, 10)]],
    ['an unknown write that counted', [put(1, 10), put(2, 0, { outcome: 'unknown' }), read(2, 11)]],
    ['an unknown write that did not', [put(1, 10), put(2, 0, { outcome: 'unknown' }), read(1, 10)]],
    ['a delete', [put(1, 10), event({ op: 'delete', version: 11 }), read(0, 0)]],
    ['a refused write', [put(1, 10), put(2, 0, { outcome: 'refused' }), read(1, 10)]],
    ['counters', [put(1, 10, { counter: 1 }), put(2, 11, { counter: 2 }), read(2, 11, { counter: 2 })]],
  ])('%s', (_, events) => {
    expect(breaches(...events)).toEqual([])
  })
})

describe('each breach is found', () => {
  test.each([
    ['R1', 'a lost write', [put(1, 10), read(0, 0)]],
    ['R1', 'an older value', [put(1, 10), put(2, 11), read(1, 10)]],
    ['R1', 'a read taken back', [put(1, 10), put(2, 0, { outcome: 'unknown' }), read(2, 11), read(1, 10)]],
    [
      'R1',
      'a deleted record after a newer put',
      [event({ op: 'delete', version: 9 }), put(1, 10), read(0, 0)],
    ],
    ['R2', 'two values at one version', [put(1, 10), put(2, 0, { outcome: 'unknown' }), read(2, 10)]],
    ['R3', 'a value from nowhere', [put(1, 10), read(5, 12)]],
    ['R3', 'a refused write that shows', [put(1, 10), put(2, 0, { outcome: 'refused' }), read(2, 11)]],
    ['R4', 'a version that goes back', [put(1, 11), put(2, 10)]],
    [
      'R5',
      'a lost increment',
      [put(1, 10, { counter: 1 }), put(2, 11, { counter: 2 }), put(3, 12, { counter: 2 })],
    ],
  ])('%s: %s', (rule, _, events) => {
    expect(breaches(...events)).toContain(rule)
  })
})
