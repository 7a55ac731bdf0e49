import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrontRecord } from '../../../src/drivers/memory/front-record.ts'
import { Slabs } from '../../../src/drivers/memory/slabs.ts'

const shelf = {
  evictor: { evict: () => undefined },
  collection: 'forms',
  records: new Map<string, FrontRecord>(),
}

/** Tells its seed wherever it is looked at. */
function filled(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(seed % 251)
  if (length > 4) new DataView(bytes.buffer).setUint32(length - 4, seed)
  return bytes
}

const length = fc.oneof(
  { weight: 20, arbitrary: fc.nat(2_000) },
  { weight: 3, arbitrary: fc.integer({ min: 20_000, max: 33_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0, 32 * 1024, 32 * 1024 + 1, 256 * 1024) },
)

test('every record has its bytes, and every reader keeps what was read, however often slabs are used again', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30), length), { minLength: 200, maxLength: 500 }), (writes) => {
      const slabs = new Slabs()
      const records = Array.from({ length: 31 }, (_, i) => new FrontRecord(shelf, `k${i}`))
      const expected = new Map<FrontRecord, Uint8Array>()
      const read: [Uint8Array, Uint8Array][] = []
      writes.forEach(([index, size], seed) => {
        const record = records[index] as FrontRecord
        const before = expected.get(record)
        if (before !== undefined && seed % 7 === 0) read.push([slabs.read(record), before])
        slabs.drop(record)
        const bytes = filled(size, seed)
        slabs.put(record, bytes)
        expected.set(record, bytes)
      })
      for (const [record, bytes] of expected) expect(Buffer.compare(slabs.read(record), bytes)).toBe(0)
      for (const [seen, bytes] of read) expect(Buffer.compare(seen, bytes)).toBe(0)
    }),
    { numRuns: 15 },
  )
})

test('slabs of which little is alive are emptied and used again', () => {
  const slabs = new Slabs()
  const records = Array.from({ length: 1_000 }, (_, i) => new FrontRecord(shelf, `k${i}`))
  const bytes = new Uint8Array(1_000)
  const used = new Set<unknown>()
  for (let i = 0; i < 50_000; i += 1) {
    // Scattered, so that every slab loses a part of what it has.
    const record = records[(i * 379) % 1_000] as FrontRecord
    slabs.drop(record)
    slabs.put(record, bytes)
    used.add(record.slab)
  }
  // 50 MB were written; 1 MB is alive in slabs of 256 KiB, a third more at most, and a few that are small or spare.
  expect(used.size).toBeLessThan(20)
})
