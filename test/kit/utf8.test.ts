import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareUtf8, decodeUtf8Strict, encodeUtf8, isWellFormed, utf8Length } from '../../src/kit/utf8.ts'

/** Any UTF-16 units, so lone surrogates and pairs in every order. */
const anyUnit = fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd800, max: 0xdfff }))
const anyText = fc.array(anyUnit).map((units) => String.fromCharCode(...units))
const wellFormed = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  // Around the places where the order of UTF-16 units and of code points differ.
  fc
    .array(
      fc.constantFrom(
        '',
        'a',
        '\u007f',
        '\u0080',
        '\u07ff',
        '\u0800',
        '\ud7ff',
        '\ue000',
        '\uffff',
        '\u{10000}',
        '\u{10ffff}',
      ),
    )
    .map((parts) => parts.join('')),
)

test('what is encoded comes back as the same text, byte order mark included', () => {
  fc.assert(
    fc.property(wellFormed, (text) => {
      expect(decodeUtf8Strict(encodeUtf8(text))).toBe(text)
      expect(decodeUtf8Strict(encodeUtf8(`\ufeff${text}`))).toBe(`\ufeff${text}`)
    }),
  )
})

test('bytes that are not UTF-8 are refused as invalid, never replaced', () => {
  const broken = [[0x80], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x61, 0xff]]
  for (const bytes of broken) {
    expect(() => decodeUtf8Strict(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'invalid' }),
    )
  }
})

test('a text is well formed exactly when it survives encoding', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(isWellFormed(text)).toBe(decodeUtf8Strict(encodeUtf8(text)) === text)
    }),
  )
  expect(isWellFormed('\ud800')).toBe(false)
})

test('the length is that of the encoded bytes, for lone surrogates too', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(utf8Length(text)).toBe(encodeUtf8(text).length)
    }),
  )
})

test('compareUtf8 orders as the bytes do', () => {
  fc.assert(
    fc.property(wellFormed, wellFormed, (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(encodeUtf8(a), encodeUtf8(b)))
      expect(compareUtf8(`${a}x`, `${a}x`)).toBe(0)
    }),
    { numRuns: 2000 },
  )
  expect(['\u{10000}', '\uffff'].sort(compareUtf8)).toEqual(['\uffff', '\u{10000}'])
  expect(['\u{10000}', '\uffff'].sort()).toEqual(['\u{10000}', '\uffff'])
})
