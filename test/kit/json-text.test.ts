import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SpillwayError } from '../../src/errors.ts'
import { checkNesting, itemsOf, memberOf, parseJson } from '../../src/kit/json-text.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array, span: { start: number; end: number } | undefined) =>
  span === undefined ? undefined : new TextDecoder().decode(bytes.subarray(span.start, span.end))

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0

test('nesting is measured as JSON means it, whatever the strings contain', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 6, noUnicodeString: false }),
      fc.integer({ min: 0, max: 6 }),
      (value, max) => {
        // Spaces make even a shallow text longer than `max`, so that the scan runs.
        const text = bytesOf(`${' '.repeat(10)}${JSON.stringify(value)}`)
        const tooDeep = depthOf(value) > max
        if (tooDeep) expect(() => checkNesting(text, max)).toThrow(SpillwayError)
        else checkNesting(text, max)
      },
    ),
  )
})

test('nesting of 512 passes, 513 and 200,000 are invalid and name the bound', () => {
  const nested = (depth: number) => bytesOf('['.repeat(depth) + ']'.repeat(depth))
  checkNesting(nested(512), 512)
  for (const depth of [513, 200_000]) {
    expect(() => checkNesting(nested(depth), 512)).toThrow(/more than 512 deep/)
    expect(() => parseJson(nested(depth), 512)).toThrow(/more than 512 deep/)
  }
})

test('brackets inside strings, also after escaped quotes, are not nesting', () => {
  checkNesting(bytesOf(JSON.stringify(`${'['.repeat(600)}"\\${'{'.repeat(600)}`)), 2)
})

test('an unfinished string or text ends the scan', () => {
  for (const text of [`[[["${'x'.repeat(20)}`, `[[["${'x'.repeat(20)}\\`, '['.repeat(8) + ' '.repeat(20)]) {
    checkNesting(bytesOf(text), 10)
    expect(() => parseJson(bytesOf(text), 10)).toThrow(/broken/)
  }
})

test('the span of every array item is the text of that item', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.constantFrom(undefined, 1, '\t', '\r\n '), (items, indent) => {
      const bytes = bytesOf(`  ${JSON.stringify(items, null, indent)}  `)
      const texts = itemsOf(bytes).map((span) => textOf(bytes, span) as string)
      expect(texts.map((text) => JSON.parse(text) as unknown)).toEqual(JSON.parse(JSON.stringify(items)))
      for (const text of texts) expect(text).toBe(text.trim())
    }),
  )
})

test('the span of every member is the text of its value', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()),
      fc.constantFrom(undefined, 2),
      (object, indent) => {
        const bytes = bytesOf(JSON.stringify(object, null, indent))
        for (const [name, value] of Object.entries(object)) {
          const text = textOf(bytes, memberOf(bytes, name)) as string
          expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        }
      },
    ),
  )
})

test('bytes of a value stay as they were written: spaces, escapes, number spelling', () => {
  const bytes = bytesOf('{ "a" : 1, "value" :  { "n": 1.00e2, "s":"\\u0041" } , "b":[] }')
  expect(textOf(bytes, memberOf(bytes, 'value'))).toBe('{ "n": 1.00e2, "s":"\\u0041" }')
  expect(textOf(bytes, memberOf(bytes, 'b'))).toBe('[]')
  expect(memberOf(bytes, 'c')).toBeUndefined()
})

test('of several members with one name the last counts, also when one is written with escapes', () => {
  const bytes = bytesOf('{"value":1,"v\\u0061lue":2}')
  expect(textOf(bytes, memberOf(bytes, 'value'))).toBe('2')
})

test('invalid UTF-8, a byte order mark and broken JSON are invalid; __proto__ is a plain member', () => {
  expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), 512)).toThrow(/UTF-8/)
  expect(() => parseJson(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22), 512)).toThrow(/UTF-8/)
  expect(() => parseJson(Uint8Array.of(0xef, 0xbb, 0xbf, 0x31), 512)).toThrow(/broken/)
  expect(() => parseJson(bytesOf('{"a":'), 512)).toThrow(/broken/)
  const parsed = parseJson(bytesOf('{"__proto__":{"x":1}}'), 512) as object
  expect(Object.hasOwn(parsed, '__proto__')).toBe(true)
  expect(JSON.stringify(parsed)).toBe('{"__proto__":{"x":1}}')
})
