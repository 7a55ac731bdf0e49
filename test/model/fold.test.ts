import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Entry, StoredEntry, WriteEntry } from '../../src/model/entry.ts'
import {
  AGE_MAX,
  advanceControl,
  judgeConditions,
  judgeControl,
  newControlState,
  place,
  placeAll,
} from '../../src/model/fold.ts'
import type { ControlState } from '../../src/model/fold.ts'
import { ORIGIN, plus, position } from '../../src/model/position.ts'
import type { Position } from '../../src/model/position.ts'
import { plainValue } from '../../src/model/value.ts'

const start = position(1, 0)

function write(
  id: string,
  knownEnd: Position,
  options: { collection?: string; ifVersion?: Position; keys?: string[] } = {},
): WriteEntry {
  const keys = options.keys ?? ['k']
  const value = plainValue(new Uint8Array([49]))
  return {
    kind: 'write',
    id,
    knownEnd,
    writes: keys.map((key) => ({
      collection: options.collection ?? 'c',
      key,
      value,
      ifVersion: options.ifVersion,
    })),
  }
}

/** Folds entries from the opening of generation 1; what each was judged by control entries alone. */
function fold(entries: readonly Entry[], state: ControlState = newControlState()): (string | undefined)[] {
  let offset = 0
  const all: Entry[] = [{ kind: 'opening', id: 'o', generation: 1 }, ...entries]
  const verdicts = all.map((entry) => {
    offset += 1
    const placed = place(state.through, { offset, entry })
    const verdict = judgeControl(state, placed)
    advanceControl(state, placed)
    if (verdict === undefined) return undefined
    return verdict.kind === 'void'
      ? `void by ${verdict.cause}`
      : verdict.kind === 'refused'
        ? verdict.code
        : verdict.kind
  })
  return verdicts.slice(1)
}

describe('places', () => {
  test('an opening is count 0 of its generation; every write and control entry takes one, a frame of n takes n', () => {
    const stored: StoredEntry[] = [
      { offset: 1, entry: { kind: 'opening', id: 'o', generation: 1 } },
      { offset: 2, entry: write('a', start) },
      { offset: 5, entry: write('b', start, { keys: ['x', 'y', 'z'] }) },
      { offset: 6, entry: { kind: 'marker', id: 'm' } },
      { offset: 7, entry: { kind: 'opening', id: 'o2', generation: 2 } },
      { offset: 8, entry: { kind: 'opening', id: 'late', generation: 1 } },
    ]
    expect(placeAll(ORIGIN, stored).map((one) => [one.first, one.last])).toEqual([
      [position(1, 0), position(1, 0)],
      [position(1, 1), position(1, 1)],
      [position(1, 2), position(1, 4)],
      [position(1, 5), position(1, 5)],
      [position(2, 0), position(2, 0)],
      [position(2, 1), position(2, 1)],
    ])
  })
})

describe('verdicts by control entries', () => {
  test('a void that comes first makes its entry void; one that comes after changes nothing', () => {
    expect(
      fold([
        { kind: 'void', id: 'v', target: 'a' },
        write('a', start),
        write('b', start),
        { kind: 'void', id: 'w', target: 'b' },
      ]),
    ).toEqual(['control', 'void by name', undefined, 'control'])
  })

  test('after an opening, entries of writers that had not read it are void', () => {
    expect(
      fold([{ kind: 'opening', id: 'o2', generation: 2 }, write('old', start), write('new', position(2, 0))]),
    ).toEqual(['control', 'void by generation', undefined])
  })

  test('a write is void by age exactly when its known end is more than the bound behind its own place', () => {
    const state = newControlState(4)
    const markers: Entry[] = Array.from({ length: 4 }, (_, n) => ({ kind: 'marker', id: `m${n}` }))
    // Its place is 1-5, its known end 1-1: four behind is not too old.
    expect(
      fold([...markers, write('a', position(1, 1)), write('b', position(1, 1))], state).slice(4),
    ).toEqual([undefined, 'void by age'])
  })

  test('a void is forgotten only when age takes over: no entry that it names ever counts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 12 }), (before, after) => {
        const state = newControlState(5)
        const filler = (n: number, tag: string): Entry[] =>
          Array.from({ length: n }, (_, index) => ({ kind: 'marker', id: `${tag}${index}` }))
        // The id was made before the void was written, so that its known end is at most where the void stands.
        const knownEnd = position(1, before)
        const verdicts = fold(
          [
            ...filler(before, 'x'),
            { kind: 'void', id: 'v', target: 'a' },
            ...filler(after, 'y'),
            write('a', knownEnd),
          ],
          state,
        )
        expect(verdicts.at(-1)).toMatch(/^void by/)
      }),
    )
  })

  test('voids are bounded: what is older than the age bound is dropped', () => {
    const state = newControlState(10)
    fold(
      Array.from({ length: 100 }, (_, n) => ({ kind: 'void', id: `v${n}`, target: `t${n}` })),
      state,
    )
    expect(state.voids.size).toBeLessThanOrEqual(11)
  })

  test('writes to a sealed collection are refused from the seal on, a frame that touches it whole', () => {
    const other = write('other', start, { collection: 'd' })
    expect(
      fold([write('a', start), { kind: 'seal', id: 's', collection: 'c' }, write('b', start), other]),
    ).toEqual([undefined, 'control', 'sealed', undefined])
  })

  test('the first seal counts, a second one changes nothing', () => {
    const state = newControlState()
    fold(
      [
        { kind: 'seal', id: 's', collection: 'c' },
        { kind: 'seal', id: 't', collection: 'c' },
      ],
      state,
    )
    expect(state.seals.get('c')).toBe(plus(start, 1))
  })

  test('the age bound is 2^20 positions unless a simulator says otherwise', () => {
    expect(newControlState().ageMax).toBe(AGE_MAX)
    expect(AGE_MAX).toBe(2 ** 20)
  })
})

describe('conditions', () => {
  test('hold only for exactly the version that the key has, absence being 0', () => {
    const at = (version: number) => () => version as Position
    expect(judgeConditions(write('a', start, { ifVersion: 0 as Position }), at(0)).kind).toBe('applied')
    expect(judgeConditions(write('a', start, { ifVersion: 0 as Position }), at(7)).kind).toBe('refused')
    expect(judgeConditions(write('a', start, { ifVersion: 7 as Position }), at(7)).kind).toBe('applied')
    expect(judgeConditions(write('a', start), at(7)).kind).toBe('applied')
  })

  test('a frame is refused whole when one of its conditions fails', () => {
    const entry = write('f', start, { keys: ['x', 'y'], ifVersion: 0 as Position })
    expect(judgeConditions(entry, (ref) => (ref.key === 'y' ? 3 : 0) as Position).kind).toBe('refused')
  })
})
