import { expect, test } from 'vitest'
import { lossOf } from '../../src/engine/fused-loss.ts'
import type { Survivors } from '../../src/engine/fused-loss.ts'
import type { Mark, StoredEntry } from '../../src/model/entry.ts'
import { digestOf } from '../../src/model/fold.ts'
import { position } from '../../src/model/position.ts'
import { fusedOpening } from '../../src/ports/fused.ts'
import type { FusedFront } from '../../src/ports/fused.ts'

const TRIM_MARGIN = 100
const at = (generation: number, count: number) => position(generation, count)

/** An entry of a generation; which one does not matter here. */
const ENTRY = fusedOpening(1)

const markOf = (generation: number, count: number): Mark => {
  const where = at(generation, count)
  return { journal: 'j', position: where, offset: where, digest: digestOf(ENTRY, generation, where) }
}

/** A store whose stream has entries at these positions. */
const storeWith = (...positions: readonly number[]): FusedFront =>
  ({
    journal: {
      at: (_: number, offset: number): Promise<StoredEntry | undefined> =>
        Promise.resolve(positions.includes(offset) ? { entry: ENTRY, offset } : undefined),
    },
  }) as unknown as FusedFront

const ACKNOWLEDGED = { end: markOf(1, 80), landed: at(1, 40) }
const lossIn = (survivors: Omit<Survivors, 'trimMargin'>, ...positions: readonly number[]) =>
  lossOf(storeWith(...positions), 3, ACKNOWLEDGED, { ...survivors, trimMargin: TRIM_MARGIN })

test('what is landed, or still in the stream, is not lost', async () => {
  const kept = { first: at(1, 1), end: at(1, 80) }
  expect(await lossIn({ landed: at(1, 80), stream: undefined })).toEqual([])
  expect(await lossIn({ landed: at(1, 40), stream: kept }, at(1, 80))).toEqual([])
})

test('a stream that ends before it has lost it, from where the stream or the database ends', async () => {
  const cut = { first: at(1, 1), end: at(1, 60) }
  expect(await lossIn({ landed: at(1, 40), stream: cut }, at(1, 60))).toEqual([
    'partition 3 lost what was acknowledged after 1-60, up to 1-80',
  ])
  expect(await lossIn({ landed: at(1, 40), stream: undefined })).toEqual([
    'partition 3 lost what was acknowledged after 1-40, up to 1-80',
  ])
})

test('a stream that was trimmed past it has landed it', async () => {
  expect(await lossIn({ landed: at(1, 40), stream: { first: at(1, 90), end: at(1, 99) } })).toEqual([])
  const later = { first: at(3, 5), end: at(3, 400) }
  expect(await lossIn({ landed: at(3, TRIM_MARGIN + 5), stream: later })).toEqual([])
})

test('a stream that another process has emptied for a later generation has lost it', async () => {
  const opened = { first: at(3, 0), end: at(3, 2) }
  expect(await lossIn({ landed: at(3, 0), stream: opened }, at(3, 0))).toEqual([
    'partition 3 lost what was acknowledged after 1-40, up to 1-80',
  ])
})
