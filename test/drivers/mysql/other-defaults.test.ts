/** A server whose every default is another one than ours: zones, charsets, modes, statements at connect. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openMysqlDatabase } from '../../../src/drivers/mysql/database.ts'
import { mysqlDdl } from '../../../src/drivers/mysql/ddl-plan.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { compileTable } from '../../../src/model/table.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { Landings, row } from './landings.ts'
import { mariadbDatabase } from './mariadb-database.ts'
import type { MariadbDatabase } from './mariadb-database.ts'

const server = await privateMariadb({
  args: [
    '--default-time-zone=-11:00',
    '--character-set-server=latin1',
    '--collation-server=latin1_general_ci',
    '--sql-mode=',
    "--init-connect=SET sql_mode = '', time_zone = '+13:00', autocommit = 0, character_set_client = 'latin1'",
    '--transaction-isolation=READ-UNCOMMITTED',
    '--explicit-defaults-for-timestamp=0',
  ],
})
let opened: MariadbDatabase

beforeEach(async () => {
  // This process is in a zone of its own, too.
  vi.stubEnv('TZ', 'America/New_York')
  opened = await mariadbDatabase(server)
})
afterEach(async () => {
  await opened.close()
  vi.unstubAllEnvs()
})

/** `init_connect` is not for administrators. */
async function asUser(): Promise<string> {
  const name = new URL(opened.url).pathname.slice(1)
  await server.ask("CREATE OR REPLACE USER app@'%' IDENTIFIED BY 'app'", `GRANT ALL ON ${name}.* TO app@'%'`)
  return opened.url.replace('root@', 'app:app@')
}

test('instants and dates come back as they were sent, also where a clock is changed, and others read them in UTC', async () => {
  const url = await asUser()
  const columns = {
    moment: { column: 'moment', as: 'instant' as const },
    stamp: { column: 'stamp', as: 'instant' as const },
    day: { column: 'day', as: 'date' as const },
  }
  const spec = compileTable('moments', { table: { name: 'moments', key: '{id}', columns } })
  await opened.other(
    `CREATE TABLE moments (id VARBINARY(9) PRIMARY KEY, moment DATETIME(6), stamp TIMESTAMP(6) NULL, day DATE,
       spillway_version BIGINT NOT NULL DEFAULT 1)`,
  )
  const database = await openMysqlDatabase({ url, clock: systemClock })
  try {
    const landings = await Landings.begin(database, [spec])
    // The hours that do not exist, or exist twice, in Berlin and in New York, and the days around them.
    const moments = [
      '2026-03-29T01:30:00.000Z',
      '2026-10-25T00:30:00.123456Z',
      '2026-10-25T01:30:00.123456Z',
      '2026-03-08T07:30:00.000001Z',
      '2026-11-01T05:30:00.000Z',
      '1970-01-02T00:00:00.000Z',
      '2026-12-31T23:59:59.999999Z',
    ]
    const values = moments.map((moment) => ({ moment, stamp: moment, day: moment.slice(0, 10) }))
    expect((await landings.land(values.map((value, n) => row('moments', `k${n}`, value)))).kind).toBe(
      'landed',
    )
    for (const [n, value] of values.entries()) expect(await landings.read('moments', `k${n}`)).toEqual(value)
    const seen = await opened.other(
      "SET time_zone = '+00:00'",
      'SELECT CAST(moment AS CHAR) AS moment, CAST(stamp AS CHAR) AS stamp, CAST(day AS CHAR) AS day FROM moments ORDER BY id',
    )
    expect(seen).toEqual(
      moments.map((moment) => {
        const text = moment
          .replace('T', ' ')
          .replace('Z', '')
          .replace(/\.(\d{3})$/, '.$1000')
        return { moment: text, stamp: text, day: text.slice(0, 10) }
      }),
    )
  } finally {
    await database.close()
  }
})

test('text of every kind is kept, and what does not fit is rejected, not cut', async () => {
  const url = await asUser()
  const spec = compileTable('people', {
    history: true,
    table: { name: 'person', key: '{id}', check: true, columns: { name: { column: 'name', as: 'text' } } },
  })
  await mysqlDdl(opened.url, [spec], true)
  const database = await openMysqlDatabase({ url, clock: systemClock })
  try {
    const landings = await Landings.begin(database, [spec])
    const names = ['a', 'A', 'a ', 'ä', '\u{1F600}', 'ł', 'ŉ\0', '\u202e']
    const rows = names.flatMap((name) => [row('people', name, { name }), row('forms', name, { name })])
    expect((await landings.land(rows, { history: true })).kind).toBe('landed')
    for (const name of names) {
      expect(await landings.read('people', name)).toEqual({ name })
      expect(await landings.read('forms', name)).toEqual({ name })
    }
    expect((await landings.checks('people')).every(([, check]) => check === 'good')).toBe(true)
    await opened.other('ALTER TABLE person MODIFY name VARCHAR(3) CHARACTER SET utf8mb4')
    expect((await landings.rejected([row('people', 'x', { name: 'four' })])).map(([key]) => key)).toEqual([
      'x',
    ])
  } finally {
    await database.close()
  }
})

test('a table of four hundred columns lands in statements that the protocol can count', async () => {
  const names = Array.from({ length: 400 }, (_, n) => `c${n}`)
  const columns = Object.fromEntries(names.map((name) => [name, { column: name, as: 'int64' as const }]))
  const spec = compileTable('wide', { table: { name: 'wide', key: '{id}', columns } })
  await opened.other(
    `CREATE TABLE wide (id VARBINARY(9) PRIMARY KEY, ${names.map((name) => `${name} BIGINT`).join(', ')},
       spillway_version BIGINT NOT NULL DEFAULT 1)`,
  )
  const landings = await Landings.begin(opened.database, [spec])
  const value = (n: number): object => Object.fromEntries(names.map((name, at) => [name, String(n * at)]))
  const rows = Array.from({ length: 1_000 }, (_, n) => row('wide', `k${n}`, value(n)))
  expect((await landings.land(rows)).kind).toBe('landed')
  expect((await landings.land(rows)).kind).toBe('landed')
  expect(await landings.read('wide', 'k999')).toEqual(value(999))
  expect(await opened.other('SELECT COUNT(*) AS n FROM wide WHERE c399 IS NOT NULL')).toEqual([{ n: 1_000 }])
})

test('max_allowed_packet that is lowered on a running server: what was landed is read, and landing goes on in smaller statements', async () => {
  const landings = await Landings.begin(opened.database)
  const large = 'x'.repeat(900_000)
  expect((await landings.land(['a', 'b', 'c'].map((key) => row('forms', key, large)))).kind).toBe('landed')
  await server.ask('SET GLOBAL max_allowed_packet = 1048576')
  try {
    // Connections of before still have the old bound; these are new.
    const database = await openMysqlDatabase({ url: opened.url, clock: systemClock })
    try {
      const { held } = await database.read(
        0,
        ['a', 'b', 'c'].map((key) => ({ collection: 'forms', key })),
      )
      expect(held.map((one) => one.value?.rawBytes)).toEqual([900_002, 900_002, 900_002])
      const again = new Landings(database)
      again.count = landings.count
      expect((await again.land(['d', 'e', 'f'].map((key) => row('forms', key, large)))).kind).toBe('landed')
      expect(await again.read('forms', 'f')).toBe(large)
    } finally {
      await database.close()
    }
    expect(await landings.read('forms', 'd')).toBe(large)
  } finally {
    await server.ask('SET GLOBAL max_allowed_packet = 16777216')
  }
})
