/** Mapped tables on MariaDB: what was written comes back, what cannot is rejected row by row. */
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mysqlDdl } from '../../../src/drivers/mysql/ddl-plan.ts'
import { compress } from '../../../src/kit/codec.ts'
import { PREEXISTING, position } from '../../../src/model/position.ts'
import { compileTable } from '../../../src/model/table.ts'
import type { TableOptions } from '../../../src/model/table.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { Landings, row } from './landings.ts'
import { mariadbDatabase } from './mariadb-database.ts'
import type { MariadbDatabase } from './mariadb-database.ts'

const FORM: TableOptions = {
  name: 'form',
  key: '{school}/{candidate}',
  check: true,
  columns: {
    school: { column: 'school_no', as: 'int64', absent: 'missing' },
    candidate: 'candidate',
    name: { column: 'full name', as: 'text', absent: 'null' },
    big: { column: 'big', as: 'int64' },
    total: { column: 'total', as: 'decimal' },
    born: { column: 'born', as: 'date' },
    saved: { column: 'saved', as: 'instant' },
    open: { column: 'open', as: 'bool' },
    photo: { column: 'photo', as: 'binary' },
    extra: { column: 'extra', as: 'json' },
  },
}
const FULL = {
  candidate: 'a/b 😀\0',
  name: null,
  big: '9223372036854775807',
  total: '12345678901234567890.10',
  born: '2024-02-29',
  saved: '2026-06-30T23:59:59.123456Z',
  open: true,
  photo: 'AP8=',
  extra: { list: [1, null] },
}
const VERSION = 'spillway_version BIGINT NOT NULL DEFAULT 1'
const KEY = 'VARCHAR(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL'

const server = await privateMariadb()
let opened: MariadbDatabase
let landings: Landings

beforeEach(async () => {
  opened = await mariadbDatabase(server)
})
afterEach(() => opened.close())

describe('a table made by ddl', () => {
  const spec = compileTable('forms', { table: FORM, history: true })
  const key = `12/${FULL.candidate}`

  beforeEach(async () => {
    const { statements, problems } = await mysqlDdl(opened.url, [spec], true)
    expect([statements.length, problems]).toEqual([9, []])
    expect(await mysqlDdl(opened.url, [spec], false)).toEqual({ statements: [], problems: [] })
    landings = await Landings.begin(opened.database, [spec])
  })

  test('every kind of column comes back as the same JSON in declared order', async () => {
    const rows = [row('forms', key, FULL), row('forms', '13/x', { candidate: 'x', name: 'X' })]
    expect((await landings.land(rows, { history: true })).kind).toBe('landed')
    expect(JSON.stringify(await landings.read('forms', key))).toBe(JSON.stringify(FULL))
    expect(await landings.read('forms', '13/x')).toEqual({ candidate: 'x', name: 'X' })
    expect(await landings.read('forms', '14/x')).toBeUndefined()
    const [stored] = await opened.other('SELECT * FROM form WHERE school_no = 12')
    expect(stored).toMatchObject({
      school_no: 12,
      big: '9223372036854775807',
      born: '2024-02-29',
      open: 1,
      saved: '2026-06-30 23:59:59.123456',
    })
  })

  test('keys that a server would take for the same are different rows', async () => {
    const names = ['a', 'A', 'a ', 'ä', 'a\u0308', 'ａ', 'a\0', 'ß', 'ss', '1', '01']
    const rows = names.map((name) => row('forms', `1/${name}`, { candidate: name, name }))
    expect((await landings.land(rows)).kind).toBe('landed')
    for (const name of names)
      expect(await landings.read('forms', `1/${name}`)).toEqual({ candidate: name, name })
  })

  test('whole numbers beyond 2^53 are keys of their own', async () => {
    const numbers = ['9007199254740993', '9007199254740992', '-9223372036854775808']
    await landings.land(numbers.map((one) => row('forms', `${one}/x`, { candidate: 'x', name: one })))
    for (const one of numbers)
      expect(await landings.read('forms', `${one}/x`)).toEqual({ candidate: 'x', name: one })
    await landings.land([row('forms', '9007199254740993/x', undefined)])
    expect(await landings.read('forms', '9007199254740992/x')).toEqual({ candidate: 'x', name: numbers[1] })
  })

  test('history keeps every version with its columns, deletes without', async () => {
    await landings.land([row('forms', '12/x', { candidate: 'x', name: 'X' })], { history: true })
    await landings.land([row('forms', '12/x', undefined)], { history: true })
    expect(await landings.read('forms', '12/x')).toBeUndefined()
    const rows = await opened.other(
      'SELECT `full name` AS name, spillway_version AS version, spillway_deleted AS deleted FROM form_history ORDER BY 2',
    )
    expect(rows).toMatchObject([
      { name: 'X', version: position(1, 1), deleted: 0 },
      { name: null, version: position(1, 2), deleted: 1 },
    ])
  })

  test('a row that somebody changed by hand is found, others are good', async () => {
    await landings.land(
      ['1/a', '1/b', '2/a', '10/a'].map((one) =>
        row('forms', one, { ...FULL, candidate: one.split('/')[1] }),
      ),
    )
    expect((await landings.checks('forms')).map(([, check]) => check)).toEqual([
      'good',
      'good',
      'good',
      'good',
    ])
    await opened.other(
      "UPDATE form SET total = '1' WHERE school_no = 1 AND candidate = 'b'",
      "UPDATE form SET extra = '{' WHERE school_no = 2",
      "UPDATE form SET candidate = 'z' WHERE school_no = 10",
      "INSERT INTO form (school_no, candidate) VALUES (11, 'by hand')",
    )
    expect(await landings.checks('forms')).toEqual([
      ['1/a', 'good'],
      ['1/b', 'wrong'],
      ['2/a', 'wrong'],
      ['10/z', 'wrong'],
      ['11/by hand', 'unchecked'],
    ])
  })

  test('rows that were there before are version 1, and are overtaken', async () => {
    await opened.other("INSERT INTO form (school_no, candidate, `full name`) VALUES (5, 'old', 'Old')")
    const { held } = await opened.database.read(0, [{ collection: 'forms', key: '5/old' }])
    expect(held[0]?.version).toBe(PREEXISTING)
    expect(await opened.database.collections()).toEqual(['forms'])
    await landings.land([row('forms', '5/old', { candidate: 'old', name: 'New' })])
    expect(await landings.read('forms', '5/old')).toEqual({ candidate: 'old', name: 'New' })
  })

  test('scans page in the order of the key columns, over rows that others wrote too', async () => {
    await landings.land(
      ['2/b', '10/a', '2/a', '-3/x'].map((one) =>
        row('forms', one, { candidate: one.split('/')[1], name: '' }),
      ),
    )
    await opened.other("INSERT INTO form (school_no, candidate) VALUES (2, '')")
    const found: string[][] = []
    let after: string | undefined
    do {
      const page = await opened.database.scan('forms', after, 2)
      found.push(page.rows.map((one) => one.key))
      after = page.next
    } while (after !== undefined)
    expect(found).toEqual([['-3/x', '2/'], ['2/a', '2/b'], ['10/a']])
  })

  test('values that no longer fit the columns are rejected, not the batch', async () => {
    const good = { candidate: 'x', name: 'X' }
    const rows = [
      row('forms', '1/x', good),
      row('forms', '2/x', { ...good, more: 1 }),
      row('forms', '03/x', good),
      row('forms', '4/x', { ...good, born: 'today' }),
      row('forms', '5/x', []),
    ]
    expect((await landings.rejected(rows)).map(([one]) => one)).toEqual(['2/x', '03/x', '4/x', '5/x'])
    expect((await landings.land([row('forms', '1/x', good)])).kind).toBe('landed')
  })

  test('compressed values land in columns too, and deletes of many rows delete exactly those', async () => {
    const value = { candidate: 'x', name: 'long '.repeat(2_000) }
    const packed = compress(Buffer.from(JSON.stringify(value)), { codec: 'zstd', thresholdBytes: 1 })
    await landings.land([{ collection: 'forms', key: '1/x', value: packed }])
    expect(await landings.read('forms', '1/x')).toEqual(value)
    const keys = Array.from({ length: 700 }, (_, index) => `7/${String(index).padStart(3, '0')}`)
    await landings.land(keys.map((one) => row('forms', one, { candidate: one.slice(2), name: one })))
    await landings.land(keys.filter((_, index) => index % 3 > 0).map((one) => row('forms', one, undefined)))
    const [{ left } = {}] = await opened.other('SELECT COUNT(*) AS `left` FROM form WHERE school_no = 7')
    expect(left).toBe(234)
  })
})

describe('a table that the user has', () => {
  const people = { name: 'name', email: 'email', parent: { column: 'parent', as: 'text' as const } }

  test('constraints, triggers and types reject single rows, all of them, with their causes', async () => {
    const spec = compileTable('people', { table: { name: 'person', key: '{id}', columns: people } })
    await opened.other(
      `CREATE TABLE person (id ${KEY} PRIMARY KEY, name VARCHAR(9) NOT NULL, email VARCHAR(9) CHECK (email <> 'none'),
         parent VARCHAR(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin, note VARCHAR(9) DEFAULT 'kept', ${VERSION},
         FOREIGN KEY (parent) REFERENCES person (id)) ENGINE=InnoDB`,
      `CREATE TRIGGER no_bob BEFORE INSERT ON person FOR EACH ROW
         IF NEW.name = 'bob' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no bobs'; END IF`,
    )
    landings = await Landings.begin(opened.database, [spec])
    const rows = [
      row('people', 'a', { name: 'ann' }),
      row('people', 'b', { name: 'bob' }),
      row('people', 'c', { name: 'a name too long' }),
      row('people', 'd', {}),
      row('people', 'e', { name: 'eve', email: 'none' }),
      row('people', 'f', { name: 'fay', parent: 'nobody' }),
      row('people', 'g', { name: 5 }),
      row('people', 'h'.repeat(100), { name: 'hal' }),
      // Longer by spaces only: MariaDB would cut them and say so in a note.
      row('people', 'i', { name: 'ida       ' }),
    ]
    const causes = new Map(await landings.rejected(rows))
    expect([...causes.keys()].map((one) => one[0]).sort()).toEqual(['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'])
    expect(causes.get('b')).toMatch(/no bobs/)
    expect(causes.get('c')).toMatch(/too long/)
    expect(causes.get('d')).toMatch(/cannot be null/)
    expect(causes.get('e')).toMatch(/CONSTRAINT/)
    expect(causes.get('f')).toMatch(/foreign key/)
    expect(causes.get('g')).toMatch(/takes strings only/)
    expect(causes.get('i')).toMatch(/truncated/)
    expect((await landings.land([rows[0]!])).kind).toBe('landed')
    await opened.other("UPDATE person SET note = 'mine'")
    await landings.land([row('people', 'a', { name: 'anna' })])
    expect(await opened.other('SELECT name, note FROM person')).toMatchObject([
      { name: 'anna', note: 'mine' },
    ])
  })

  test('a key of 0 is a key, also where the column numbers new rows by itself', async () => {
    const columns = { name: 'name', id: { column: 'id', as: 'int64' as const } }
    const spec = compileTable('people', { table: { name: 'person', key: '{id}', columns } })
    await opened.other(
      `CREATE TABLE person (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(9), ${VERSION})`,
    )
    landings = await Landings.begin(opened.database, [spec])
    await landings.land([row('people', '0', { name: 'zero', id: '0' }), row('people', '7', { id: '7' })])
    expect(await landings.read('people', '0')).toEqual({ name: 'zero', id: '0' })
    expect(await opened.other('SELECT id FROM person ORDER BY id')).toEqual([{ id: 0 }, { id: 7 }])
  })

  test('one bad row among a thousand is found, and so are eight hundred', async () => {
    const spec = compileTable('people', { table: { name: 'person', key: '{id}', columns: { name: 'name' } } })
    await opened.other(`CREATE TABLE person (id ${KEY} PRIMARY KEY, name VARCHAR(9), ${VERSION})`)
    landings = await Landings.begin(opened.database, [spec])
    const rowsWith = (bad: (index: number) => boolean): ReturnType<typeof row>[] =>
      Array.from({ length: 1_000 }, (_, index) =>
        row('people', `k${index}`, { name: bad(index) ? 'far too long' : 'fine' }),
      )
    expect((await landings.rejected(rowsWith((index) => index === 617))).map(([one]) => one)).toEqual([
      'k617',
    ])
    expect(await landings.rejected(rowsWith((index) => index % 5 > 0))).toHaveLength(800)
    expect((await landings.land(rowsWith(() => false))).kind).toBe('landed')
  })

  test('a second UNIQUE index rejects the row that is in the way of another, and overwrites neither', async () => {
    const table: TableOptions = { name: 'person', key: '{id}', columns: people, landing: 'row-by-row' }
    await opened.other(
      `CREATE TABLE person (id ${KEY} PRIMARY KEY, name VARCHAR(9), email VARCHAR(9) UNIQUE,
         parent VARCHAR(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin, ${VERSION},
         FOREIGN KEY (parent) REFERENCES person (id))`,
    )
    landings = await Landings.begin(opened.database, [compileTable('people', { table })])
    await landings.land([row('people', 'z', { email: 'first' })])
    // Each waits for one that comes after it in the batch.
    const rows = [
      row('people', 'a', { parent: 'b' }),
      row('people', 'b', { parent: 'c', email: 'first' }),
      row('people', 'c', {}),
      row('people', 'z', { email: 'second' }),
    ]
    expect((await landings.land(rows)).kind).toBe('landed')
    expect(await landings.read('people', 'b')).toEqual({ parent: 'c', email: 'first' })
    const [rejected] = await landings.rejected([row('people', 'y', { email: 'second' })])
    expect(rejected).toEqual(['y', expect.stringMatching(/Duplicate entry 'second' for key 'email'/)])
    expect(await landings.read('people', 'z')).toEqual({ email: 'second' })
    expect((await landings.land([row('people', 'z', undefined), row('people', 'q', {})])).kind).toBe('landed')
    expect(await landings.read('people', 'z')).toBeUndefined()
  })

  test('numbers, decimals, dates and text of many declarations come back as they were, or are rejected', async () => {
    const columns = {
      whole: 'whole',
      real: 'real_number',
      word: 'word',
      latin: 'latin',
      padded: 'padded',
      price: { column: 'price', as: 'decimal' as const },
      count: { column: 'count', as: 'int64' as const },
      day: { column: 'day', as: 'date' as const },
      at: { column: 'at', as: 'instant' as const },
      stamp: { column: 'stamp', as: 'instant' as const },
      yes: { column: 'yes', as: 'bool' as const },
      doc: { column: 'doc', as: 'json' as const },
      raw: { column: 'raw', as: 'text' as const },
    }
    const spec = compileTable('loose', { table: { name: 'loose', key: '{id}', columns } })
    await opened.other(
      `CREATE TABLE loose (id ${KEY} PRIMARY KEY, whole INT, real_number DOUBLE, word VARCHAR(20), latin TEXT CHARACTER SET latin1,
         padded CHAR(5), price DECIMAL(10,2), count DECIMAL(20,0), day DATE, at DATETIME(3), stamp TIMESTAMP(6) NULL,
         yes BOOLEAN, doc JSON, raw VARBINARY(20), ${VERSION}) CHARACTER SET utf8mb4`,
    )
    landings = await Landings.begin(opened.database, [spec])
    const good = [
      {
        whole: -7,
        real: 0.1,
        word: '007',
        latin: 'é€',
        padded: 'a b',
        price: '12.50',
        count: '12345678901234567',
      },
      {
        real: 5e-324,
        day: '1000-01-01',
        at: '2026-03-29T02:30:00.123Z',
        stamp: '2026-03-29T02:30:00.123456Z',
      },
      { real: -123456789012345.67, yes: false, doc: { a: [1.0, 'x '] }, raw: 'ü \0', word: '' },
      { real: 1.25e-300, whole: 0, price: '-0.01', count: '-5', doc: 'plain' },
    ]
    expect(await landings.land(good.map((one, index) => row('loose', `k${index}`, one)))).toMatchObject({
      kind: 'landed',
    })
    for (const [index, one] of good.entries()) expect(await landings.read('loose', `k${index}`)).toEqual(one)
    const bad = [
      { whole: 1.5 },
      { whole: 2 ** 31 },
      { whole: '5' },
      { real: '5' },
      { word: 5 },
      { latin: 'ł' },
      { padded: 'a ' },
      { price: '12.5' },
      { price: '12.505' },
      { price: '123456789.00' },
      { at: '2026-03-29T02:30:00.123456Z' },
      { at: '2026-03-29T02:30:00+02:00' },
      { stamp: '2039-01-01T00:00:00.000Z' },
      { count: '9223372036854775808' },
      { raw: 'more than twenty bytes' },
      { word: '😀'.repeat(21) },
    ]
    const rejected = await landings.rejected(
      bad.map((one, index) => row('loose', `b${String(index).padStart(2, '0')}`, one)),
    )
    expect(rejected.map(([one]) => Number(one.slice(1))).sort((a, b) => a - b)).toEqual(
      bad.map((_, index) => index),
    )
  })

  test(
    'any rows come back from the server as they were sent, and their checks are good',
    { timeout: 60_000 },
    async () => {
      const spec = compileTable('forms', {
        table: { ...FORM, columns: { ...FORM.columns, score: 'score', label: 'label' } },
      })
      const { statements } = await mysqlDdl(opened.url, [compileTable('forms', { table: FORM })], true)
      expect(statements.at(-1)).toContain('CREATE TABLE `form`')
      await opened.other('ALTER TABLE form ADD score DOUBLE, ADD label TEXT CHARACTER SET utf8mb4')
      landings = await Landings.begin(opened.database, [spec])
      const text = fc.string({ unit: 'grapheme', maxLength: 12 })
      const value = fc.record(
        {
          name: fc.option(text),
          big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
          total: fc
            .tuple(fc.nat(), fc.nat(99))
            .map(([whole, cents]) => `${whole}.${String(cents).padStart(2, '0')}`),
          open: fc.boolean(),
          photo: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('base64')),
          extra: fc.jsonValue(),
          score: fc.oneof(
            fc.maxSafeInteger(),
            fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
          ),
          label: text,
          saved: fc
            .date({
              min: new Date('1000-01-01T00:00:00Z'),
              max: new Date('9999-12-31T00:00:00Z'),
              noInvalidDate: true,
            })
            .map((one) => one.toISOString()),
        },
        { requiredKeys: ['name'] },
      )
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(value, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 9 })), {
            minLength: 1,
            maxLength: 30,
          }),
          async (given) => {
            const byKey = new Map(
              given.map(([json, candidate]) => [`${json.big ?? 0}/${candidate}`, { candidate, ...json }]),
            )
            const sent = [...byKey].map(([one, json]) => row('forms', one, json))
            expect((await landings.land(sent)).kind).toBe('landed')
            const { held } = await opened.database.read(
              0,
              sent.map(({ collection, key: one }) => ({ collection, key: one })),
            )
            const back = held.map((one) => JSON.parse(Buffer.from(one.value!.bytes).toString()) as unknown)
            expect(back).toEqual(
              [...byKey.values()].map((json) => JSON.parse(JSON.stringify(json)) as unknown),
            )
          },
        ),
        { numRuns: 30 },
      )
      for (const [key, check] of await landings.checks('forms')) expect([key, check]).toEqual([key, 'good'])
    },
  )
})
