import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { collection } from '../../src/index.ts'
import type { SpillwayError, Tier } from '../../src/index.ts'
import { embedded } from './embedded.ts'

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as SpillwayError).code,
  )

const people = collection<{ name: string; age?: number }>('people', {
  table: { name: 'person', key: '{id}', columns: { name: 'full_name', age: 'age' }, check: true },
})

/** A connection of somebody else to the same SQL file. */
function sql(path: string): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: 10_000 })
  onTestFinished(() => {
    if (connection.isOpen) connection.close()
  })
  return connection
}

const PERSON = `CREATE TABLE person (id TEXT NOT NULL PRIMARY KEY, full_name TEXT, age REAL,
  spillway_version INTEGER NOT NULL DEFAULT 1, spillway_check TEXT)`
/** The user's own rule: no negative age. */
const RULE = `CREATE TRIGGER grown AFTER INSERT ON person WHEN new.age < 0 BEGIN SELECT RAISE(ABORT, 'age must not be negative'); END;
  CREATE TRIGGER changed AFTER UPDATE ON person WHEN new.age < 0 BEGIN SELECT RAISE(ABORT, 'age must not be negative'); END`

async function peopleTier(options: object = {}): Promise<Awaited<ReturnType<typeof embedded>>> {
  const it = await embedded({ ...options })
  await it.tier.close()
  const owner = sql(it.appDb)
  owner.exec(`${PERSON}; ${RULE}`)
  owner.close()
  await it.reopen({ collections: [people], ...options })
  return it
}

/** Waits until everything that is pending has been judged by the database. */
async function drained(tier: Tier): Promise<Awaited<ReturnType<Tier['status']>>> {
  for (;;) {
    const status = await tier.status()
    if (status.totals.pending === 0) return status
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('landing in a mapped table', () => {
  test('rows have the columns, the version and a check; a delete removes the row', async () => {
    const it = await peopleTier()
    const records = it.tier.records(people)
    const receipt = await records.put('p1', { name: 'Ada', age: 36 })
    expect(await receipt.landed()).toBe('landed')
    const reader = sql(it.appDb)
    expect(reader.prepare('SELECT id, full_name, age, spillway_version v FROM person').all()).toEqual([
      { id: 'p1', full_name: 'Ada', age: 36, v: receipt.version },
    ])
    await (await records.delete('p1')).landed()
    expect(reader.prepare('SELECT count(*) n FROM person').get()).toEqual({ n: 0 })
  })

  test('rows that were there before are records of version 1', async () => {
    const it = await peopleTier()
    sql(it.appDb).exec(`INSERT INTO person (id, full_name, age) VALUES ('old', 'Eve', 7)`)
    const records = it.tier.records(people)
    expect(await records.get('old')).toEqual({ key: 'old', version: 1, value: { name: 'Eve', age: 7 } })
    expect(await code(records.put('old', { name: 'Eve' }, { ifVersion: 0 }))).toBe('version-mismatch')
    expect(await code(records.put('old', { name: 'Eve' }, { ifVersion: 1 }))).toBe('resolved')
  })

  test('history keeps every version, deletes too', async () => {
    const withHistory = collection<{ name: string }>('people', {
      table: { name: 'person2', key: '{id}', columns: { name: 'name' } },
      history: true,
    })
    const it = await embedded()
    const owner = sql(it.appDb)
    owner.exec(`CREATE TABLE person2 (id TEXT NOT NULL PRIMARY KEY, name TEXT, spillway_version INTEGER NOT NULL DEFAULT 1);
      CREATE TABLE person2_history (id TEXT NOT NULL, name TEXT, spillway_version INTEGER NOT NULL,
        spillway_deleted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (id, spillway_version))`)
    const records = (await it.reopen({ collections: [withHistory] })).records(withHistory)
    const versions: number[] = []
    for (const name of ['a', 'b', 'c']) versions.push((await records.put('k', { name })).version)
    const last = await records.delete('k')
    versions.push(last.version)
    await last.landed()
    const rows = sql(it.appDb)
      .prepare('SELECT name, spillway_version v, spillway_deleted d FROM person2_history ORDER BY 2')
      .all()
    expect(rows.map((row) => row['v'])).toEqual(versions)
    expect(rows.map((row) => [row['name'], Number(row['d'])])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 0],
      [null, 1],
    ])
    expect((await drained(it.tier)).totals).toMatchObject({ accepted: 4, landed: 4, superseded: 0 })
  })
})

describe('parked writes', () => {
  test('a row that the table does not take is parked with its cause; the others land; it is served and listed', async () => {
    const it = await peopleTier()
    const records = it.tier.records(people)
    const [good, bad] = await Promise.all([
      records.put('good', { name: 'a', age: 1 }),
      records.put('bad', { name: 'b', age: -1 }),
    ])
    expect(await good.landed()).toBe('landed')
    await expect(bad.landed()).rejects.toMatchObject({ code: 'parked' })
    expect((await records.get('bad'))?.value).toEqual({ name: 'b', age: -1 })
    const { items, next } = await it.tier.parked.list()
    expect(next).toBeNull()
    expect(items).toMatchObject([{ collection: 'people', key: 'bad', version: bad.version, attempts: 1 }])
    expect(items[0]?.cause).toMatch(/age must not be negative/)
    expect(Buffer.from((await it.tier.parked.get('people', 'bad'))?.json ?? []).toString()).toBe(
      '{"name":"b","age":-1}',
    )
    expect((await drained(it.tier)).totals).toMatchObject({ accepted: 2, landed: 1, parked: 1, pending: 0 })
    // The truth is what was written: conditions and reads after a restart see the parked version.
    const again = (await it.reopen({ collections: [people] })).records(people)
    expect((await again.get('bad'))?.version).toBe(bad.version)
    expect(await code(again.put('bad', { name: 'c' }, { ifVersion: 0 }))).toBe('version-mismatch')
  })

  test('a newer good write clears it and counts it as superseded', async () => {
    const it = await peopleTier()
    const records = it.tier.records(people)
    await records.put('k', { name: 'a', age: -1 })
    await drained(it.tier)
    await (await records.put('k', { name: 'a', age: 1 })).landed()
    expect((await it.tier.parked.list()).items).toEqual([])
    expect((await drained(it.tier)).totals).toMatchObject({
      accepted: 2,
      landed: 1,
      superseded: 1,
      parked: 0,
    })
  })

  test('retry lands it once the table takes it, and finds nothing the second time', async () => {
    const it = await peopleTier()
    const records = it.tier.records(people)
    const bad = await records.put('k', { name: 'a', age: -1 })
    await drained(it.tier)
    expect(await code(it.tier.parked.retry('people', 'k'))).toBe('parked')
    sql(it.appDb).exec('DROP TRIGGER grown; DROP TRIGGER changed')
    const { tier } = it
    expect((await tier.parked.retry('people', 'k')).version).toBe(bad.version)
    expect(await code(tier.parked.retry('people', 'k'))).toBe('not-found')
    expect((await drained(tier)).totals).toMatchObject({ accepted: 1, landed: 1, parked: 0, pending: 0 })
    expect((await tier.verify()).ok).toBe(true)
  })

  test("resolve writes a newer entry: the table's value, or a delete; only for the version that was looked at", async () => {
    const it = await peopleTier()
    const records = it.tier.records(people)
    await (await records.put('k', { name: 'first', age: 1 })).landed()
    const bad = await records.put('k', { name: 'second', age: -1 })
    await drained(it.tier)
    const { parked } = it.tier
    expect(await code(parked.resolve('people', 'k', { with: 'table', version: bad.version + 1 }))).toBe(
      'version-mismatch',
    )
    const resolved = await parked.resolve('people', 'k', { with: 'table', version: bad.version })
    await resolved.landed()
    expect((await records.get('k'))?.value).toEqual({ name: 'first', age: 1 })
    expect((await parked.list()).items).toEqual([])
    expect(await code(parked.resolve('people', 'k', { with: 'delete', version: bad.version }))).toBe(
      'not-found',
    )
  })

  test('at its bound landing stands still, says so, and goes on once something is resolved', async () => {
    const it = await peopleTier({ parkedMax: 1, partitions: 1 })
    const records = it.tier.records(people)
    const first = await records.put('a', { name: 'a', age: -1 })
    await drained(it.tier)
    await records.put('b', { name: 'b', age: -1 })
    const good = await records.put('c', { name: 'c', age: 1 })
    for (;;) {
      const { notes } = await it.tier.status()
      if (notes.some((note) => /stands still/.test(note))) break
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(await good.landed({ timeoutMs: 0 })).toBe('visible')
    // Resolving the first makes room: its newer entry comes behind, but retrying after mending the table does not.
    expect(await code(it.tier.parked.retry('people', 'a'))).toBe('parked')
    expect((await records.get('a'))?.version).toBe(first.version)
  })
})

describe('verify', () => {
  test('a healthy tier is proven, and a row that somebody changed, added to or removed by hand is found', async () => {
    const it = await peopleTier()
    const records = it.tier.records(people)
    for (let n = 0; n < 20; n += 1) await records.put(`p${n}`, { name: `n${n}`, age: n })
    await records.put('p0', { name: 'again', age: 1 }, { ifVersion: 0 }).catch(() => undefined)
    await records.delete('p19')
    await drained(it.tier)
    expect(await it.tier.verify()).toMatchObject({ ok: true, mismatches: [] })
    const other = sql(it.appDb)
    other.exec(`UPDATE person SET full_name = 'Mallory' WHERE id = 'p3'`)
    other.exec(`DELETE FROM person WHERE id = 'p4'`)
    const report = await it.tier.verify()
    expect(report.ok).toBe(false)
    expect(report.mismatches.map((one) => `${one.store} ${one.key}`).sort()).toEqual([
      'database p3',
      'database p4',
    ])
  })

  test('a ledger that does not add up is found', async () => {
    const it = await embedded({ partitions: 1 })
    await (await it.tier.records('c').put('k', 1)).landed()
    const other = sql(it.appDb)
    const columns = other
      .prepare('PRAGMA table_info(spillway_position)')
      .all()
      .map((row) => String(row['name']))
    expect(columns).toContain('landed')
    other.exec('UPDATE spillway_position SET landed = landed + 1')
    const report = await it.tier.verify()
    expect(report.ok).toBe(false)
    expect(report.ledger[0]?.problem).toMatch(/positions are counted/)
  })
})

describe('a database that is away', () => {
  test('writes and reads go on, everything lands when it is back', async () => {
    const it = await embedded()
    const records = it.tier.records<number>('c')
    await (await records.put('before', 0)).landed()
    const other = sql(it.appDb)
    other.exec('BEGIN EXCLUSIVE')
    for (let n = 0; n < 200; n += 1) await records.put(`k${n}`, n)
    expect((await records.get('k7'))?.value).toBe(7)
    const waiting = await records.put('k0', 1)
    expect(await waiting.landed({ timeoutMs: 100 })).toBe('visible')
    expect((await it.tier.status()).totals.pending).toBeGreaterThan(0)
    other.exec('ROLLBACK')
    expect(await waiting.landed({ timeoutMs: 30_000 })).toBe('landed')
    expect((await drained(it.tier)).totals).toMatchObject({ accepted: 202, pending: 0, parked: 0 })
    expect((await it.tier.verify()).ok).toBe(true)
  })
})

describe('bounds', () => {
  test('a front full of writes that cannot land answers overloaded and names the bound; nothing is lost', async () => {
    const it = await embedded({ frontBytesMax: 2 ** 20 })
    const other = sql(it.appDb)
    other.exec('BEGIN EXCLUSIVE')
    const records = it.tier.records<string>('c')
    const taken: string[] = []
    let refusal: unknown
    for (let n = 0; refusal === undefined && n < 1_000; n += 1) {
      await records.put(`k${n}`, 'x'.repeat(10_000)).then(
        () => taken.push(`k${n}`),
        (error: unknown) => (refusal = error),
      )
    }
    expect(refusal).toMatchObject({ code: 'overloaded' })
    expect((refusal as SpillwayError).detail).toMatch(/frontBytesMax/)
    other.exec('ROLLBACK')
    const status = await drained(it.tier)
    expect(status.totals.landed).toBe(taken.length)
    expect(await code(records.put('after', 'x'))).toBe('resolved')
    expect((await records.getMany(taken)).every((record) => record?.value.length === 10_000)).toBe(true)
  })

  test('a full journal answers overloaded and takes writes again after landing made room', async () => {
    const it = await embedded({ journalBytesMax: 2 ** 20, frontBytesMax: 2 ** 28 })
    const other = sql(it.appDb)
    other.exec('BEGIN EXCLUSIVE')
    const records = it.tier.records<string>('c')
    let refusal: unknown
    for (let n = 0; refusal === undefined && n < 1_000; n += 1) {
      await records.put(`k${n}`, 'x'.repeat(20_000)).catch((error: unknown) => (refusal = error))
    }
    expect(refusal).toMatchObject({ code: 'overloaded' })
    expect((refusal as SpillwayError).detail).toMatch(/journalBytesMax/)
    expect(await code(it.tier.ready())).toBe('overloaded')
    other.exec('ROLLBACK')
    await drained(it.tier)
  })
})
