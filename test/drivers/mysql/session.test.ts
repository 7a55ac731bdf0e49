/** The server's own settings make no difference, and a pool that the user made is as good as ours. */
import { createPool } from 'mysql2'
import { createPool as createPromisePool } from 'mysql2/promise'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MysqlConnection } from '../../../src/drivers/mysql/connection.ts'
import { sourceOfUrl } from '../../../src/drivers/mysql/connections.ts'
import { openMysqlDatabase } from '../../../src/drivers/mysql/database.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { compileTable } from '../../../src/model/table.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { Landings, row } from './landings.ts'
import { mariadbDatabase } from './mariadb-database.ts'
import type { MariadbDatabase } from './mariadb-database.ts'

const server = await privateMariadb()
let opened: MariadbDatabase

beforeEach(async () => {
  opened = await mariadbDatabase(server)
})
afterEach(() => opened.close())

const seen = compileTable('seen', {
  table: {
    name: 'seen',
    key: '{id}',
    columns: { at: { column: 'at', as: 'instant' }, name: 'name', n: 'n' },
  },
})
const SEEN = `CREATE TABLE seen (id VARBINARY(9) PRIMARY KEY, at TIMESTAMP(6) NULL, name VARCHAR(5), n TINYINT,
  spillway_version BIGINT NOT NULL DEFAULT 1)`

describe('settings of the server', () => {
  const settings: [string, string, string][] = [
    ['sql_mode', "''", "'STRICT_TRANS_TABLES'"],
    ['sql_mode', "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'", "'STRICT_TRANS_TABLES'"],
    ['time_zone', "'+05:45'", "'SYSTEM'"],
    ['tx_isolation', "'READ-UNCOMMITTED'", "'REPEATABLE-READ'"],
    ['tx_read_only', 'ON', 'OFF'],
    ['autocommit', 'OFF', 'ON'],
    ['completion_type', "'CHAIN'", "'NO_CHAIN'"],
    ['sql_safe_updates', 'ON', 'OFF'],
    ['sql_select_limit', '1', 'DEFAULT'],
    ['wait_timeout', '1', '28800'],
    ['sql_notes', 'OFF', 'ON'],
  ]
  let undo = ''
  afterEach(() => server.ask(undo))

  test.each(settings)('%s = %s', async (name, value, usual) => {
    undo = `SET GLOBAL ${name} = ${usual}`
    await server.ask(
      `CREATE OR REPLACE TABLE ${new URL(opened.url).pathname.slice(1)}.${SEEN.slice('CREATE TABLE '.length)}`,
    )
    await server.ask(`SET GLOBAL ${name} = ${value}`)
    const landings = await Landings.begin(opened.database, [seen])
    const at = '2026-03-29T01:30:00.123456Z'
    const rows = ['a', 'b'].map((key) => row('seen', key, { at, name: key, n: 1 }))
    expect((await landings.land(rows)).kind).toBe('landed')
    if (name === 'wait_timeout') await new Promise((resolve) => setTimeout(resolve, 1_500))
    for (const key of ['a', 'b']) expect(await landings.read('seen', key)).toEqual({ at, name: key, n: 1 })
    const bad = [
      row('seen', 'c', { name: 'too long' }),
      row('seen', 'd', { n: 300 }),
      row('seen', 'e', { name: 'fit' }),
    ]
    expect((await landings.rejected(bad)).map(([key]) => key)).toEqual(['c', 'd'])
    expect((await landings.land([row('seen', 'a', undefined)])).kind).toBe('landed')
    const [stored] = await opened.other(
      "SET time_zone = '+00:00'",
      "SELECT CAST(at AS CHAR) AS at FROM seen WHERE id = 'b'",
    )
    expect(stored).toEqual({ at: '2026-03-29 01:30:00.123456' })
  })
})

describe('a pool of the user', () => {
  const fit = { flags: ['-FOUND_ROWS'], jsonStrings: true }

  test.each([
    ['mysql2', createPool],
    ['mysql2/promise', createPromisePool],
  ] as const)('of %s is used, given back as it was, and not closed', async (_name, create) => {
    const pool = create({ uri: opened.url, connectionLimit: 3, dateStrings: false, ...fit })
    const database = await openMysqlDatabase({
      pool,
      clock: systemClock,
      landConnections: 1,
      readConnections: 2,
    })
    await opened.other(SEEN)
    const landings = await Landings.begin(database, [seen])
    await landings.land([row('seen', 'a', { at: '2026-01-01T00:00:00.000Z' })])
    await Promise.all(Array.from({ length: 20 }, () => landings.read('seen', 'a')))
    expect(await landings.read('seen', 'a')).toEqual({ at: '2026-01-01T00:00:00.000Z' })
    await database.close()
    const [rows] = await createPromisePoolOf(pool).query(
      'SELECT @@autocommit AS auto, @@sql_mode AS mode, at FROM seen',
    )
    expect(rows).toMatchObject([
      { auto: 1, mode: expect.not.stringContaining('STRICT_ALL'), at: expect.any(Date) },
    ])
    await createPromisePoolOf(pool).end()
  })

  test.each([
    [{ jsonStrings: true }, /FOUND_ROWS/],
    [{ flags: ['-FOUND_ROWS'] }, /jsonStrings/],
    [{ ...fit, decimalNumbers: true }, /decimalNumbers/],
    [{ ...fit, charset: 'LATIN1_SWEDISH_CI' }, /charset/],
  ])('made with %o is refused by name', async (options, message) => {
    const pool = createPool({ uri: opened.url, ...options })
    const database = await openMysqlDatabase({ pool, clock: systemClock })
    try {
      await expect(database.prepare([], 1)).rejects.toMatchObject({
        code: 'invalid',
        detail: expect.stringMatching(message),
      })
    } finally {
      await database.close()
      await createPromisePoolOf(pool).end()
    }
  })
})

describe('connections', () => {
  test('are bounded: more calls than that wait in line, and each is answered', async () => {
    await opened.close()
    opened = await mariadbDatabase(server, { readConnections: 2, landConnections: 1 })
    const landings = await Landings.begin(opened.database)
    await landings.land([row('forms', 'a', 1)])
    const before = await connectionsNow()
    await Promise.all(Array.from({ length: 100 }, () => landings.read('forms', 'a')))
    expect((await connectionsNow()) - before).toBeLessThanOrEqual(2)
  })

  test('that are all busy for too long turn callers away, and nothing is left behind', async () => {
    await opened.close()
    opened = await mariadbDatabase(server, { readConnections: 1, waitMs: 300, callMs: 4_000 })
    await Landings.begin(opened.database)
    await opened.other('LOCK TABLES spillway_records WRITE')
    const reads = ['a', 'b', 'c'].map((key) => opened.database.read(0, [{ collection: 'forms', key }]))
    const results = await Promise.allSettled(reads)
    expect(results.map((one) => one.status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(String((results[1] as PromiseRejectedResult).reason)).toMatch(/all 1 connections are busy.*300 ms/)
    await opened.other('UNLOCK TABLES')
    await expect
      .poll(() =>
        opened.database.read(0, [{ collection: 'forms', key: 'a' }]).then(
          ({ held }) => held.length,
          () => 0,
        ),
      )
      .toBe(1)
  })

  test('after close every call is closed, and no connection is left', async () => {
    await Landings.begin(opened.database)
    await opened.database.close()
    await expect(opened.database.partitions()).rejects.toMatchObject({ code: 'closed' })
    const name = new URL(opened.url).pathname.slice(1)
    const left = `SELECT 1 FROM information_schema.processlist WHERE db = '${name}' AND info IS NULL AND time > 100`
    expect(await server.ask(left)).toEqual([])
  })

  async function connectionsNow(): Promise<number> {
    const [row] = await server.ask("SHOW STATUS LIKE 'Threads_connected'")
    return Number(row?.['Value'])
  }
})

function createPromisePoolOf(pool: object): {
  query(sql: string): Promise<[unknown, unknown]>
  end(): Promise<void>
} {
  return 'promise' in pool && typeof pool.promise === 'function'
    ? (pool.promise() as ReturnType<typeof createPromisePoolOf>)
    : (pool as ReturnType<typeof createPromisePoolOf>)
}

test('a process that lost its network within a transaction does not hold its rows against the others', async () => {
  await opened.other(SEEN)
  await Landings.begin(opened.database, [seen])
  const raw = await sourceOfUrl(opened.url, 5_000).connect()
  const silent = await MysqlConnection.begin(raw, { clock: systemClock, callMs: 300, transactions: true })
  try {
    await silent.rows('SELECT `position` FROM spillway_position FOR UPDATE')
    const began = performance.now()
    await opened.other('UPDATE spillway_position SET `landings` = `landings` + 1')
    expect(performance.now() - began).toBeGreaterThan(300)
    await expect(silent.run('COMMIT')).rejects.toThrow()
  } finally {
    silent.destroy()
  }
})
