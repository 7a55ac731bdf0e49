import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileKeyTemplate, formatKey, parseKey } from '../../src/model/key-template.ts'

describe('key templates', () => {
  test.each([
    ['{candidate}', 'a/b', ['a/b']],
    ['{school}/{candidate}', '12/0815', ['12', '0815']],
    ['{school}/{candidate}', '12/a/b', ['12', 'a/b']],
    ['form:{year}-{candidate}!', 'form:2026-x-y!', ['2026', 'x-y']],
  ])('%s takes %s apart and puts it together again', (text, key, parts) => {
    const template = compileKeyTemplate(text, 'key')
    expect(parseKey(template, key)).toEqual(parts)
    expect(formatKey(template, parts)).toBe(key)
  })

  test.each([
    ['{school}/{candidate}', ''],
    ['{school}/{candidate}', '12'],
    ['{school}/{candidate}', '/x'],
    ['{school}/{candidate}', '12/'],
    ['form:{a}', 'other:1'],
    ['{a}!', '!'],
    ['{a}!', 'x'],
    ['{a}!!', 'x!'],
  ])('%s does not fit the key %j', (text, key) => {
    expect(parseKey(compileKeyTemplate(text, 'key'), key)).toBeUndefined()
  })

  test.each(['', 'candidate', '{}', '{a}{b}', '{a}/{a}', '{a', 'a}', '{{a}}'])(
    'the template %j is refused',
    (text) => {
      expect(() => compileKeyTemplate(text, 'table.key')).toThrow(/table\.key .*"\{candidate\}"/s)
    },
  )

  test('any key that is taken apart comes together as itself', () => {
    const template = compileKeyTemplate('{a}/{b}:{c}', 'key')
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '/', ':', '😀', '\0') }), (key) => {
        const parts = parseKey(template, key)
        if (parts !== undefined) expect(formatKey(template, parts)).toBe(key)
      }),
      { numRuns: 2_000 },
    )
  })
})
