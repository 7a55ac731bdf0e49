import { describe, expect, test } from 'vitest'
import { judgeRound, reportedIn } from '../../scripts/chaos/judge.ts'
import type { Evidence, Window } from '../../scripts/chaos/judge.ts'
import type { SessionEvent } from '../../scripts/chaos/sessions.ts'
import type { Found } from '../scenarios/verdict.ts'

let clock = 0
const event = (fields: Partial<SessionEvent>): SessionEvent => {
  clock += 2
  return {
    key: 'k',
    op: 'put',
    n: 0,
    sent: clock,
    done: clock + 1,
    outcome: 'ok',
    version: 0,
    via: 'a',
    ...fields,
  }
}
const put = (n: number, version: number, fields: Partial<SessionEvent> = {}) =>
  event({ n, version, ...fields })
const read = (n: number, version: number, fields: Partial<SessionEvent> = {}) =>
  event({ op: 'read', n, version, ...fields })
const moment = (): number => (clock += 2)
const row = (n: number, version: number): Map<string, Found> =>
  new Map([['k', { version, n, counter: undefined }]])

const ALL = { generation: 0, after: 0, upTo: 1_000 }

const judged = (fields: Partial<Evidence>) =>
  judgeRound({
    events: [],
    finalReads: [],
    rows: new Map(),
    window: undefined,
    reports: [],
    ...fields,
  })
const rules = (fields: Partial<Evidence>) => judged(fields).breaches.map((breach) => breach.slice(0, 2))

/** Acknowledged before, inside and after a window; `lost` of them are not in SQL at the end. */
const course = (survives: 'all' | 'before' | 'nothing', changes: Partial<Window> = {}) => {
  const before = put(1, 10)
  const from = moment()
  const inside = put(2, 11)
  const fault = moment()
  const until = moment()
  const window: Window = { from, fault, until, landed: new Map(), ...changes }
  const [n, version] = survives === 'all' ? [inside.n, 11] : survives === 'before' ? [before.n, 10] : [0, 0]
  return {
    events: [before, inside],
    finalReads: [[read(n, version)]],
    rows: version === 0 ? new Map<string, Found>() : row(n, version),
    window,
    reports: [ALL],
  }
}

describe('where nothing may be lost', () => {
  test('an acknowledged write that SQL does not have is named', () => {
    const { window: _, ...evidence } = course('before')
    expect(rules(evidence)).toEqual(['R1'])
  })

  test('a row that is not what the processes say is named', () => {
    expect(rules({ events: [put(1, 10)], finalReads: [[read(1, 10)]], rows: row(1, 9) })).toEqual(['R6'])
  })

  test('every process is asked: one that still has an older value is found', () => {
    const events = [put(1, 10), put(2, 11)]
    expect(rules({ events, finalReads: [[read(2, 11)], [read(1, 10)]], rows: row(2, 11) }).sort()).toEqual([
      'R1',
      'R6',
    ])
  })
})

describe('where replicas are waited for', () => {
  const from = moment()
  const sent = moment()
  const events = [put(1, 10, { sent, done: sent }), read(2, 11), put(2, 20, { sent })]
  const evidence = { events, finalReads: [[read(2, 20)]], rows: row(2, 20) }
  const window: Window = { from, fault: moment(), until: moment(), landed: new Map() }

  test('a value that was shown before its replica had it may be gone', () => {
    expect(rules(evidence)).toEqual(['R7'])
    expect(rules({ ...evidence, unreplicatedReads: window })).toEqual([])
  })

  test('one that was acknowledged may not', () => {
    const lost = { ...evidence, events: [...events, put(3, 21)], unreplicatedReads: window }
    expect(rules({ ...lost, finalReads: [[read(2, 20)]] })).toContain('R1')
  })
})

describe('where loss is bounded', () => {
  test('what was acknowledged inside the window may be gone, and is counted', () => {
    expect(judged(course('before'))).toMatchObject({ breaches: [], lost: 1 })
  })

  test('what survived inside the window is not counted as lost', () => {
    expect(judged(course('all'))).toMatchObject({ breaches: [], lost: 0 })
  })

  test('what was acknowledged before the window must stay', () => {
    expect(rules(course('nothing'))).toContain('R1')
  })

  test('what SQL had at the fault must stay, whenever it was acknowledged', () => {
    expect(rules(course('before', { landed: row(2, 11) }))).toContain('R1')
  })

  test('what is sent after the window must stay', () => {
    const { window, ...evidence } = course('before')
    const late = put(3, 20)
    expect(
      rules({ ...evidence, window, events: [...evidence.events, late], finalReads: [[read(1, 10)]] }),
    ).toContain('R1')
  })

  test('loss that no log reports is a breach', () => {
    expect(rules({ ...course('before'), reports: [] })).toEqual(['L1'])
  })

  test('a report of something else is none', () => {
    expect(rules({ ...course('before'), reports: [{ generation: 0, after: 11, upTo: 20 }] })).toEqual(['L1'])
    expect(rules({ ...course('before'), reports: [{ generation: 1, after: 0, upTo: 20 }] })).toEqual(['L1'])
  })

  test('a report names the versions from after one up to another, in one generation', () => {
    const line = (from: string, upTo: string) =>
      reportedIn(`generation 4; partition 0 lost what was acknowledged after ${from}, up to ${upTo}`)
    expect(line('3-10', '3-12')).toEqual([{ generation: 3, after: 10, upTo: 12 }])
    expect(line('2-99', '3-12')).toEqual([{ generation: 3, after: -1, upTo: 12 }])
    expect(reportedIn('generation 4')).toEqual([])
  })

  test('up to the fault every rule holds, also for what is lost afterwards', () => {
    const before = put(1, 10)
    const from = moment()
    const events = [before, put(2, 11), read(1, 10)]
    const window: Window = { from, fault: moment(), until: moment(), landed: new Map() }
    expect(rules({ events, finalReads: [[read(1, 10)]], rows: row(1, 10), window, reports: [ALL] })).toEqual([
      'R1',
    ])
  })

  test('a version that means two things is never excused', () => {
    const from = moment()
    const events = [put(1, 10)]
    const window: Window = { from, fault: moment(), until: moment(), landed: new Map() }
    const again = put(2, 10)
    const evidence = {
      events: [...events, again],
      finalReads: [[read(2, 10)]],
      rows: row(2, 10),
      window,
      reports: [ALL],
    }
    expect(rules(evidence)).toContain('R2')
  })

  test('a save that comes back under another version is never excused', () => {
    const from = moment()
    const events = [put(1, 10), put(2, 11)]
    const window: Window = { from, fault: moment(), until: moment(), landed: new Map() }
    const evidence = { events, finalReads: [[read(1, 12)]], rows: row(1, 12), window, reports: [ALL] }
    expect(rules(evidence)).toContain('R7')
  })

  test('only the wrong side of a split may show less than was known, and only while it lasts', () => {
    const fault = moment()
    const events = [put(1, 10), put(2, 11, { via: 'right' }), read(1, 10, { via: 'wrong' })]
    const window: Window = { from: 0, fault, until: moment(), landed: new Map(), wrongSide: ['wrong'] }
    const evidence = { events, finalReads: [[read(2, 11)]], rows: row(2, 11), reports: [ALL] }
    expect(rules({ ...evidence, window })).toEqual([])
    const after = read(1, 10, { via: 'wrong' })
    expect(rules({ ...evidence, window, events: [...events, read(2, 11), after] })).toContain('R1')
  })
})
