import { expect, test } from 'vitest'
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
      read: (_: number, after: number) =>
        Promise.resolve({ entries: positions.filter((offset) => offset > after).map(stored) }),
    },
  } as unknown as FusedFront
}

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
  const trimmed = { first: at(1, 85), end: at(1, 99) }
  expect(await lossIn({ landed: at(1, 40), stream: trimmed }, at(1, 90))).toEqual([])
  const later = { first: at(3, 5), end: at(3, 400) }
  expect(await lossIn({ landed: at(3, TRIM_MARGIN + 5), stream: later }, at(3, 6))).toEqual([])
})

test('a stream that another process has emptied for a later generation has lost it, however far it had come', async () => {
  for (const trimmed of [at(1, 60), at(1, 99)]) {
    const opened = { first: trimmed + 1, end: at(3, 2) }
    expect(await lossIn({ landed: at(3, 0), stream: opened }, at(3, 0), at(3, 1))).toEqual([
      'partition 3 lost what was acknowledged after 1-40, up to 1-80',
    ])
  }
})

test('where another process began the generation, the same is found out from the store and the database', async () => {
  const since = (landed: number, first: number, ...positions: readonly number[]) => {
    const fused = storeWith(...positions)
    Object.assign(fused.journal, { info: () => Promise.resolve({ identity: 'j', first, end: at(2, 400) }) })
    const rows = [{ partition: 0, mark: markOf(2, landed) }]
    const context = {
      database: { partitions: () => Promise.resolve(rows) },
      settings: { trimMargin: TRIM_MARGIN },
    }
    return lossSince(context as unknown as EngineContext, fused, [ACKNOWLEDGED], 2)
  }
  expect(await since(0, at(1, 1), at(1, 80))).toEqual([])
  expect(await since(TRIM_MARGIN, at(2, 1), at(2, 1))).toEqual([])
  const lost = ['partition 0 lost what was acknowledged after 1-40, up to 1-80']
  expect(await since(0, at(1, 1), at(1, 60))).toEqual(lost)
  expect(await since(0, at(2, 0), at(2, 0))).toEqual(lost)
})
