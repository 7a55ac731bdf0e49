import * as fc from 'fast-check'
import type { Entry, Write } from '../../src/model/entry.ts'
import type { Position } from '../../src/model/position.ts'
import { CODEC } from '../../src/model/value.ts'
import type { Value } from '../../src/model/value.ts'

const anyId = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'), minLength: 1, maxLength: 64 })
const anyCollection = fc.stringMatching(/^[a-z][a-z0-9_]{0,62}$/)
const anyPosition = fc.maxSafeNat() as fc.Arbitrary<Position>
const anyKey = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
  fc.nat(511).map((length) => 'k'.repeat(length + 1)),
  fc.constantFrom('__proto__', 'a/b', '../x', 'nul\0nul', '😀'.repeat(128), '\u0080', '\uffff'),
)
const anyValue: fc.Arbitrary<Value> = fc.record({
  codec: fc.constantFrom(...Object.values(CODEC)),
  rawBytes: fc.nat(2 ** 30),
  bytes: fc.oneof(
    { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    { weight: 1, arbitrary: fc.constantFrom(300, 70_000).map((length) => new Uint8Array(length).fill(7)) },
  ),
})
const anyWrite: fc.Arbitrary<Write> = fc.record({
  collection: anyCollection,
  key: anyKey,
  value: fc.option(anyValue, { nil: undefined }),
  ifVersion: fc.option(anyPosition, { nil: undefined }),
})

/** Every kind of entry with everything that it may contain. */
export function anyEntry(): fc.Arbitrary<Entry> {
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('write' as const),
        id: anyId,
        knownEnd: anyPosition,
        writes: fc.array(anyWrite, { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('void' as const), id: anyId, target: anyId }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('seal' as const), id: anyId, collection: anyCollection }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('opening' as const), id: anyId, generation: fc.nat(65_535) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('marker' as const), id: anyId }) },
  )
}
