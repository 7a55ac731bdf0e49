import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keysToJudge, planLanding, refId } from '../../src/model/batch.ts'
import type { LandingPlan } from '../../src/model/batch.ts'
import type { Entry, Write } from '../../src/model/entry.ts'
import { newControlState, placeAll } from '../../src/model/fold.ts'
import { acceptedOf } from '../../src/model/ledger.ts'
import { ABSENT, plus, position } from '../../src/model/position.ts'
import type { Position, Version } from '../../src/model/position.ts'
import { plainValue } from '../../src/model/value.ts'

const start = position(1, 0)
const at = (count: number): Position => plus(start, count)
const value = plainValue(new TextEncoder().encode('1'))
const put = (key: string, ifVersion?: Position): Write => ({ collection: 'c', key, value, ifVersion })
const remove = (key: string): Write => ({ collection: 'c', key, value: undefined, ifVersion: undefined })
let ids = 0
const entry = (...writes: Write[]): Entry => ({
  kind: 'write',
  id: `e${(ids += 1)}`,
  knownEnd: start,
  writes,
})

interface Options {
  rejected?: number[]
  history?: boolean
  versions?: Record<string, Position>
}

function plan(entries: readonly Entry[], options: Options = {}): LandingPlan {
  const control = newControlState()
  control.through = start
  return planLanding({
    control,
    entries: placeAll(
      start,
      entries.map((one, index) => ({ offset: index + 2, entry: one })),
    ),
    versionOf: (ref) => options.versions?.[ref.key] ?? ABSENT,
    judged: false,
    rejected: new Map((options.rejected ?? []).map((count) => [at(count) as Version, 'bad data'])),
    hasHistory: () => options.history ?? false,
  })
}

const shown = (rows: readonly { key: string; version: number }[]): string[] =>
  rows.map((row) => `${row.key}@${row.version - start}`)

describe('the landing plan', () => {
  test('lands the newest write of each key, sorted, and counts the others as superseded', () => {
    const made = plan([entry(put('b')), entry(put('a')), entry(put('b')), entry(remove('a'))])
    expect(shown(made.rows)).toEqual(['a@4', 'b@3'])
    expect(made.rows[0]?.value).toBeUndefined()
    expect(made.counts).toMatchObject({ landed: 2, superseded: 2, refused: 0 })
  })

  test.each([
    ['good1 good2', [], 'k@2', '', 1],
    ['good1 bad2', [2], 'k@1', 'k@2', 0],
    ['bad1 good2', [1], 'k@2', '', 1],
    ['bad1 bad2', [1, 2], '', 'k@2', 1],
  ])('%s', (_, rejected, landed, parked, superseded) => {
    const made = plan([entry(put('k')), entry(put('k'))], { rejected })
    expect(shown(made.rows).join()).toBe(landed)
    expect(shown(made.park).join()).toBe(parked)
    expect(made.counts.superseded).toBe(superseded)
  })

  test('a frame is parked whole, and its other keys land again only with a newer write', () => {
    const made = plan([entry(put('a'), put('b')), entry(put('b'))], { rejected: [1] })
    expect(shown(made.park)).toEqual(['a@1'])
    expect(made.park[0]?.frame).toBe(at(1))
    expect(shown(made.rows)).toEqual(['b@3'])
    expect(made.counts).toMatchObject({ landed: 1, parked: 1, superseded: 1 })
  })

  test('conditions see earlier writes of the same batch, parked ones and deletes included', () => {
    const made = plan(
      [
        entry(put('a')),
        entry(put('a', at(1))),
        entry(remove('a')),
        entry(put('a', ABSENT)),
        entry(put('a', at(1))),
      ],
      {
        rejected: [1],
      },
    )
    expect(made.counts).toMatchObject({ refused: 1 })
    expect(made.refused).toEqual([at(5)])
    expect(shown(made.rows)).toEqual(['a@4'])
  })

  test('conditions on keys that the batch does not write are judged by the database', () => {
    const made = plan([entry(put('a', at(9))), entry(put('b', at(9)))], { versions: { a: at(9), b: at(8) } })
    expect(shown(made.rows)).toEqual(['a@1'])
    expect(made.refused).toEqual([at(2)])
  })

  test('with history every good version lands and none is superseded', () => {
    const made = plan([entry(put('k')), entry(put('k')), entry(put('k'))], { history: true })
    expect(shown(made.history)).toEqual(['k@1', 'k@2', 'k@3'])
    expect(made.counts).toMatchObject({ landed: 3, superseded: 0 })
  })

  test('void and sealed writes reach no row, and are counted', () => {
    const target = entry(put('v'))
    const made = plan([
      { kind: 'void', id: 'x', target: target.id },
      target,
      { kind: 'seal', id: 's', collection: 'c' },
      entry(put('late')),
      { kind: 'marker', id: 'm' },
    ])
    expect(made.rows).toEqual([])
    expect(made.counts).toEqual({ landed: 0, superseded: 0, refused: 1, parked: 0, voided: 1, control: 3 })
    expect(made.voids).toEqual([[target.id, at(1)]])
    expect(made.seals).toEqual([['c', at(3)]])
  })

  test('every position is counted exactly once, whatever is written, refused and rejected', () => {
    const keys = fc.constantFrom('a', 'b', 'c')
    const write = fc.record({ key: keys, kind: fc.constantFrom('put', 'delete', 'if', 'create') })
    const frames = fc.uniqueArray(write, { minLength: 1, maxLength: 3, selector: (one) => one.key })
    fc.assert(
      fc.property(
        fc.array(frames, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 36 })),
        fc.boolean(),
        (all, rejected, history) => {
          const entries = all.map((frame, index) =>
            entry(
              ...frame.map(({ key, kind }) => {
                if (kind === 'delete') return remove(key)
                return kind === 'put' ? put(key) : put(key, kind === 'if' ? at(index) : ABSENT)
              }),
            ),
          )
          const made = plan(entries, { rejected, history })
          const positions = all.reduce((sum, frame) => sum + frame.length, 0)
          expect(acceptedOf(made.counts)).toBe(positions)
          expect(Math.min(...Object.values(made.counts))).toBeGreaterThanOrEqual(0)
          // A key is landed at most once, parked at most once, and what is parked is newer than what lands.
          const landed = new Map(made.rows.map((row) => [refId(row), row.version]))
          expect(landed.size).toBe(made.rows.length)
          for (const parked of made.park)
            expect(parked.version).toBeGreaterThan(landed.get(refId(parked)) ?? 0)
        },
      ),
    )
  })

  test('only conditional keys are asked for', () => {
    const placed = placeAll(start, [
      { offset: 2, entry: entry(put('a')) },
      { offset: 3, entry: entry(put('b', ABSENT), put('a', ABSENT)) },
      { offset: 4, entry: entry(put('b', ABSENT)) },
    ])
    expect(keysToJudge(placed).map((ref) => ref.key)).toEqual(['b', 'a'])
  })
})
