/** Mapped tables on SQLite: what was written comes back, what cannot is rejected row by row. */
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Mark } from '../../../src/model/entry.ts'
import { EMPTY_LEDGER } from '../../../src/model/ledger.ts'
import { PREEXISTING, position } from '../../../src/model/position.ts'
import { compileTable } from '../../../src/model/table.ts'
import type { TableOptions, TableSpec } from '../../../src/model/table.ts'
import { plainValue } from '../../../src/model/value.ts'
import type { LandResult, LandRow } from '../../../src/ports/database.ts'
import { ddlFor } from '../../../src/drivers/sqlite/ddl.ts'
import { sqliteFile } from './sqlite-file.ts'
import type { SqliteFile } from './sqlite-file.ts'

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
    score: 'score',
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
  score: 0.1,
}

let file: SqliteFile
let count = 0

beforeEach(async () => {
  file = await sqliteFile()
  count = 0
})
afterEach(async () => {
  await file.close()
})

function markAt(at: number): Mark {
  return { journal: 'j', position: position(1, at), offset: at, digest: String(at) }
}

function row(collection: string, key: string, value: unknown): Omit<LandRow, 'version'> {
  return {
    collection,
    key,
    value: value === undefined ? undefined : plainValue(Buffer.from(JSON.stringify(value))),
  }
}

async function prepared(specs: readonly TableSpec[], ...sql: string[]): Promise<void> {
  for (const statement of sql) file.other.exec(statement)
  await file.database.prepare(specs, 1)
  await file.database.beginGeneration(1, [markAt(0)], [undefined])
}

async function land(rows: readonly Omit<LandRow, 'version'>[], history = false): Promise<LandResult> {
  const from = count
  const versioned = rows.map((one) => ({ ...one, version: position(1, (count += 1)) }))
  const result = await file.database.land({
    partition: 0,
    from: markAt(from),
    to: markAt(count),
    rows: versioned,
    history: history ? versioned : [],
    park: [],
    voids: [],
    seals: [],
    refused: [],
    counts: { ...EMPTY_LEDGER, landed: rows.length },
  })
  if (result.kind !== 'landed') count = from
  return result
}

async function rejectedKeys(rows: readonly Omit<LandRow, 'version'>[]): Promise<[string, string][]> {
  const result = await land(rows)
  if (result.kind !== 'rejects') throw new Error(`Expected rejects, got ${JSON.stringify(result)}`)
  return result.rejects.map((one) => [one.ref.key, one.cause])
}

async function read(collection: string, key: string): Promise<unknown> {
  const { held } = await file.database.read(0, [{ collection, key }])
  return held[0]!.value === undefined ? undefined : JSON.parse(Buffer.from(held[0]!.value.bytes).toString())
}

async function checks(collection: string): Promise<[string, string][]> {
  return (await file.database.scan(collection, undefined, 100)).rows.map((one) => [one.key, one.check])
}

describe('a table made by ddl', () => {
  const spec = compileTable('forms', { table: FORM, history: true })
  const key = `12/${FULL.candidate}`

  beforeEach(() => prepared([spec], ...ddlFor(spec)))

  test('every kind of column comes back as the same JSON in declared order', async () => {
    await land([row('forms', key, FULL), row('forms', '13/x', { candidate: 'x', name: 'X' })], true)
    expect(JSON.stringify(await read('forms', key))).toBe(JSON.stringify(FULL))
    expect(await read('forms', '13/x')).toEqual({ candidate: 'x', name: 'X' })
    expect(await read('forms', '14/x')).toBeUndefined()
    const stored = file.other
      .prepare('SELECT *, typeof(big) AS big_type FROM form WHERE school_no = 12', { bigints: true })
      .get()
    expect(stored).toMatchObject({
      school_no: 12n,
      big: 9223372036854775807n,
      big_type: 'integer',
      open: 1n,
      saved: '2026-06-30 23:59:59.123456',
      extra: '{"list":[1,null]}',
    })
  })

  test('history keeps every version with its columns, deletes without', async () => {
    await land([row('forms', '12/x', { candidate: 'x', name: 'X' })], true)
    await land([row('forms', '12/x', undefined)], true)
    expect(await read('forms', '12/x')).toBeUndefined()
    const rows = file.other
      .prepare(
        'SELECT "full name" AS name, spillway_version AS version, spillway_deleted AS deleted FROM form_history ORDER BY 2',
      )
      .all()
    expect(rows).toMatchObject([
      { name: 'X', version: position(1, 1), deleted: 0 },
      { name: null, version: position(1, 2), deleted: 1 },
    ])
  })

  test('a row that somebody changed by hand is found, others are good', async () => {
    await land(
      ['1/a', '1/b', '2/a', '10/a'].map((one) =>
        row('forms', one, { ...FULL, candidate: one.split('/')[1] }),
      ),
    )
    expect((await checks('forms')).map(([, check]) => check)).toEqual(['good', 'good', 'good', 'good'])
    file.other.exec("UPDATE form SET total = '1' WHERE school_no = 1 AND candidate = 'b'")
    file.other.exec(`UPDATE form SET extra = '{' WHERE school_no = 2`)
    file.other.exec("UPDATE form SET candidate = 'z' WHERE school_no = 10")
    file.other.exec("INSERT INTO form (school_no, candidate) VALUES (11, 'by hand')")
    expect(await checks('forms')).toEqual([
      ['1/a', 'good'],
      ['1/b', 'wrong'],
      ['2/a', 'wrong'],
      ['10/z', 'wrong'],
      ['11/by hand', 'unchecked'],
    ])
  })

  test('rows that were there before are version 1, and are overtaken', async () => {
    file.other.exec(`INSERT INTO form (school_no, candidate, "full name") VALUES (5, 'old', 'Old')`)
    const { held } = await file.database.read(0, [{ collection: 'forms', key: '5/old' }])
    expect(held[0]!.version).toBe(PREEXISTING)
    expect(await file.database.collections()).toEqual(['forms'])
    await land([row('forms', '5/old', { candidate: 'old', name: 'New' })])
    expect(await read('forms', '5/old')).toEqual({ candidate: 'old', name: 'New' })
  })

  test('scans page in the order of the key columns, over rows that others wrote too', async () => {
    await land(
      ['2/b', '10/a', '2/a', '-3/x'].map((one) =>
        row('forms', one, { candidate: one.split('/')[1], name: '' }),
      ),
    )
    file.other.exec("INSERT INTO form (school_no, candidate) VALUES (2, '')")
    const found: string[][] = []
    let after: string | undefined
    do {
      const page = await file.database.scan('forms', after, 2)
      found.push(page.rows.map((one) => one.key))
      after = page.next
    } while (after !== undefined)
    expect(found).toEqual([['-3/x', '2/'], ['2/a', '2/b'], ['10/a']])
  })

  test(
    'any rows come back from the file as they were sent, and their checks are good',
    { timeout: 60_000 },
    async () => {
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
            text,
            fc.maxSafeInteger(),
            fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
          ),
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
            expect((await land(sent)).kind).toBe('landed')
            const { held } = await file.database.read(
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
      let after: string | undefined
      do {
        const page = await file.database.scan('forms', after, 500)
        for (const one of page.rows) expect([one.key, one.check]).toEqual([one.key, 'good'])
        after = page.next
      } while (after !== undefined)
    },
  )

  test('values that no longer fit the columns are rejected, not the batch', async () => {
    const good = { candidate: 'x', name: 'X' }
    const rows = [
      row('forms', '1/x', good),
      row('forms', '2/x', { ...good, more: 1 }),
      row('forms', '03/x', good),
      row('forms', '4/x', { ...good, born: 'today' }),
      row('forms', '5/x', []),
    ]
    expect((await rejectedKeys(rows)).map(([one]) => one)).toEqual(['2/x', '03/x', '4/x', '5/x'])
    expect((await land([row('forms', '1/x', good)])).kind).toBe('landed')
  })

  test('compressed values land in columns too', async () => {
    const { compress } = await import('../../../src/kit/codec.ts')
    const value = { candidate: 'x', name: 'long '.repeat(2_000) }
    const packed = compress(Buffer.from(JSON.stringify(value)), { codec: 'zstd', thresholdBytes: 1 })
    await land([{ collection: 'forms', key: '1/x', value: packed }])
    expect(await read('forms', '1/x')).toEqual(value)
  })
})

describe('a table that the user has', () => {
  const columns = { name: 'name', email: 'email', parent: { column: 'parent', as: 'text' as const } }

  test('constraints, triggers and types reject single rows, all of them, with their causes', async () => {
    const spec = compileTable('people', { table: { name: 'person', key: '{id}', columns } })
    await prepared(
      [spec],
      `CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT NOT NULL CHECK (length(name) < 9), email TEXT,
         parent TEXT REFERENCES person (id), note TEXT DEFAULT 'kept', spillway_version INTEGER NOT NULL DEFAULT 1)`,
      `CREATE TRIGGER no_bob BEFORE INSERT ON person WHEN NEW.name = 'bob' BEGIN SELECT RAISE(ABORT, 'no bobs'); END`,
      `CREATE TRIGGER no_eve BEFORE INSERT ON person WHEN NEW.name = 'eve' BEGIN SELECT RAISE(IGNORE); END`,
      `CREATE TRIGGER json_only BEFORE INSERT ON person WHEN NEW.email LIKE 'json:%' BEGIN SELECT json(NEW.email); END`,
    )
    const rows = [
      row('people', 'a', { name: 'ann' }),
      row('people', 'b', { name: 'bob' }),
      row('people', 'c', { name: 'a name too long' }),
      row('people', 'd', {}),
      row('people', 'e', { name: 'eve' }),
      row('people', 'f', { name: 'fay', parent: 'nobody' }),
      row('people', 'g', { name: 5 }),
      row('people', 'h', { name: 'hal', email: 'json:{' }),
    ]
    const causes = new Map(await rejectedKeys(rows))
    expect([...causes.keys()]).toEqual(['b', 'c', 'd', 'e', 'f', 'g', 'h'])
    expect(causes.get('b')).toMatch(/no bobs.*TRIGGER/)
    expect(causes.get('c')).toMatch(/CHECK/)
    expect(causes.get('d')).toMatch(/NOT NULL/)
    expect(causes.get('e')).toMatch(/RAISE\(IGNORE\)/)
    expect(causes.get('f')).toMatch(/FOREIGN KEY/)
    expect(causes.get('g')).toMatch(/takes strings only/)
    expect(causes.get('h')).toMatch(/malformed JSON/)
    expect((await land([rows[0]!])).kind).toBe('landed')
    expect(await read('people', 'a')).toEqual({ name: 'ann' })
    file.other.exec(`UPDATE person SET note = 'mine'`)
    await land([row('people', 'a', { name: 'anna' })])
    expect(file.other.prepare('SELECT name, note FROM person').get()).toMatchObject({
      name: 'anna',
      note: 'mine',
    })
  })

  test('a row that waits for another row of its batch lands with it', async () => {
    const spec = compileTable('people', {
      table: { name: 'person', key: '{id}', columns, landing: 'row-by-row' },
    })
    await prepared(
      [spec],
      `CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT, email TEXT UNIQUE, parent TEXT REFERENCES person (id),
         spillway_version INTEGER NOT NULL DEFAULT 1)`,
    )
    await land([row('people', 'z', { email: 'first' })])
    const rows = [
      row('people', 'a', { parent: 'b' }),
      row('people', 'b', { parent: 'c', email: 'first' }),
      row('people', 'c', {}),
      row('people', 'z', { email: 'second' }),
    ]
    expect((await land(rows)).kind).toBe('landed')
    expect(await read('people', 'b')).toEqual({ parent: 'c', email: 'first' })
    const [rejected] = await rejectedKeys([row('people', 'y', { email: 'second' })])
    expect(rejected).toEqual(['y', expect.stringMatching(/UNIQUE constraint failed: person\.email/)])
    expect(await read('people', 'z')).toEqual({ email: 'second' })
  })

  test('a trigger that rolls everything back rejects its row, and neighbours that shared the commit land', async () => {
    const spec = compileTable('people', { table: { name: 'person', key: '{id}', columns } })
    for (const sql of [
      'CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT, email TEXT, parent TEXT, spillway_version INTEGER NOT NULL DEFAULT 1)',
      `CREATE TRIGGER no_bob BEFORE INSERT ON person WHEN NEW.name = 'bob' BEGIN SELECT RAISE(ROLLBACK, 'no bobs'); END`,
    ]) {
      file.other.exec(sql)
    }
    await file.database.prepare([spec], 3)
    await file.database.beginGeneration(
      1,
      [0, 1, 2].map(() => markAt(0)),
      [undefined, undefined, undefined],
    )
    const results = await Promise.all(
      ['ann', 'bob', 'cat'].map((name, partition) =>
        file.database.land({
          partition,
          from: markAt(0),
          to: markAt(2),
          rows: [
            { ...row('people', `${name} 1`, { name }), version: position(1, 1) },
            { ...row('people', `${name} 2`, { name: 'fine' }), version: position(1, 2) },
          ],
          history: [],
          park: [],
          voids: [],
          seals: [],
          refused: [],
          counts: EMPTY_LEDGER,
        }),
      ),
    )
    expect(results.map((result) => result.kind)).toEqual(['landed', 'rejects', 'landed'])
    expect(results[1]).toMatchObject({ rejects: [{ ref: { key: 'bob 1' } }] })
    const names = file.other
      .prepare('SELECT id FROM person ORDER BY id')
      .all()
      .map((one) => one.id)
    expect(names).toEqual(['ann 1', 'ann 2', 'cat 1', 'cat 2'])
  })

  test('a deferred foreign key that stands against the commit rejects the rows that refer to nothing', async () => {
    const spec = compileTable('people', { table: { name: 'person', key: '{id}', columns } })
    await prepared(
      [spec],
      `CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT, email TEXT,
         parent TEXT REFERENCES person (id) DEFERRABLE INITIALLY DEFERRED, spillway_version INTEGER NOT NULL DEFAULT 1)`,
    )
    expect(
      (await land([row('people', 'a', { parent: 'b' }), row('people', 'b', { parent: 'a' })])).kind,
    ).toBe('landed')
    const rejected = await rejectedKeys([
      row('people', 'c', { parent: 'nobody' }),
      row('people', 'd', { parent: 'a' }),
      row('people', 'e', {}),
    ])
    expect(rejected.map(([one]) => one)).toEqual(['c'])
    expect(
      (await rejectedKeys([row('people', 'a', undefined), row('people', 'f', {})])).map(([one]) => one),
    ).toEqual(['a'])
    expect((await land([row('people', 'f', {})])).kind).toBe('landed')
  })

  test('numeric and text columns without `as` take what they keep', async () => {
    const spec = compileTable('loose', {
      table: {
        name: 'loose',
        key: '{id}',
        columns: { id: { column: 'id', as: 'int64' }, n: 'n', t: 't', any: 'any' },
      },
    })
    await prepared(
      [spec],
      'CREATE TABLE loose (id INTEGER PRIMARY KEY, n DECIMAL(10,2), t VARCHAR(20), "any" BLOB, spillway_version INTEGER DEFAULT 1)',
    )
    await land([
      row('loose', '7', { id: '7', n: 1.5, t: '007', any: '007' }),
      row('loose', '8', { id: '8', n: 2, any: 5 }),
    ])
    expect(await read('loose', '7')).toEqual({ id: '7', n: 1.5, t: '007', any: '007' })
    expect(await read('loose', '8')).toEqual({ id: '8', n: 2, any: 5 })
    const rejected = await rejectedKeys([
      row('loose', '9', { id: '9', n: '007' }),
      row('loose', '10', { id: '10', t: 7 }),
    ])
    expect(rejected.map(([one]) => one)).toEqual(['9', '10'])
  })
})
