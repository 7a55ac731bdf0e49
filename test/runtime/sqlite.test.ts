import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSqlite, SqliteError, STATEMENTS_MAX } from '../../src/runtime/sqlite.ts'
import type { SqliteConnection, SqliteOptions, SqliteValue } from '../../src/runtime/sqlite.ts'

let folder: string
let open: SqliteConnection[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-sqlite-'))
  open = []
})

afterEach(() => {
  for (const connection of open) connection.close()
  rmSync(folder, { recursive: true, force: true })
})

function connect(name = 'a.db', options?: SqliteOptions): SqliteConnection {
  const connection = openSqlite(join(folder, name), options)
  open.push(connection)
  return connection
}

function thrown(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

function sqliteCode(act: () => unknown): string {
  const error = thrown(act)
  expect(error).toBeInstanceOf(SqliteError)
  return (error as SqliteError).code
}

describe('values', () => {
  it.each<[string, SqliteValue, string, SqliteValue]>([
    ['null', null, 'null', null],
    ['a small integer', 5, 'integer', 5],
    ['an integer above 2^32', 2 ** 40, 'integer', 2 ** 40],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER, 'integer', Number.MAX_SAFE_INTEGER],
    ['a fraction', 1.5, 'real', 1.5],
    ['a double beyond the integers', 1e300, 'real', 1e300],
    ['text beyond the BMP', 'a😀', 'text', 'a😀'],
    ['empty text', '', 'text', ''],
  ])('%s comes back as it went in, with the right type', (_name, value, type, back) => {
    const row = connect().prepare('select v, typeof(v) as t from (select ? as v)').get(value)
    expect(row?.t).toBe(type)
    expect(row?.v).toBe(back)
  })

  it('text with NUL comes back whole, or is refused where the runtime would cut it', () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    const cuts = process.versions.bun === undefined && (major < 24 || (major === 24 && minor < 16))
    const statement = connect().prepare('select ? as v')
    if (cuts) expect(thrown(() => statement.get('a\0b'))).toMatchObject({ code: 'invalid' })
    else expect(statement.get('a\0b')?.v).toBe('a\0b')
  })

  it('bytes come back as bytes of their own, empty ones and views too', () => {
    const statement = connect().prepare('select v, typeof(v) as t from (select ? as v)')
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
      Buffer.from('abc'),
    ]) {
      const row = statement.get(bytes)
      expect(row?.t).toBe('blob')
      const back = row?.v as Uint8Array
      expect(Uint8Array.from(back)).toEqual(Uint8Array.from(bytes))
      expect(back.byteOffset).toBe(0)
      expect(back.buffer.byteLength).toBe(back.byteLength)
      structuredClone(back, { transfer: [back.buffer as ArrayBuffer] })
    }
  })

  it('64-bit integers are exact as bigints, and refused rather than rounded as numbers', () => {
    const connection = connect()
    const largest = 2n ** 63n - 1n
    expect(connection.prepare('select ? as v', { bigints: true }).get(largest)?.v).toBe(largest)
    expect(connection.prepare('select ? as v', { bigints: true }).get(-(2n ** 63n))?.v).toBe(-(2n ** 63n))
    expect(connection.prepare('select ? as v', { bigints: true }).get(7)?.v).toBe(7n)
    for (const sql of ['select 9007199254740992 as v', 'select -9007199254740993 as v']) {
      const statement = connection.prepare(sql)
      expect(thrown(() => statement.get())).toMatchObject({ name: 'SpillwayError', code: 'internal' })
      expect(thrown(() => statement.all())).toMatchObject({ name: 'SpillwayError', code: 'internal' })
    }
    expect(connection.prepare('select 9007199254740991 as v').get()?.v).toBe(Number.MAX_SAFE_INTEGER)
  })

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a boolean', true],
    ['a date', new Date(0)],
    ['an array', [1]],
    ['an object', { a: 1 }],
    ['a plain ArrayBuffer', new ArrayBuffer(2)],
    ['2^63', 2n ** 63n],
    ['-2^63 - 1', -(2n ** 63n) - 1n],
    ['a lone surrogate', 'a\ud800'],
    ['a symbol', Symbol('x')],
  ])('%s is refused before SQLite sees it', (_name, value) => {
    const statement = connect().prepare('select ? as v')
    expect(thrown(() => statement.get(value as SqliteValue))).toMatchObject({
      name: 'SpillwayError',
      code: 'internal',
    })
  })

  it('bytes that were transferred away are refused, not bound as an empty BLOB', () => {
    const bytes = new Uint8Array(4)
    structuredClone(bytes, { transfer: [bytes.buffer] })
    const statement = connect().prepare('select ? as v')
    expect(thrown(() => statement.get(bytes))).toMatchObject({ code: 'internal' })
  })
})

describe('parameters', () => {
  it('too few and too many are refused', () => {
    const statement = connect().prepare(`select ? as a, ? as b, '? it''s' as "c?", 1 /* ? */ as d -- ?`)
    expect(thrown(() => statement.get(1))).toMatchObject({ code: 'internal' })
    expect(thrown(() => statement.get(1, 2, 3))).toMatchObject({ code: 'internal' })
    expect({ ...statement.get(1, 2) }).toEqual({ a: 1, b: 2, 'c?': "? it's", d: 1 })
  })

  it('named and numbered ones, second statements and blank ones are refused instead of mixed up or dropped', () => {
    const connection = connect()
    for (const sql of ['select :a', 'select ?1', 'select @a', 'select $a']) {
      expect(thrown(() => connection.prepare(sql))).toMatchObject({ code: 'internal' })
    }
    expect(connection.prepare('select ? as a$b').get(1)).toEqual({ a$b: 1 })
    expect(thrown(() => connection.prepare('select 1; select 2'))).toMatchObject({ code: 'internal' })
    for (const sql of ['', ';', '-- x'])
      expect(thrown(() => connection.prepare(sql))).toMatchObject({ code: 'internal' })
    connection.prepare('select 1; -- the end').get()
  })

  it('32,766 of them in one upsert work, and one more is said to be too many', () => {
    const connection = connect()
    connection.exec('create table t(a, b, c)')
    const rows = 10_922
    const insert = connection.prepare(
      `insert into t values ${Array.from({ length: rows }, () => '(?,?,?)').join(',')}`,
    )
    const params = Array.from({ length: rows * 3 }, (_, index) => index)
    expect(insert.run(...params)).toEqual({ changes: rows })
    expect(connection.prepare('select sum(a + b + c) as s from t').get()?.s).toBe(
      params.reduce((sum, n) => sum + n),
    )
    const tooMany = `select 1 where 1 in (${Array.from({ length: 32_767 }, () => '?').join(',')})`
    expect(thrown(() => connection.prepare(tooMany))).toMatchObject({
      name: 'SpillwayError',
      code: 'internal',
    })
  })
})

describe('statements', () => {
  it('a miss is undefined, and no rows an empty list', () => {
    const statement = connect().prepare('select 1 where 0')
    expect(statement.get()).toBeUndefined()
    expect(statement.all()).toEqual([])
  })

  it('changes counts the rows of this statement only', () => {
    const connection = connect()
    connection.exec(`create table t(k integer primary key, v); create table log(k);
      create trigger tr after insert on t begin insert into log values (new.k); end`)
    expect(connection.prepare('insert into t values (1, 1), (2, 2)').run().changes).toBe(2)
    expect(connection.prepare('begin').run().changes).toBe(0)
    expect(connection.prepare('select * from t').run().changes).toBe(0)
    expect(connection.prepare('create table u(x)').run().changes).toBe(0)
    expect(connection.prepare('-- hi\n update t set v = 9').run().changes).toBe(2)
    const upsert =
      'insert into t values (2, 5), (3, 3) on conflict(k) do update set v = excluded.v where excluded.v > v'
    expect(connection.prepare(upsert).run().changes).toBe(1)
    expect(
      connection.prepare('with n as (select 3 as k) delete from t where k in (select k from n)').run()
        .changes,
    ).toBe(1)
    expect(connection.prepare('commit').run().changes).toBe(0)
    expect(connection.prepare('update t set v = 1 where k = 77').run().changes).toBe(0)
  })

  it('more than the bound are refused until one is finalized', () => {
    const connection = connect()
    const statements = Array.from({ length: STATEMENTS_MAX }, () => connection.prepare('select 1 as v'))
    expect(thrown(() => connection.prepare('select 1'))).toMatchObject({ code: 'internal' })
    statements[0]?.finalize()
    statements[0]?.finalize()
    expect(connection.prepare('select 2 as v').get()?.v).toBe(2)
    expect(thrown(() => statements[0]?.get())).toMatchObject({ code: 'closed' })
  })

  it('blank SQL executes to nothing', () => {
    for (const sql of ['', ' ', '-- only a comment', ';']) expect(connect().exec(sql)).toBeUndefined()
  })
})

describe('errors', () => {
  it('carry the extended code, its name and its family', () => {
    const connection = connect()
    connection.exec(`create table t(k integer primary key, u text not null unique, c integer check (c > 0)) strict;
      create table child(k references t(k))`)
    const insert = connection.prepare('insert into t values (?, ?, ?)')
    insert.run(1, 'a', 1)
    const error = thrown(() => insert.run(1, 'b', 1))
    expect(error).toMatchObject({
      name: 'SqliteError',
      extendedCode: 1555,
      code: 'SQLITE_CONSTRAINT_PRIMARYKEY',
      primaryCode: 'SQLITE_CONSTRAINT',
    })
    expect((error as SqliteError).cause).toBeInstanceOf(Error)
    expect(sqliteCode(() => insert.run(2, 'a', 1))).toBe('SQLITE_CONSTRAINT_UNIQUE')
    expect(sqliteCode(() => insert.run(2, null, 1))).toBe('SQLITE_CONSTRAINT_NOTNULL')
    expect(sqliteCode(() => insert.run(2, 'b', -1))).toBe('SQLITE_CONSTRAINT_CHECK')
    expect(sqliteCode(() => insert.run(2, 'b', 'x'))).toBe('SQLITE_CONSTRAINT_DATATYPE')
    expect(sqliteCode(() => insert.run('x', 'b', 1))).toBe('SQLITE_MISMATCH')
    expect(sqliteCode(() => connection.prepare('insert into child values (9)').run())).toBe(
      'SQLITE_CONSTRAINT_FOREIGNKEY',
    )
    expect(sqliteCode(() => connection.prepare('selec'))).toBe('SQLITE_ERROR')
    expect(sqliteCode(() => connection.prepare('select zeroblob(2000000000)').get())).toBe('SQLITE_TOOBIG')
    expect(sqliteCode(() => connection.prepare('select "no such name"'))).toBe('SQLITE_ERROR')
  })

  it('a locked file is SQLITE_BUSY at once, and an old snapshot SQLITE_BUSY_SNAPSHOT', () => {
    const [one, two] = [connect(), connect()]
    one.exec('pragma journal_mode = wal; create table t(v)')
    one.exec('begin immediate')
    expect(sqliteCode(() => two.exec('begin immediate'))).toBe('SQLITE_BUSY')
    one.exec('rollback')
    two.exec('begin; select * from t')
    expect(two.prepare('select count(*) as n from t').get()?.n).toBe(0)
    one.exec('insert into t values (1)')
    expect(sqliteCode(() => two.exec('insert into t values (2)'))).toBe('SQLITE_BUSY_SNAPSHOT')
  })

  it('a full database, a read-only one, a folder, no database and a damaged one are told apart', () => {
    const connection = connect()
    connection.exec('create table t(v); pragma max_page_count = 2')
    connection.exec('begin')
    expect(sqliteCode(() => connection.prepare('insert into t values (zeroblob(100000))').run())).toBe(
      'SQLITE_FULL',
    )
    expect(sqliteCode(() => connect('a.db', { readOnly: true }).exec('create table u(v)'))).toBe(
      'SQLITE_READONLY',
    )
    expect(sqliteCode(() => connect('none.db', { readOnly: true }))).toBe('SQLITE_CANTOPEN')
    expect(sqliteCode(() => connect('none/a.db'))).toBe('SQLITE_CANTOPEN')
    expect(sqliteCode(() => openSqlite(folder))).toMatch(/^SQLITE_CANTOPEN/)
    writeFileSync(join(folder, 'text.db'), 'this is not a database '.repeat(400))
    expect(sqliteCode(() => connect('text.db').exec('select * from sqlite_master'))).toBe('SQLITE_NOTADB')
    const damaged = connect('damaged.db')
    damaged.exec('create table t(v); insert into t values (zeroblob(20000))')
    damaged.close()
    const intact = readFileSync(join(folder, 'damaged.db'))
    writeFileSync(join(folder, 'damaged.db'), intact.fill(0xff, 4096))
    expect(
      (thrown(() => connect('damaged.db').prepare('select * from t').all()) as SqliteError).primaryCode,
    ).toBe('SQLITE_CORRUPT')
  })

  it('a code newer than the table is named by its family', () => {
    expect(new SqliteError(19 | (99 << 8), 'x').code).toBe('SQLITE_CONSTRAINT')
    expect(new SqliteError(200, 'x').code).toBe('SQLITE_200')
  })
})

describe('connections', () => {
  it('close finalizes, rolls back, lets the file go, and may be repeated', () => {
    const connection = connect()
    connection.exec('pragma journal_mode = wal; create table t(v)')
    const statement = connection.prepare('insert into t values (1)')
    connection.exec('begin')
    expect(connection.inTransaction).toBe(true)
    statement.run()
    connection.close()
    connection.close()
    expect(connection.inTransaction).toBe(false)
    expect(thrown(() => statement.run())).toMatchObject({ code: 'closed' })
    expect(thrown(() => connection.exec('select 1'))).toMatchObject({ code: 'closed' })
    expect(thrown(() => connection.prepare('select 1'))).toMatchObject({ code: 'closed' })
    const again = connect()
    again.exec('begin exclusive')
    expect(again.prepare('select count(*) as n from t').get()?.n).toBe(0)
  })

  it('a path that looks like a URI is a path', () => {
    const connection = connect('file:x?mode=memory')
    connection.exec('create table t(v)')
    expect(connection.prepare('pragma database_list').get()?.file).toContain('file:x?mode=memory')
  })

  it('foreign keys may be left to the tables of others', () => {
    const connection = connect('a.db', { foreignKeys: false })
    connection.exec('create table p(k primary key); create table c(k references p(k))')
    expect(connection.prepare('insert into c values (1)').run().changes).toBe(1)
  })
})
