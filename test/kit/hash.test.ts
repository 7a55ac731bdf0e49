import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hash32, hash64, hash64Joined } from '../../src/kit/hash.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by))

/** MurmurHash3_x86_32 written down as published, over bytes, to compare with. */
function plainMurmur(bytes: Uint8Array, seed: number): number {
  let hash = seed
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4)
  padded.set(bytes)
  const view = new DataView(padded.buffer)
  for (let at = 0; at < padded.length; at += 4) {
    const k = Math.imul(rotate(Math.imul(view.getUint32(at, true), 0xcc9e2d51), 15), 0x1b873593)
    hash ^= k
    if (at + 4 <= bytes.length) hash = (Math.imul(rotate(hash, 13), 5) + 0xe6546b64) | 0
  }
  hash ^= bytes.length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Any UTF-16 units, mostly ASCII, so that runs of it end at every place of a block. */
const anyUnit = fc.oneof(
  { weight: 6, arbitrary: fc.nat(0x7f) },
  fc.nat(0xffff),
  fc.integer({ min: 0xd800, max: 0xdfff }),
)
const anyText = fc.oneof(
  fc.array(anyUnit, { maxLength: 40 }).map((units) => String.fromCharCode(...units)),
  fc.string({ unit: 'binary', maxLength: 40 }),
)

describe('hash32', () => {
  test.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['aa', 0x9747b28c, 0x5d211726],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
    ['ππππππππ', 0x9747b28c, 0xd58063c1],
    ['Hello World! Hello World! Hello World', 0, 0x1482ae00],
    ['メロスは激怒', 0, 0xb36c3b80],
    ['メロスは激怒した。必ず、かの邪智暴虐の王を除かなければならぬと決意した。', 0x7fffffff, 0xea95d42e],
  ])('gives the published answer for %j with seed %i', (text, seed, expected) => {
    expect(hash32(text, seed)).toBe(expected)
  })

  test('equals the plain algorithm over the UTF-8 bytes of any string, lone surrogates included', () => {
    fc.assert(
      fc.property(anyText, fc.integer(), (text, seed) => {
        expect(hash32(text, seed)).toBe(plainMurmur(bytesOf(text), seed))
      }),
      { numRuns: 2000 },
    )
    for (const text of [
      '\ud800',
      '\udc00',
      'ab\ud83d',
      '\ud83dx\ude00',
      '\ude00\ud83d',
      'abc😀d',
      '\ud83d\ud83d\ude00',
    ]) {
      expect(hash32(text)).toBe(plainMurmur(bytesOf(text), 0))
    }
  })

  test('spreads keys that differ by a counter evenly over partitions', () => {
    const counts = Array.from({ length: 16 }, () => 0)
    for (let index = 0; index < 160_000; index += 1) {
      const partition = hash32(`candidate-${index}`) % 16
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(600)
  })
})

describe('hash64', () => {
  test.each([
    ['', 0, '0000000000000000'],
    ['', 1, '88c4adec54d201b9'],
    ['0', 0, '0ab2409ea5eb34f8'],
    ['Hello', 0, '2360ae465e6336c6'],
    ['Hello Wo', 0, 'db37ce0fe9a99ae0'],
    ['Hello Worl', 0, '2444bd95337fb219'],
    ['Hello World!', 0, '6bee9883eb1be4f5'],
    ['Hello World! He', 0, '784f7f08ab145b43'],
    ['Hello World! Hel', 0, '82475db0161f88d8'],
    ['Hello World! Hell', 0, 'a0cf95de87e61640'],
    ['Hello World! Hello World! Hello ', 0, '4855a598c76f875e'],
    ['Hello World! Hello World! Hello Worl', 0, '436b1e30e43564f7'],
    ["I will not buy this tobacconist's, it is scratched.", 0, '9b5b7ba2ef3f7866'],
    ['The quick brown fox jumps over the lazy dog', 0, '2f1583c3ecee2c67'],
  ])('gives the first half of the published answer for %j with seed %i', (text, seed, expected) => {
    expect(hash64(bytesOf(text), seed)).toBe(expected)
  })

  test('does not depend on where the bytes lie in their buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(9), (bytes, offset) => {
        const shifted = new Uint8Array(bytes.length + offset + 5).fill(0xaa)
        shifted.set(bytes, offset)
        expect(hash64(shifted.subarray(offset, offset + bytes.length))).toBe(hash64(bytes))
      }),
    )
  })

  test('notices any change of one bit and any zero byte at the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 70 }), fc.nat(), (bytes, at) => {
        const changed = Uint8Array.from(bytes)
        const bit = at % (bytes.length * 8)
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(hash64(changed)).not.toBe(hash64(bytes))
        expect(hash64(Uint8Array.from([...bytes, 0]))).not.toBe(hash64(bytes))
      }),
    )
  })

  test('of joined texts, a number and bytes is that of all of them together, whatever was hashed before', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ maxLength: 40 }))
    const number = fc.oneof(
      fc.maxSafeNat(),
      fc.nat(),
      fc.constantFrom(0, 999_999_999, 1e9, 1e15, 2 ** 53 - 1),
    )
    const long = fc.integer({ min: 60_000, max: 200_000 }).map((length) => new Uint8Array(length).fill(7))
    fc.assert(
      fc.property(text, number, text, fc.oneof(fc.uint8Array({ maxLength: 70 }), long), (a, n, b, bytes) => {
        const whole = Buffer.concat([bytesOf(`${a}\0${n}\0${b}\0`), bytes])
        expect(hash64Joined(a, n, b, bytes)).toBe(hash64(whole))
      }),
    )
  })
})
