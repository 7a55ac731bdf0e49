import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeHeld, encodeHeld } from '../../../src/drivers/redis/layout.ts'
import { ABSENT, PREEXISTING, position } from '../../../src/model/position.ts'
import type { Version } from '../../../src/model/position.ts'
import { CODEC } from '../../../src/model/value.ts'
import type { Codec } from '../../../src/model/value.ts'
import { HELD_ABSENT } from '../../../src/ports/front.ts'
import { Speaker } from '../../conformance/fused-under-test.ts'
import { shown } from '../../conformance/line.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { oneWriter } from './one-writer.ts'

const redis = await privateRedis({ appendfsync: 'everysec' })

const versions = fc.oneof(
  fc.constantFrom<Version>(
    PREEXISTING,
    position(1, 0),
    position(511, 2 ** 36 - 1),
    position(512, 0),
    position(1, 2 ** 36),
    position(65_535, 2 ** 36 - 1),
  ),
  fc
    .tuple(fc.integer({ min: 1, max: 65_535 }), fc.bigInt({ min: 0n, max: 2n ** 37n - 1n }))
    .map(([generation, count]) => position(generation, Number(count))),
)

test('what is stored comes back, whatever its version, codec and length', () => {
  fc.assert(
    fc.property(
      versions,
      fc.constantFrom<Codec>(CODEC.plain, CODEC.gzip, CODEC.zstd),
      fc.uint8Array({ maxLength: 40 }),
      fc.option(fc.integer({ min: 0, max: 16 * 2 ** 20 })),
      (version, codec, bytes, raw) => {
        const rawBytes = raw ?? bytes.byteLength
        const held = decodeHeld(encodeHeld({ version, value: { codec, rawBytes, bytes } }))
        expect(held).toMatchObject({ version, value: { codec, rawBytes } })
        expect(Buffer.compare(held.value?.bytes as Uint8Array, bytes)).toBe(0)
      },
    ),
  )
  expect(decodeHeld(encodeHeld(HELD_ABSENT))).toEqual(HELD_ABSENT)
})

test('bytes of another program are refused, not guessed', () => {
  for (const stored of ['', 'x', '\xff12345678', '\xe41234567'])
    expect(() => decodeHeld(Buffer.from(stored, 'latin1'))).toThrow('no header of Spillway')
})

test('scripts and driver read and write the same headers, also of generations that need the long form', async () => {
  for (const generation of [1, 511, 512, 60_000]) {
    const one = await oneWriter({ url: redis.url })
    if (generation > 1) await one.raise(generation, true)
    // Another process moves the stream, so that headers that were made beforehand have to be made again.
    const other = await new Speaker(one.fused).join(generation)
    const stale = one.put('a', '"late"')
    await other.send(other.put('b', '1'), other.delete('c'))
    await one.send(stale, one.put('d', '1', { ifVersion: position(generation, 9) }), one.put('d', '"moved"'))
    const refs = ['a', 'b', 'c', 'd'].map((key) => ({ collection: 'forms', key }))
    const { held } = await one.fused.front.read(0, refs)
    expect(held.map(shown)).toEqual([
      `${position(generation, 3)} "late"`,
      `${position(generation, 1)} 1`,
      '0 absent',
      `${position(generation, 4)} "moved"`,
    ])
    expect(await one.send(one.put('a', '2', { ifVersion: position(generation, 3) }))).toMatchObject([
      { kind: 'applied' },
    ])
    expect(await one.send(one.put('c', '2', { ifVersion: ABSENT }))).toMatchObject([{ kind: 'applied' }])
  }
})

test('a plain batch whose caller believes in another epoch is written where readers look', async () => {
  const one = await oneWriter({ url: redis.url })
  await one.send(one.put('a', '1'))
  expect(await redis.ask(`HSET ${one.namespace}:{0}:state epoch ffffffff`)).toBe(':0')
  expect(await one.send(one.put('a', '2'))).toMatchObject([{ kind: 'applied' }])
  const { held } = await one.fused.front.read(0, [{ collection: 'forms', key: 'a' }])
  expect(held.map((one) => one && shown(one))).toEqual([`${position(1, 2)} 2`])
})
