import { expect, test } from 'vitest'
import { SpillwayError } from '../../src/errors.ts'
import type { EngineContext } from '../../src/engine/context.ts'
import { lossOf, lossSince } from '../../src/engine/fused-loss.ts'
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
const storeWith = (...positions: readonly number[]): FusedFront => {
  const stored = (offset: number): StoredEntry => ({ entry: ENTRY, offset })
  return {
    journal: {
      at: (_: number, offset: number) =>
        Promise.resolve(positions.includes(offset) ? stored(offset) : undefined),
      info: () => Promise.resolve({ identity: 'j', first: 1, end: Math.max(0, ...positions) }),
      read: (_: number, after: number) =>
        Promise.resolve({ entries: positions.filter((offset) => offset > after).map(stored) }),
    },
  } as unknown as FusedFront
}

const ACKNOWLEDGED = { end: markOf(1, 80), landed: at(1, 40) }
const lossIn = (survivors: Omit<Survivors, 'trimMargin'>, ...positions: readonly number[]) =>
  lossOf(storeWith(...positions), 3, ACKNOWLEDGED, { ...survivors, trimMargin: TRIM_MARGIN })

const LOST = ['partition 3 lost what was acknowledged after 1-40, up to 1-80']

test('what is landed, or still in the stream, is not lost', async () => {
  expect(await lossIn({ landed: at(1, 80), stream: undefined })).toEqual([])
  expect(await lossIn({ landed: at(1, 40), stream: { end: at(1, 80) } }, at(1, 80))).toEqual([])
})

test('what a stream does not have any more is lost, from where the stream or the database ends', async () => {
  expect(await lossIn({ landed: at(1, 40), stream: { end: at(1, 60) } }, at(1, 60))).toEqual([
    'partition 3 lost what was acknowledged after 1-60, up to 1-80',
  ])
  expect(await lossIn({ landed: at(1, 40), stream: undefined })).toEqual(LOST)
})

test('a stream that was trimmed past it has landed it', async () => {
  expect(await lossIn({ landed: at(1, 40), stream: { end: at(1, 99) } }, at(1, 90))).toEqual([])
  const later = { landed: at(3, TRIM_MARGIN + 5), stream: { end: at(3, 400) } }
  expect(await lossIn(later, at(3, 6))).toEqual([])
})

test('a stream that another process has emptied for a later generation has lost it', async () => {
  expect(await lossIn({ landed: at(3, 0), stream: { end: at(3, 1) } }, at(3, 0), at(3, 1))).toEqual(LOST)
})

test('a stream that is trimmed just now is looked at again', async () => {
  const fused = storeWith(at(1, 90))
  const { read } = fused.journal
  let reads = 0
  fused.journal.read = (...asked) => {
    reads += 1
    if (reads === 1) throw new SpillwayError('journal-mismatch', 'Entries after 0 were trimmed away.')
    return read(...asked)
  }
  const survivors = { landed: at(1, 40), stream: { end: at(1, 99) }, trimMargin: TRIM_MARGIN }
  expect(await lossOf(fused, 3, ACKNOWLEDGED, survivors)).toEqual([])
})

test('where another process began the generation, the same is found out from the store and the database', async () => {
  const since = (landed: number, ...positions: readonly number[]) => {
    const context = {
      database: { partitions: () => Promise.resolve([{ partition: 0, mark: markOf(2, landed) }]) },
      settings: { trimMargin: TRIM_MARGIN },
    }
    return lossSince(context as unknown as EngineContext, storeWith(...positions), [ACKNOWLEDGED], 2)
  }
  expect(await since(0, at(1, 80))).toEqual([])
  expect(await since(TRIM_MARGIN, at(2, 1))).toEqual([])
  const lost = ['partition 0 lost what was acknowledged after 1-40, up to 1-80']
  expect(await since(0, at(1, 60), at(2, 0))).toEqual(lost)
  expect(await since(0, at(2, 0))).toEqual(lost)
})
