import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isSpillwayError } from '../../src/errors.ts'
import { CONVERSIONS, scalar } from '../../src/model/columns.ts'
import type { ColumnAs, Conversion } from '../../src/model/columns.ts'

function roundTrip(conversion: Conversion, json: unknown): unknown {
  const text = conversion.toJson(conversion.toSql(json, 'field', () => JSON.stringify(json)))
  return text === undefined ? 'unreadable' : JSON.parse(text)
}

function refused(conversion: Conversion, json: unknown): boolean {
  try {
    conversion.toSql(json, 'field', () => JSON.stringify(json))
    return false
  } catch (error) {
    return isSpillwayError(error, 'invalid') && error.detail.includes('"field"')
  }
}

const EXACT: Record<ColumnAs, readonly unknown[]> = {
  text: ['', 'a', '007', 'né 😀', 'a\0b', '"quoted"\n', '\u2028', '\ufeff'],
  int64: ['0', '-1', '9223372036854775807', '-9223372036854775808', '9007199254740993'],
  decimal: [
    '0',
    '1.50',
    '-0.01',
    '12345678901234567890.123456789',
    '0.000',
    `${'9'.repeat(35)}.${'1'.repeat(30)}`,
  ],
  date: ['2024-02-29', '1000-01-01', '9999-12-31', '2000-02-29'],
  instant: [
    '2026-01-01T00:00:00.000Z',
    '1970-01-01T00:00:00.001Z',
    '2026-06-30T23:59:59.123456Z',
    '1000-01-01T00:00:00.000Z',
  ],
  bool: [true, false],
  binary: ['', 'AA==', '/+8=', Buffer.from('né 😀').toString('base64')],
  json: [null, 1, 'x', [], {}, { a: [{ b: null }] }],
}

const REFUSED: Record<ColumnAs, readonly unknown[]> = {
  text: [1, true, {}, [], undefined, '\ud800', 'x\udc00y'],
  int64: [1, '', '01', '-0', '+1', '1.0', ' 1', '1e3', '9223372036854775808', '-9223372036854775809', '0x1'],
  decimal: [
    1.5,
    '',
    '.5',
    '5.',
    '01',
    '-0',
    '-0.00',
    '1e3',
    '+1',
    '1,5',
    'NaN',
    '9'.repeat(66),
    `0.${'1'.repeat(31)}`,
  ],
  date: [
    '2023-02-29',
    '1900-02-29',
    '2024-13-01',
    '2024-00-01',
    '2024-01-00',
    '2024-04-31',
    '2024-1-1',
    '0999-01-01',
    '2024-01-01T00:00:00Z',
    20240101,
  ],
  instant: [
    '2026-01-01T00:00:00',
    '2026-01-01 00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-06-30T23:59:60Z',
    '2026-01-01T00:00:00.1234567Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00+0100',
    '2026-01-01T00:00Z',
    '9999-12-31T23:59:59-00:01',
    '1000-01-01T00:00:00+00:01',
    1_700_000_000,
  ],
  bool: [0, 1, 'true', ''],
  binary: ['A', 'AA', 'AA=', 'A A==', 'AB==', '-_8=', 'AA==\n', 1],
  json: [],
}

describe.each(Object.entries(CONVERSIONS) as [ColumnAs, Conversion][])('%s', (as, conversion) => {
  test('comes back exactly as it was sent', () => {
    for (const json of EXACT[as]) expect(roundTrip(conversion, json)).toEqual(json)
  })

  test('refuses what would not, naming the field', () => {
    for (const json of REFUSED[as]) expect([json, refused(conversion, json)]).toEqual([json, true])
  })
})

describe('instant', () => {
  const { instant } = CONVERSIONS

  test.each([
    '2026-01-01T08:00:00+08:00',
    '2026-01-01T00:30:00.5-05:30',
    '2024-02-28T23:59:59.000001-23:59',
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.120Z',
    '2026-01-01T00:00:00.120000Z',
    '2026-01-01T00:00:00.000000Z',
    '2026-01-01T00:00:00+00:00',
  ])('%s comes back as it was sent', (sent) => {
    expect(roundTrip(instant, sent)).toBe(sent)
  })

  test('UTC of three or six digits is stored as SQL writes it', () => {
    expect(instant.toSql('2026-01-01T00:00:00.120Z', 'field', () => '')).toBe('2026-01-01 00:00:00.120000')
    expect(instant.toSql('2026-01-01T00:00:00.120001Z', 'field', () => '')).toBe('2026-01-01 00:00:00.120001')
    expect(instant.toSql('2026-01-01T08:00:00+08:00', 'field', () => '')).toBe('2026-01-01T08:00:00+08:00')
  })

  test('any instant of JavaScript comes back unchanged and is stored in the order of time', () => {
    const moment = fc.date({
      min: new Date('1000-01-01T00:00:00Z'),
      max: new Date('9999-12-31T23:59:59.999Z'),
      noInvalidDate: true,
    })
    fc.assert(
      fc.property(moment, moment, (a, b) => {
        expect(roundTrip(instant, a.toISOString())).toBe(a.toISOString())
        const [first, second] = [a, b].map((one) =>
          String(instant.toSql(one.toISOString(), 'field', () => '')),
        )
        expect(first! < second!).toBe(a < b)
      }),
    )
  })

  test('what other programs leave in a column is read', () => {
    expect(instant.toJson('2026-01-01 10:00:00')).toBe('"2026-01-01T10:00:00.000Z"')
    expect(instant.toJson('2026-01-01T10:00:00')).toBe('"2026-01-01T10:00:00.000Z"')
    expect(instant.toJson('2026-02-30T10:00:00Z')).toBeUndefined()
    expect(instant.toJson('yesterday')).toBeUndefined()
  })
})

describe('a column without `as`', () => {
  test('keeps strings and numbers what they are', () => {
    for (const json of ['', '007', 'né', 0, -1, 1.5, 1e-7, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE]) {
      expect(roundTrip(scalar, json)).toBe(json)
    }
    expect(roundTrip(scalar, -0)).toBe(0)
  })

  test('refuses integers that JSON readers round, and says what to declare', () => {
    for (const json of [2 ** 53, -(2 ** 53), 1e300, Infinity, Number.NaN])
      expect(refused(scalar, json)).toBe(true)
    expect(() => scalar.toSql(2 ** 53, 'field', () => '')).toThrow(/int64/)
    expect(() => scalar.toSql(true, 'field', () => '')).toThrow(/'bool'/)
    expect(() => scalar.toSql([1], 'field', () => '')).toThrow(/'json'/)
  })
})

test('any int64, decimal and bytes come back exactly', () => {
  const decimal = fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 35n - 1n }), fc.stringMatching(/^(?:\.\d{1,30})?$/), fc.boolean())
    .map(
      ([whole, fraction, negative]) =>
        `${negative && (whole > 0n || /[1-9]/.test(fraction)) ? '-' : ''}${whole}${fraction}`,
    )
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      decimal,
      fc.uint8Array(),
      (whole, exact, bytes) => {
        expect(roundTrip(CONVERSIONS.int64, String(whole))).toBe(String(whole))
        expect(roundTrip(CONVERSIONS.decimal, exact)).toBe(exact)
        const base64 = Buffer.from(bytes).toString('base64')
        expect(roundTrip(CONVERSIONS.binary, base64)).toBe(base64)
      },
    ),
  )
})
