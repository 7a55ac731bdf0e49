import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { PackedEntries } from '../../src/engine/packed-entries.ts'
import type { PlacedEntry } from '../../src/model/entry.ts'
import { markAfter, placeAll } from '../../src/model/fold.ts'
import { position } from '../../src/model/position.ts'
import type { Position } from '../../src/model/position.ts'
import { anyEntry } from '../conformance/any-entry.ts'

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ push: fc.array(anyEntry(), { minLength: 1, maxLength: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ forget: fc.nat(100) }) },
)

test('gives back the entries that were packed, after any position, until they are forgotten', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const packed = new PackedEntries()
      let all: PlacedEntry[] = []
      let end = position(1, 0)
      let offset = 0
      for (const one of steps) {
        if ('push' in one) {
          const placed = placeAll(
            end,
            one.push.map((entry) => ({ offset: (offset += 1), entry })),
          )
          const last = placed.at(-1) as PlacedEntry
          packed.push(end, placed, markAfter('journal', last))
          end = last.last
          all.push(...placed)
        } else {
          const upTo = all[Math.floor((all.length * one.forget) / 100)]?.last ?? end
          const mark = packed.forget(upTo)
          if (mark === undefined) continue
          expect(mark.position).toBeLessThanOrEqual(upTo)
          all = all.filter(({ last }) => last > mark.position)
        }
        expect(packed.entries).toBe(all.length)
        for (let index = 0; index < all.length; index += 5) {
          const from = ((all[index] as PlacedEntry).first - 1) as Position
          expect(packed.after(from, 1_000, 1e9)).toEqual(all.slice(index))
          expect(packed.after(from, 2, 1e9)).toEqual(all.slice(index, index + 2))
          expect(packed.after(from, 1_000, 1)).toEqual(all.slice(index, index + 1))
        }
      }
    }),
    { numRuns: 15 },
  )
})

test('what it gave does not change when its memory is used again', () => {
  const packed = new PackedEntries()
  const entry = (n: number, fill: number) => ({
    kind: 'write' as const,
    id: `entry-${n}`,
    knownEnd: position(1, 0),
    writes: [
      {
        collection: 'forms',
        key: `k${n}`,
        value: { codec: 0 as const, rawBytes: 60_000, bytes: new Uint8Array(60_000).fill(fill) },
        ifVersion: undefined,
      },
    ],
  })
  let end = position(1, 0)
  const push = (n: number, fill: number): void => {
    const placed = placeAll(end, [{ offset: n, entry: entry(n, fill) }])
    packed.push(end, placed, markAfter('journal', placed[0] as PlacedEntry))
    end = (placed[0] as PlacedEntry).last
  }
  for (let n = 1; n <= 20; n += 1) push(n, 1)
  const given = packed.after(position(1, 0), 100, 1e9)
  packed.forget(end)
  for (let n = 21; n <= 60; n += 1) push(n, 2)
  expect(given).toHaveLength(20)
  for (const { entry: one } of given)
    expect(one.kind === 'write' && one.writes[0]?.value?.bytes.every((byte) => byte === 1)).toBe(true)
})
