import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromRow, keyOfRow, keyToSql, rowCheck, toRow } from '../../src/model/row.ts'
import { compileTable } from '../../src/model/table.ts'
import { fromBlob, toBlob } from '../../src/model/stored-value.ts'
import { compress, decompress } from '../../src/kit/codec.ts'
import { plainValue } from '../../src/model/value.ts'

const table = compileTable('forms', {
  table: {
    name: 'form',
    key: '{school}/{candidate}',
    columns: {
      total: { column: 'total', as: 'decimal' },
      candidate: 'candidate',
      big: { column: 'big', as: 'int64' },
      extra: { column: 'extra', as: 'json' },
      maybe: { column: 'maybe', as: 'text', absent: 'null' },
      photo: { column: 'photo', as: 'binary' },
      open: { column: 'open', as: 'bool' },
      score: 'score',
    },
  },
}).mapped!

function back(json: string, key = '1/x'): string {
  return Buffer.from(fromRow(table, toRow(table, 'forms', key, Buffer.from(json)))).toString()
}

describe('rows', () => {
  test('a value comes back in declared order, null and missing apart', () => {
    expect(back('{"score":1.50,"maybe":null,"candidate":"x","big":"9007199254740993","open":false}')).toBe(
      '{"candidate":"x","big":"9007199254740993","maybe":null,"open":false,"score":1.5}',
    )
    expect(back('{"maybe":"","candidate":"x","extra":null}')).toBe(
      '{"candidate":"x","extra":null,"maybe":""}',
    )
  })

  test('a json column keeps the very text, digits that no number holds included', () => {
    expect(
      back('{"extra" : {"n": 12345678901234567890.10, "s":"\\ud83d\\ude00"} ,"candidate":"x","maybe":null}'),
    ).toBe('{"candidate":"x","extra":{"n": 12345678901234567890.10, "s":"\\ud83d\\ude00"},"maybe":null}')
  })

  test('of a field that is sent twice the last counts, as everywhere in JSON', () => {
    expect(back('{"extra":1,"candidate":"x","maybe":null,"extra":[2]}')).toBe(
      '{"candidate":"x","extra":[2],"maybe":null}',
    )
  })

  test('key columns come from the key', () => {
    expect(toRow(table, 'forms', '12/x', Buffer.from('{"candidate":"x","maybe":null}')).slice(0, 2)).toEqual([
      '12',
      'x',
    ])
    expect(keyToSql(table, 'forms', '12/x')).toEqual(['12', 'x'])
    expect(keyOfRow(table, ['12', 'x', null])).toBe('12/x')
  })

  test('a row that a hand has broken is named', () => {
    const values = toRow(table, 'forms', '1/x', Buffer.from('{"candidate":"x","maybe":null,"extra":{}}'))
    const broken = values.map((value) => (value === '{}' ? '{' : value))
    expect(() => fromRow(table, broken)).toThrow(/"1\/x" of table "form": column "extra"/)
  })

  test('any value comes back as the same JSON value', () => {
    const value = fc.record(
      {
        extra: fc.jsonValue(),
        big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
        photo: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('base64')),
        open: fc.boolean(),
        score: fc.oneof(
          fc.string({ unit: 'grapheme' }),
          fc.maxSafeInteger(),
          fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
        ),
        candidate: fc.constant('x'),
        maybe: fc.option(fc.string({ unit: 'grapheme' })),
      },
      { requiredKeys: ['candidate', 'maybe'] },
    )
    fc.assert(
      fc.property(value, (json) => {
        const text = JSON.stringify(json)
        expect(JSON.parse(back(text))).toEqual(JSON.parse(text))
      }),
    )
  })
})

test('the check tells key, version and landed bytes apart', () => {
  const bytes = Buffer.from('{}')
  const checks = [
    rowCheck('forms', 'a', 2, bytes),
    rowCheck('forms', 'b', 2, bytes),
    rowCheck('forms', 'a', 3, bytes),
    rowCheck('form', 'sa', 2, bytes),
    rowCheck('forms', 'a', 2, Buffer.from('{ }')),
    rowCheck('forms', 'a', 2, Buffer.alloc(100_000, 1)),
  ]
  expect(new Set(checks).size).toBe(checks.length)
  expect(checks[0]).toBe(rowCheck('forms', 'a', 2, Buffer.from(bytes)))
  expect(checks[0]).toMatch(/^[0-9a-f]{16}$/)
})

test('a blob is the JSON text itself, or says how it is compressed', () => {
  const json = Buffer.from(JSON.stringify({ text: 'form '.repeat(5_000) }))
  expect(toBlob(plainValue(json))).toBe(json)
  for (const codec of ['gzip', 'zstd'] as const) {
    const blob = toBlob(compress(json, { codec, thresholdBytes: 1 }))
    expect([blob[0], blob.length < json.length]).toEqual([1, true])
    const value = fromBlob(blob)
    expect(Buffer.from(decompress(value.codec, value.bytes, value.rawBytes)).equals(json)).toBe(true)
  }
})
