/** Whatever keeps a real server from landing: nothing is parked, nothing is lost, and it lands when it can. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMysqlDatabase } from '../../../src/drivers/mysql/database.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { compileTable } from '../../../src/model/table.ts'
import type { Database } from '../../../src/ports/database.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { Landings, row } from './landings.ts'
import type { Sent } from './landings.ts'
import { mariadbDatabase, otherOn } from './mariadb-database.ts'
import type { MariadbDatabase } from './mariadb-database.ts'

const server = await privateMariadb()
let opened: MariadbDatabase
let landings: Landings
let used: Database

/** As a user without the rights of an administrator, who is exempt from some bounds. */
beforeEach(async () => {
  opened = await mariadbDatabase(server)
  const name = new URL(opened.url).pathname.slice(1)
  await server.ask("CREATE OR REPLACE USER app@'%' IDENTIFIED BY 'app'", `GRANT ALL ON ${name}.* TO app@'%'`)
  used = await openMysqlDatabase({
    url: opened.url.replace('root@', 'app:app@'),
    clock: systemClock,
    callMs: 2_000,
    connectMs: 1_000,
    waitMs: 1_000,
  })
})
afterEach(async () => {
  await used.close()
  await opened.close()
})

const people = compileTable('people', {
  table: { name: 'person', key: '{id}', columns: { name: 'name' } },
})
const PERSON = `CREATE TABLE person (id VARBINARY(99) PRIMARY KEY, name VARCHAR(20), spillway_version BIGINT NOT NULL DEFAULT 1)`

async function begin(): Promise<void> {
  await opened.other(PERSON)
  landings = await Landings.begin(used, [people])
  await landings.land([row('people', 'first', { name: 'first' }), row('forms', 'first', 0)])
}

function some(name: string): Sent[] {
  return ['a', 'b', 'c'].flatMap((key) => [row('people', key, { name }), row('forms', key, name)])
}

async function checkFails(rows: readonly Sent[] = some('lost'), message: RegExp = /./): Promise<void> {
  await expect(landings.land(rows)).rejects.toMatchObject({
    code: 'unavailable',
    detail: expect.stringMatching(message),
  })
}

/** The first try may find out that its connection is gone. */
async function checkLandsAgain(rows: readonly Sent[] = some('found')): Promise<void> {
  await landings.land(rows).catch(() => undefined)
  if (landings.count === 2) await landings.land(rows)
  expect(await landings.read('people', 'a')).toEqual({ name: 'found' })
  expect(await landings.read('forms', 'c')).toBe('found')
  expect((await used.parked.list({ limit: 9 })).items).toEqual([])
  const [partition] = await used.partitions()
  expect(partition?.counts).toMatchObject({ landed: 8, parked: 0 })
}

describe('the server', () => {
  test('killed and started again', { timeout: 60_000 }, async () => {
    await begin()
    await server.kill()
    await checkFails()
    await expect(used.read(0, [{ collection: 'forms', key: 'first' }])).rejects.toMatchObject({
      code: 'unavailable',
    })
    await server.restart()
    await checkLandsAgain()
  })

  test('stopped in an orderly way and started again', { timeout: 60_000 }, async () => {
    await begin()
    await server.stop()
    await checkFails()
    await server.restart()
    await checkLandsAgain()
  })

  test('paused: every call ends at its deadline, and it goes on when the server does', async () => {
    await begin()
    await server.kill('SIGSTOP')
    try {
      const from = performance.now()
      const results = await Promise.allSettled([
        landings.land(some('lost')),
        used.read(0, [{ collection: 'forms', key: 'first' }]),
        used.partitions(),
      ])
      expect(results.map((one) => one.status)).toEqual(['rejected', 'rejected', 'rejected'])
      expect(performance.now() - from).toBeLessThan(8_000)
    } finally {
      await server.kill('SIGCONT')
    }
    await checkLandsAgain()
  })

  test('out of connections', async () => {
    await begin()
    await used.close()
    await server.ask('SET GLOBAL max_connections = 10')
    const pools = Array.from({ length: 10 }, () => otherOn(opened.url.replace('root@', 'app:app@')))
    try {
      used = await openMysqlDatabase({ url: opened.url.replace('root@', 'app:app@'), clock: systemClock })
      const taken = await Promise.allSettled(pools.map((pool) => pool.getConnection()))
      await expect(used.partitions()).rejects.toMatchObject({
        code: 'unavailable',
        detail: expect.stringMatching(/Too many connections/),
      })
      for (const one of taken) if (one.status === 'fulfilled') one.value.destroy()
      await expect
        .poll(() =>
          used.partitions().then(
            () => 'there',
            () => 'away',
          ),
        )
        .toBe('there')
    } finally {
      await Promise.all(pools.map((pool) => pool.end()))
      await server.ask('SET GLOBAL max_connections = 200')
    }
  })

  test('set to read-only for a while', async () => {
    await begin()
    await server.ask('SET GLOBAL read_only = ON')
    try {
      await checkFails(some('lost'), /read-only/)
      expect(await landings.read('forms', 'first')).toBe(0)
    } finally {
      await server.ask('SET GLOBAL read_only = OFF')
    }
    await checkLandsAgain()
  })

  test('cuts connections that wait: the next calls get others', async () => {
    await begin()
    for (const { Id: id } of await server.ask(
      `SELECT Id FROM information_schema.processlist WHERE User = 'app'`,
    ))
      await server.ask(`KILL ${String(id)}`)
    await expect
      .poll(() =>
        used.partitions().then(
          () => 'there',
          () => 'away',
        ),
      )
      .toBe('there')
    await checkLandsAgain()
  })
})

describe('locks of others', () => {
  test('on a row: landing gives up within its time and lands when the row is free', async () => {
    await begin()
    const pool = otherOn(opened.url)
    const other = await pool.getConnection()
    try {
      await other.query('BEGIN')
      await other.query("SELECT * FROM person WHERE id = 'first' FOR UPDATE")
      const from = performance.now()
      await checkFails([row('people', 'first', { name: 'lost' })], /Lock wait timeout/)
      expect(performance.now() - from).toBeLessThan(2_000)
      await other.query('ROLLBACK')
    } finally {
      other.destroy()
      await pool.end()
    }
    await checkLandsAgain()
  })

  test('on a table that somebody changes', async () => {
    await begin()
    const pool = otherOn(opened.url)
    const other = await pool.getConnection()
    try {
      await other.query('LOCK TABLES person WRITE')
      await checkFails(some('lost'), /Lock wait timeout/)
      await other.query('UNLOCK TABLES')
    } finally {
      other.destroy()
      await pool.end()
    }
    await checkLandsAgain()
  })

  test('in the other order: a deadlock parks nothing', async () => {
    await used.close()
    used = await openMysqlDatabase({ url: opened.url, clock: systemClock })
    await begin()
    const pool = otherOn(opened.url)
    const other = await pool.getConnection()
    try {
      await other.query('BEGIN')
      // InnoDB gives up the transaction that changed fewer rows: ours.
      await other.query('INSERT INTO person (id) SELECT seq FROM seq_1_to_3000')
      await other.query("UPDATE person SET name = 'other' WHERE id = 'first'")
      await other.query("INSERT INTO person (id) VALUES ('a')")
      const waits = landings.land([row('forms', 'first', 1), row('people', 'a', {}), row('people', 'z', {})])
      const outcome = waits.then(
        (result) => result.kind,
        (error: Error) => error.message,
      )
      const busy = `SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`
      // That table is made anew only when nobody asked for it for a while.
      await expect.poll(() => server.ask(busy), { interval: 200, timeout: 4_000 }).toHaveLength(1)
      await other.query("UPDATE spillway_records SET value = '1' WHERE record_key = 'first'")
      expect(await outcome).toMatch(/unavailable.*Deadlock/)
      await other.query('ROLLBACK')
    } finally {
      other.destroy()
      await pool.end()
    }
    await checkLandsAgain()
  })
})

describe('a schema that changes while it runs', () => {
  test('a new column, index or default of the user is no matter', async () => {
    await begin()
    await opened.other("ALTER TABLE person ADD note VARCHAR(9) DEFAULT 'new' FIRST, ADD KEY (name)")
    await checkLandsAgain()
    expect(await opened.other("SELECT note, name FROM person WHERE id = 'a'")).toEqual([
      { note: 'new', name: 'found' },
    ])
  })

  test('a column that is gone stops landing until it is back', async () => {
    await begin()
    await opened.other('ALTER TABLE person DROP COLUMN name')
    await checkFails(some('lost'), /Unknown column/)
    await opened.other('ALTER TABLE person ADD name VARCHAR(20)')
    await checkLandsAgain()
  })

  test('a table that is gone stops landing until it is back', async () => {
    await begin()
    await opened.other('RENAME TABLE person TO elsewhere')
    await checkFails(some('lost'), /doesn't exist/)
    await opened.other('RENAME TABLE elsewhere TO person')
    await checkLandsAgain()
  })
})

describe('a mapped table that its owner changes while it runs', () => {
  const accounts = compileTable('accounts', {
    history: true,
    table: {
      name: 'account',
      key: '{id}',
      columns: { mail: 'mail', score: 'score', price: { column: 'price', as: 'decimal' } },
    },
  })
  const ACCOUNT = `CREATE TABLE account (id VARCHAR(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY,
    mail VARCHAR(20), score DOUBLE, price DECIMAL(10,2), spillway_version BIGINT NOT NULL DEFAULT 1)`
  const account = (key: string, value: object): Sent => row('accounts', key, value)

  beforeEach(async () => {
    await opened.other(ACCOUNT)
    landings = await Landings.begin(used, [accounts])
    const rows = [account('a', { mail: 'ann@x', score: 1.5 }), account('b', { mail: 'bob@x', score: 2.5 })]
    expect((await landings.land(rows)).kind).toBe('landed')
  })

  async function mails(): Promise<unknown[]> {
    return (await opened.other('SELECT id, mail FROM account ORDER BY id')).map((one) => Object.values(one))
  }

  test('a second UNIQUE index: no row of another key is overwritten, and landing says what to drop', async () => {
    await opened.other('ALTER TABLE account ADD UNIQUE KEY by_mail (mail)')
    const taken = [account('c', { mail: 'ann@x' }), row('forms', 'f', 1)]
    await checkFails(taken, /UNIQUE index "by_mail".*DROP INDEX `by_mail`.*landing waits/)
    await checkFails([account('d', { mail: 'dan@x' })], /by_mail/)
    expect(await mails()).toEqual([
      ['a', 'ann@x'],
      ['b', 'bob@x'],
    ])
    expect(await landings.read('accounts', 'a')).toEqual({ mail: 'ann@x', score: 1.5 })
    await opened.other('ALTER TABLE account DROP INDEX by_mail')
    expect((await landings.land(taken)).kind).toBe('landed')
    expect(await mails()).toHaveLength(3)
    expect((await used.parked.list({ limit: 9 })).items).toEqual([])
  })

  test('a key that became case-insensitive: two records do not become one row', async () => {
    await opened.other('ALTER TABLE account MODIFY id VARCHAR(99) COLLATE utf8mb4_general_ci NOT NULL')
    await checkFails([account('A', { mail: 'other' })], /utf8mb4_general_ci, which ignores case/)
    await opened.other('ALTER TABLE account MODIFY id VARCHAR(99) COLLATE utf8mb4_nopad_bin NOT NULL')
    expect((await landings.land([account('A', { mail: 'other' })])).kind).toBe('landed')
    expect(await mails()).toContainEqual(['a', 'ann@x'])
  })

  test('a narrower type: what it would round is rejected as data, what it keeps lands', async () => {
    await opened.other('UPDATE account SET score = 1', 'ALTER TABLE account MODIFY score INT')
    const rejected = await landings.rejected([account('c', { score: 3.5 }), account('d', { score: 4 })])
    expect(rejected).toEqual([['c', expect.stringMatching(/takes whole numbers only/)]])
    expect((await landings.land([account('d', { score: 4 })])).kind).toBe('landed')
    expect(await landings.read('accounts', 'd')).toEqual({ score: 4 })
  })

  test('a wider type: what did not fit before lands, without a restart', async () => {
    expect(await landings.rejected([account('c', { price: '1.125' })])).toHaveLength(1)
    await opened.other('ALTER TABLE account MODIFY price DECIMAL(10,3)')
    expect((await landings.land([account('c', { price: '1.125' })])).kind).toBe('landed')
    expect(await landings.read('accounts', 'c')).toEqual({ price: '1.125' })
  })

  test('a type that could not be exact: landing waits, and says which to declare', async () => {
    await opened.other('ALTER TABLE account MODIFY score FLOAT')
    await checkFails([account('c', { score: 0.1 })], /"score" is declared float/)
    await opened.other('ALTER TABLE account MODIFY score DOUBLE')
    expect((await landings.land([account('c', { score: 0.1 })])).kind).toBe('landed')
  })

  test('a history that got a UNIQUE index of its own does not lose a version', async () => {
    await opened.other('ALTER TABLE account_history ADD UNIQUE KEY one_each (id)')
    const rows = [account('c', { mail: 'c@x' })]
    await expect(landings.land(rows, { history: true })).rejects.toMatchObject({
      code: 'unavailable',
      detail: expect.stringMatching(/account_history.*UNIQUE index "one_each".*DROP INDEX `one_each`/),
    })
    await opened.other('ALTER TABLE account_history DROP INDEX one_each')
    expect((await landings.land(rows, { history: true })).kind).toBe('landed')
  })

  test('dropped and made again, the same or another: landing waits for one that fits', async () => {
    await opened.other('DROP TABLE account')
    await checkFails([account('c', { mail: 'c@x' })], /doesn't exist/)
    await opened.other(ACCOUNT.replace('nopad_bin', 'general_ci').replace('DOUBLE', 'INT'))
    await checkFails([account('c', { mail: 'c@x' })], /ignores case/)
    await opened.other('DROP TABLE account', ACCOUNT)
    expect((await landings.land([account('c', { mail: 'c@x' })])).kind).toBe('landed')
    expect(await mails()).toEqual([['c', 'c@x']])
  })

  test('whoever alters it while a batch is landing waits for its end: the batch meets one definition', async () => {
    const altering = opened.other(
      'LOCK TABLES account WRITE',
      'ALTER TABLE account ADD UNIQUE KEY by_mail (mail)',
    )
    const landing = landings.land([account('c', { mail: 'ann@x' })]).then(
      ({ kind }) => kind,
      (error: { code: string }) => error.code,
    )
    await altering.then(
      () => opened.other('UNLOCK TABLES'),
      () => opened.other('UNLOCK TABLES'),
    )
    // Either it was first, and the index could not be made; or it waits for the index to go.
    const outcome = await landing
    const rows = await mails()
    expect(rows).toEqual(expect.arrayContaining([['a', 'ann@x']]))
    expect([outcome, rows.length]).toEqual(outcome === 'landed' ? ['landed', 3] : ['unavailable', 2])
  })
})

describe('max_allowed_packet', () => {
  afterEach(() => server.ask('SET GLOBAL max_allowed_packet = 16777216'))

  test('a batch above it goes in several statements; a row above it waits until the bound is raised', async () => {
    await server.ask('SET GLOBAL max_allowed_packet = 1048576')
    await begin()
    const half = 'x'.repeat(400_000)
    expect((await landings.land(['k', 'l', 'm', 'n'].map((key) => row('forms', key, half)))).kind).toBe(
      'landed',
    )
    expect(await landings.read('forms', 'n')).toBe(half)
    const large = [row('forms', 'large', 'x'.repeat(1_200_000)), row('forms', 'small', 1)]
    await checkFails(large, /max_allowed_packet = 1048576.*SET GLOBAL max_allowed_packet = 2097152/)
    await server.ask('SET GLOBAL max_allowed_packet = 2097152')
    expect((await landings.land(large)).kind).toBe('landed')
    expect(await landings.read('forms', 'large')).toHaveLength(1_200_000)
  })
})
