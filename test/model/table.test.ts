import { describe, expect, test } from 'vitest'
import { isSpillwayError } from '../../src/errors.ts'
import { checkKey, checkValue, compileTable } from '../../src/model/table.ts'
import type { TableOptions } from '../../src/model/table.ts'

const FORM: TableOptions = {
  name: 'form',
  key: '{school}/{candidate}',
  columns: {
    school: { column: 'school_no', as: 'int64' },
    candidate: 'candidate',
    name: { column: 'full_name', as: 'text' },
    born: { column: 'born', as: 'date', absent: 'null' },
    choices: { column: 'choices', as: 'json' },
    score: 'score',
  },
}

function withTable(changes: Record<string, unknown>): TableOptions {
  return { ...FORM, ...changes } as TableOptions
}

function problemOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isSpillwayError(error, 'invalid')) return error.detail
    throw error
  }
  return 'accepted'
}

describe('table options', () => {
  test('an unmapped collection takes any key and any JSON', () => {
    const spec = compileTable('forms')
    expect(spec).toEqual({ collection: 'forms', history: false, mapped: undefined })
    checkKey(spec, '007')
    checkValue(spec, '007', [1, null])
  })

  test('columns stand in the order key, then declared', () => {
    const { mapped } = compileTable('forms', { table: FORM, history: true })
    expect(mapped!.columns.map((column) => column.column)).toEqual([
      'school_no',
      'candidate',
      'full_name',
      'born',
      'choices',
      'score',
    ])
    expect([mapped!.versionColumn, mapped!.check, mapped!.landing, mapped!.historyName]).toEqual([
      'spillway_version',
      false,
      'upsert',
      'form_history',
    ])
  })

  test.each([
    [{ nmae: 'x' }, /"nmae".*Did you mean name\?/],
    [{ columns: { a: { colum: 'a' } } }, /columns\.a has no option "colum".*Did you mean column\?/],
    [{ columns: { a: { column: 'a', as: 'int' } } }, /must be one of int64/],
    [{ columns: { a: { column: 'a', as: 'dat' } } }, /Did you mean date\?/],
    [{ columns: { a: { column: 'a', absent: 'nul' } } }, /Did you mean null\?/],
    [{ columns: { a: '' } }, /column must be a name/],
    [{ columns: { a: 5 } }, /column name or/],
    [{ columns: { a: 'x', b: 'X' } }, /"X" twice/],
    [{ columns: { a: 'spillway_version' } }, /twice/],
    [{ columns: { a: 'spillway_deleted' } }, /twice/],
    [{ columns: { a: 'x"; DROP TABLE y' } }, /letters, digits/],
    [{ columns: { candidate: { column: 'c', as: 'json' } } }, /key field and cannot be "json"/],
    [{ name: 'x'.repeat(57) }, /57 characters; at most 56/],
    [{ name: 'main.form' }, /no schema prefix/],
    [{ name: 'sqlite_form' }, /reserved/],
    [{ name: 'Spillway_form' }, /reserved/],
    [{ key: 'candidate' }, /names no field/],
    [{ landing: 'row-by-rows' }, /Did you mean row-by-row\?/],
    [{ check: 'yes' }, /check must be true or false/],
  ])('%j is refused, naming the option', (changes, expected) => {
    expect(problemOf(() => compileTable('forms', { table: withTable(changes) }))).toMatch(expected)
  })

  test.each(['Forms', '1forms', '', 'f'.repeat(64), 'for-ms'])(
    'the collection name %j is refused',
    (name) => {
      expect(problemOf(() => compileTable(name))).toMatch(/Collection name/)
    },
  )

  test('a table name of 56 characters fits', () => {
    expect(compileTable('forms', { table: withTable({ name: 'x'.repeat(56) }) }).mapped!.name).toHaveLength(
      56,
    )
  })
})

describe('keys and values of a mapped collection', () => {
  const spec = compileTable('forms', { table: FORM })
  const good = { school: '12', candidate: '007', name: 'Ann', born: null, choices: [1], score: 1.5 }

  test('the one spelling of a row is taken', () => {
    checkKey(spec, '12/007')
    checkValue(spec, '12/007', good)
  })

  test.each(['012/007', '+12/007', '12', '12/', 'x/007', '99999999999999999999/1'])(
    'the key %j is refused',
    (key) => {
      expect(problemOf(() => checkKey(spec, key))).not.toBe('accepted')
    },
  )

  test.each([
    [[good], /must be a JSON object/],
    [null, /must be a JSON object/],
    ['text', /must be a JSON object/],
    [{ ...good, nmae: 'x' }, /"nmae" of forms has no column.*Did you mean name\?/],
    [{ ...good, candidate: '7' }, /"7" in the value and "007" in the key/],
    [{ ...good, school: 12 }, /must be equal/],
    [{ ...good, school: undefined }, /must be equal/],
    [{ ...good, name: 5 }, /"name" must be a string/],
    [{ ...good, name: null }, /"name" is null/],
    [{ ...good, born: '2023-02-29' }, /"born" must be a day/],
    [{ name: 'Ann', born: null, school: '12' }, /"candidate" is listed in the columns/],
    [{ school: '12', candidate: '007' }, /"born" is missing: send null/],
    [JSON.parse('{"__proto__":1}'), /"__proto__" of forms has no column/],
  ])('the value %j is refused', (value, expected) => {
    expect(problemOf(() => checkValue(spec, '12/007', value))).toMatch(expected)
  })

  test('fields that may be missing may be missing, and JSON null is a value of a json column', () => {
    checkValue(spec, '12/007', { school: '12', candidate: '007', born: null })
    checkValue(spec, '12/007', { school: '12', candidate: '007', born: null, choices: null })
  })

  test('a key field that is not listed, or only typed, is no part of the value', () => {
    const typed = compileTable('forms', {
      table: {
        name: 'form',
        key: '{id}/{part}',
        columns: { id: { column: 'id', as: 'int64', absent: 'missing' }, name: 'name' },
      },
    })
    checkKey(typed, '1/x')
    checkValue(typed, '1/x', { name: 'Ann' })
    for (const extra of [{ id: '1' }, { part: 'x' }]) {
      expect(problemOf(() => checkValue(typed, '1/x', { name: 'Ann', ...extra }))).toMatch(
        /has no column.*list it in `columns`/,
      )
    }
  })
})
