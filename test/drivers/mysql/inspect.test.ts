/** What is refused before a row is written, and the fix that is named; and what `ddl` does about it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mysqlDdl } from '../../../src/drivers/mysql/ddl-plan.ts'
import { openMysqlDatabase } from '../../../src/drivers/mysql/database.ts'
import { SpillwayError } from '../../../src/errors.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { compileTable } from '../../../src/model/table.ts'
import type { TableOptions, TableSpec } from '../../../src/model/table.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { mariadbDatabase } from './mariadb-database.ts'
import type { MariadbDatabase } from './mariadb-database.ts'

const server = await privateMariadb()
let opened: MariadbDatabase

beforeEach(async () => {
  opened = await mariadbDatabase(server)
})
afterEach(() => opened.close())

const KEY = 'id VARCHAR(99) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL PRIMARY KEY'
const VERSION = 'spillway_version BIGINT NOT NULL DEFAULT 1'

function person(more: Partial<TableOptions> = {}): TableSpec {
  return compileTable('people', {
    table: { name: 'person', key: '{id}', columns: { name: 'name' }, ...more },
  })
}

/** What prepare says about a table; empty where it takes it. */
async function refusal(spec: TableSpec, ...statements: string[]): Promise<string> {
  await opened.other(...statements)
  try {
    await opened.database.prepare([spec], 1)
    return ''
  } catch (error) {
    if (!(error instanceof SpillwayError) || error.code !== 'invalid') throw error
    return error.detail
  }
}

describe('a table that fits', () => {
  test('is taken as it is, with columns, indexes and defaults of its own', async () => {
    const made = `CREATE TABLE person (${KEY}, name VARCHAR(20), note TEXT, seen TIMESTAMP, seq INT AUTO_INCREMENT,
      doubled INT GENERATED ALWAYS AS (seq * 2), ${VERSION}, KEY (name), KEY (seq))`
    expect(await refusal(person(), made)).toBe('')
  })

  test('may have binary, date and whole-number keys, and keys in VARBINARY', async () => {
    const spec = person({
      key: '{day}/{no}/{id}',
      columns: {
        day: { column: 'day', as: 'date', absent: 'missing' },
        no: { column: 'no', as: 'int64', absent: 'missing' },
        name: 'name',
      },
    })
    const made = `CREATE TABLE person (id VARBINARY(99), day DATE, no INT UNSIGNED, name TEXT, ${VERSION},
      PRIMARY KEY (id, day, no))`
    expect(await refusal(spec, made)).toBe('')
  })
})

describe('refused by name, with the fix', () => {
  const cases: [string, string, RegExp, Partial<TableOptions>?][] = [
    [
      'a key that ignores case',
      `CREATE TABLE person (id VARCHAR(99) COLLATE utf8mb4_general_ci PRIMARY KEY, name TEXT, ${VERSION})`,
      /utf8mb4_general_ci, which ignores case.*MODIFY `id` VARCHAR\(99\) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin/,
    ],
    [
      'a key that ignores spaces at the end',
      `CREATE TABLE person (id VARCHAR(99) COLLATE utf8mb4_bin PRIMARY KEY, name TEXT, ${VERSION})`,
      /PAD SPACE.*utf8mb4_nopad_bin/,
    ],
    [
      'a second UNIQUE index',
      `CREATE TABLE person (${KEY}, name VARCHAR(20), ${VERSION}, UNIQUE KEY by_name (name))`,
      /UNIQUE index "by_name".*DROP INDEX `by_name`.*row-by-row/,
    ],
    [
      'no version column',
      `CREATE TABLE person (${KEY}, name TEXT)`,
      /no version column.*ADD COLUMN `spillway_version` BIGINT/,
    ],
    [
      'a version column that is too small',
      `CREATE TABLE person (${KEY}, name TEXT, spillway_version INT NOT NULL DEFAULT 1)`,
      /version column.*int.*BIGINT NOT NULL DEFAULT 1/,
    ],
    [
      'a version column that may be NULL',
      `CREATE TABLE person (${KEY}, name TEXT, spillway_version BIGINT DEFAULT 1)`,
      /NULL.*MODIFY `spillway_version` BIGINT NOT NULL/,
    ],
    [
      'no check column',
      `CREATE TABLE person (${KEY}, name TEXT, ${VERSION})`,
      /spillway_check.*ADD COLUMN/,
      { check: true },
    ],
    ['a missing column', `CREATE TABLE person (${KEY}, ${VERSION})`, /no column "name"/],
    [
      'a primary key that is not the key',
      `CREATE TABLE person (id VARBINARY(9), name VARBINARY(9), ${VERSION}, PRIMARY KEY (id, name))`,
      /primary key \(id, name\) is not the key/,
    ],
    [
      'a key of which only the beginning counts',
      `CREATE TABLE person (id VARBINARY(99), name TEXT, ${VERSION}, PRIMARY KEY (id(10)))`,
      /only the beginning of column "id"/,
    ],
    [
      'an engine without transactions',
      `CREATE TABLE person (${KEY}, name TEXT, ${VERSION}) ENGINE=MyISAM`,
      /engine is myisam.*ENGINE=InnoDB/,
    ],
    ['a view', `CREATE VIEW person AS SELECT 'a' AS id, 'b' AS name, 1 AS spillway_version`, /it is a view/],
    [
      'a NOT NULL column that nobody fills',
      `CREATE TABLE person (${KEY}, name TEXT, school INT NOT NULL, ${VERSION})`,
      /"school" is NOT NULL without a default/,
    ],
    [
      'a generated column',
      `CREATE TABLE person (${KEY}, name VARCHAR(9) AS (CONCAT(id, '!')), ${VERSION})`,
      /"name" is generated/,
    ],
    [
      'a field that numbers itself',
      `CREATE TABLE person (${KEY}, name INT AUTO_INCREMENT, ${VERSION}, KEY (name))`,
      /"name" is AUTO_INCREMENT/,
    ],
    [
      'a TIMESTAMP that turns nothing into now',
      `CREATE TABLE person (${KEY}, name TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, ${VERSION})`,
      /TIMESTAMP NOT NULL.*DATETIME\(6\)/,
      { columns: { name: { column: 'name', as: 'instant' } } },
    ],
    ...(
      [
        ['FLOAT', undefined, /float, which would change a plain/],
        ['DECIMAL(9,2)', undefined, /decimal\(9,2\), which would change a plain/],
        ['DATE', undefined, /date, which would change a plain/],
        ["ENUM('a')", 'text', /enum\('a'\) in \w+, which would change values of text.*LONGTEXT/],
        ['INT ZEROFILL', 'int64', /zerofill.*BIGINT/],
        ['DOUBLE', 'decimal', /double, which would change values of decimal.*VARCHAR\(67\)/],
        ['TEXT CHARACTER SET ucs2', 'text', /ucs2/],
        ['BINARY(9)', 'binary', /binary\(9\).*LONGBLOB/],
        ['BIT(1)', 'bool', /bit\(1\).*TINYINT/],
        ['TIME', 'instant', /time, which.*VARCHAR\(32\)/],
        ['VARCHAR(20)', 'int64', /varchar\(20\)/],
      ] as const
    ).map(([type, as, message]): [string, string, RegExp, Partial<TableOptions>] => [
      `${type} for ${as ?? 'a plain value'}`,
      `CREATE TABLE person (${KEY}, name ${type}, ${VERSION})`,
      message,
      { columns: { name: as === undefined ? 'name' : { column: 'name', as } } },
    ]),
  ]

  test.each(cases)('%s', async (_name, made, message, more) => {
    expect(await refusal(person(more), made)).toMatch(message)
  })

  test('all problems at once', async () => {
    const detail = await refusal(
      person({ check: true }),
      `CREATE TABLE person (id VARCHAR(9) PRIMARY KEY) ENGINE=MyISAM`,
    )
    for (const part of ['myisam', 'no column "name"', 'no version column', 'spillway_check', 'ignores'])
      expect(detail).toContain(part)
  })

  test('one table for two collections', async () => {
    const other = compileTable('others', { table: { name: 'PERSON', key: '{id}', columns: {} } })
    await expect(opened.database.prepare([person(), other], 1)).rejects.toMatchObject({ code: 'invalid' })
  })

  test('another number of partitions than the database has', async () => {
    await opened.database.prepare([], 3)
    const mark = { journal: 'j', position: 0 as never, offset: 0, digest: '' }
    await opened.database.beginGeneration(1, [mark, mark, mark], [undefined, undefined, undefined])
    await expect(opened.database.prepare([], 4)).rejects.toMatchObject({
      code: 'invalid',
      detail: expect.stringContaining('Set partitions to 3'),
    })
  })
})

describe('ddl', () => {
  test('prints what is missing, applies it, and then has nothing to say', async () => {
    const spec = compileTable('people', {
      history: true,
      table: {
        name: 'person',
        key: '{id}',
        check: true,
        columns: { name: 'name', age: { column: 'age', as: 'int64' } },
      },
    })
    await opened.other(`CREATE TABLE person (${KEY}, name VARCHAR(20))`)
    const plan = await mysqlDdl(opened.url, [spec], false)
    expect(plan.problems).toEqual([])
    expect(plan.statements.slice(-4).map((one) => one.split('\n')[0])).toEqual([
      'ALTER TABLE `person` ADD COLUMN `age` BIGINT',
      'ALTER TABLE `person` ADD COLUMN `spillway_version` BIGINT NOT NULL DEFAULT 1',
      expect.stringMatching(/^ALTER TABLE `person` ADD COLUMN `spillway_check` VARCHAR\(16\)/),
      'CREATE TABLE `person_history` (',
    ])
    expect(await opened.other("SHOW TABLES LIKE 'spillway%'")).toEqual([])
    await mysqlDdl(opened.url, [spec], true)
    expect(await mysqlDdl(opened.url, [spec], false)).toEqual({ statements: [], problems: [] })
    await opened.database.prepare([spec], 1)
  })

  test('says what no statement can mend, and which fields have no type', async () => {
    await opened.other(
      'CREATE TABLE person (id VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY, name TEXT)',
    )
    const { problems } = await mysqlDdl(opened.url, [person()], true)
    expect(problems).toEqual([expect.stringMatching(/^Table `person`: key column "id".*Fix: ALTER TABLE/)])
    const loose = compileTable('loose', {
      table: { name: 'loose', key: '{id}', columns: { a: 'a', b: 'b' } },
    })
    expect((await mysqlDdl(opened.url, [loose], false)).problems).toEqual([
      expect.stringMatching(/`loose`: there is no such table.*: a, b\.$/),
    ])
  })

  test('a user who may not create tables is told to have them made, and may use them then', async () => {
    const name = new URL(opened.url).pathname.slice(1)
    await opened.other(
      "CREATE OR REPLACE USER 'small'@'%' IDENTIFIED BY 'secret'",
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ${name}.* TO 'small'@'%'`,
    )
    const url = opened.url.replace('root@', 'small:secret@')
    const small = await openMysqlDatabase({ url, clock: systemClock })
    try {
      await expect(small.prepare([], 1)).rejects.toMatchObject({
        code: 'invalid',
        detail: expect.stringContaining('spillway ddl --apply'),
      })
      await mysqlDdl(opened.url, [], true)
      await small.prepare([], 1)
      expect(await small.partitions()).toEqual([])
    } finally {
      await small.close()
    }
  })
})

describe('a server that refuses', () => {
  test.each([
    ['a wrong password', (url: string) => url.replace('root@', 'root:wrong@'), 'Access denied'],
    ['an unknown database', (url: string) => url.replace(/[^/]+$/, 'nowhere'), 'Unknown database'],
  ])('%s is invalid at once', async (_name, change, message) => {
    const database = await openMysqlDatabase({ url: change(opened.url), clock: systemClock })
    try {
      await expect(database.prepare([], 1)).rejects.toMatchObject({
        code: 'invalid',
        detail: expect.stringContaining(message),
      })
    } finally {
      await database.close()
    }
  })

  test.each([
    ['mysql://root@127.0.0.1:1', /must name one database/],
    ['redis://127.0.0.1/0', /is not one of MariaDB/],
    ['mysql://root@127.0.0.1/db?charset=latin1', /unknown parameter "charset"/],
    ['mysql://root@127.0.0.1/db?ssl=yes', /ssl=yes: it is ssl=true.*or ssl=false/],
  ])('the URL %s is invalid', async (url, message) => {
    await expect(openMysqlDatabase({ url, clock: systemClock })).rejects.toMatchObject({
      code: 'invalid',
      detail: expect.stringMatching(message),
    })
  })
})
