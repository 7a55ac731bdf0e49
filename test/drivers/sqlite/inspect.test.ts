import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isSpillwayError } from '../../../src/errors.ts'
import { compileTable } from '../../../src/model/table.ts'
import type { TableOptions } from '../../../src/model/table.ts'
import { planDdl, prepareTables } from '../../../src/drivers/sqlite/database-prepare.ts'
import { sqliteDdl } from '../../../src/drivers/sqlite/ddl-plan.ts'
import { ddlFor } from '../../../src/drivers/sqlite/ddl.ts'
import { affinityOf, inspect } from '../../../src/drivers/sqlite/inspect.ts'
import { openSqlite } from '../../../src/runtime/sqlite.ts'
import type { SqliteConnection } from '../../../src/runtime/sqlite.ts'

const FORM: TableOptions = {
  name: 'form',
  key: '{school}/{candidate}',
  columns: {
    school: { column: 'school', as: 'int64' },
    candidate: 'candidate',
    born: { column: 'born', as: 'date' },
    total: { column: 'total', as: 'decimal' },
  },
}

let connection: SqliteConnection

beforeEach(() => {
  connection = openSqlite(':memory:')
})
afterEach(() => {
  connection.close()
})

function problems(create: string, changes: Partial<TableOptions> = {}): string[] {
  connection.exec(create)
  return inspect(connection, compileTable('forms', { table: { ...FORM, ...changes } })).map(
    (one) => `${one.problem} -> ${one.fix}`,
  )
}

const GOOD = `CREATE TABLE form (school INTEGER, candidate TEXT, born DATE, total TEXT,
  spillway_version INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (school, candidate))`

function changed(from: string, to: string): string {
  if (!GOOD.includes(from)) throw new Error(`No ${from} to change`)
  return GOOD.replace(from, to)
}

describe('tables that can be exact', () => {
  test.each([
    GOOD,
    changed('(school, candidate)', '(candidate, school)'),
    changed('candidate TEXT', 'candidate VARCHAR(20) COLLATE BINARY'),
    changed('born DATE', "born DATETIME, mine TEXT, other TEXT NOT NULL DEFAULT 'x'"),
    `${GOOD} WITHOUT ROWID`,
    GOOD.replace('DATE', 'TEXT').concat(' STRICT'),
    `${GOOD}; CREATE INDEX by_birth ON form (born)`,
  ])('%s', (create) => {
    expect(problems(create)).toEqual([])
  })

  test('what ddl makes needs nothing more, with every option', () => {
    const all = { as: ['text', 'int64', 'decimal', 'date', 'instant', 'bool', 'binary', 'json'] as const }
    const columns = Object.fromEntries([
      ...all.as.map((as) => [as, { column: `c ${as}`, as }] as const),
      ['plain', 'plain "column"'.replaceAll('"', '')] as const,
    ])
    const spec = compileTable('forms', {
      history: true,
      table: { name: 'select', key: '{id}-{order}', columns, check: true, versionColumn: 'rev' },
    })
    for (const statement of ddlFor(spec)) connection.exec(statement)
    expect(inspect(connection, spec)).toEqual([])
    prepareTables(connection, [spec], 4)
    expect(planDdl(connection, [spec, compileTable('other')])).toEqual({ statements: [], problems: [] })
  })
})

describe('tables that cannot be exact are refused, naming the fix', () => {
  test.each([
    ['SELECT 1', /no such table -> create it .*CREATE TABLE "form"/s],
    ['CREATE VIEW form AS SELECT 1 AS school', /no such table/],
    [
      changed(',\n  spillway_version INTEGER NOT NULL DEFAULT 1', ''),
      /no version column.*ADD COLUMN "spillway_version" INTEGER NOT NULL DEFAULT 1/,
    ],
    [
      changed('spillway_version INTEGER', 'spillway_version TEXT'),
      /version column .* TEXT -> declare it INTEGER/,
    ],
    [
      changed('candidate TEXT', 'candidate TEXT COLLATE NOCASE'),
      /compares with NOCASE.*different keys are one row/,
    ],
    [changed('candidate TEXT', 'candidate TEXT COLLATE RTRIM'), /compares with RTRIM/],
    [
      changed('candidate TEXT', 'candidate INTEGER'),
      /"candidate" is declared INTEGER, which would change values of text/,
    ],
    [changed('candidate TEXT', 'candidate STRING'), /"candidate" is declared STRING/],
    [
      changed('school INTEGER', 'school TEXT'),
      /"school" is declared TEXT, which would change values of int64/,
    ],
    [
      changed('total TEXT', 'total DECIMAL(10,2)'),
      /"total" is declared DECIMAL\(10,2\).*decimal -> declare it TEXT/,
    ],
    [changed(' total TEXT,', ''), /no column "total" for field "total" -> add it .*ADD COLUMN "total" TEXT/],
    [changed('total TEXT', 'total TEXT GENERATED ALWAYS AS (1)'), /generated/],
    [changed('total TEXT', 'total TEXT UNIQUE'), /UNIQUE index .* landing: 'row-by-row'/],
    [`${GOOD}; CREATE UNIQUE INDEX one ON form (born) WHERE born > 'x'`, /UNIQUE index "one"/],
    [changed('(school, candidate)', '(school)'), /primary key \(school\) is not the key/],
    [changed(', PRIMARY KEY (school, candidate)', ''), /primary key \(none\)/],
    [changed('born DATE', 'born DATE, must TEXT NOT NULL'), /"must" is NOT NULL without a default/],
  ])('%s', (create, expected) => {
    const found = problems(create)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(expected)
  })

  test('a table that is declared to land row by row may have other UNIQUE indexes, or a key beside its primary key', () => {
    expect(problems(changed('total TEXT', 'total TEXT UNIQUE'), { landing: 'row-by-row' })).toEqual([])
    connection.exec('DROP TABLE form')
    const surrogate = changed('school INTEGER', 'id INTEGER PRIMARY KEY, school INTEGER').replace(
      'PRIMARY KEY (school',
      'UNIQUE (school',
    )
    expect(problems(surrogate, { landing: 'row-by-row' })).toEqual([])
  })

  test('the check column has to be there where it is asked for', () => {
    expect(problems(GOOD, { check: true })).toEqual([
      expect.stringMatching(/"spillway_check".*ADD COLUMN "spillway_check" TEXT/),
    ])
  })

  test('all problems are told at once, and ddl solves what it can', () => {
    connection.exec(
      'CREATE TABLE form (school INTEGER, candidate TEXT, total REAL, PRIMARY KEY (school, candidate))',
    )
    const spec = compileTable('forms', { table: { ...FORM, check: true }, history: true })
    const told = problemOf(() => prepareTables(connection, [spec], 1))
    for (const expected of ['"born"', '"total"', 'spillway_version', 'spillway_check'])
      expect(told).toContain(expected)
    const plan = planDdl(connection, [spec])
    for (const statement of plan.statements) connection.exec(statement)
    expect(plan.problems.map((one) => one.problem)).toEqual([expect.stringContaining('"total"')])
    expect(inspect(connection, spec).map((one) => one.problem)).toEqual([expect.stringContaining('"total"')])
  })

  test('two collections cannot have one table', () => {
    connection.exec(GOOD)
    const specs = [
      compileTable('forms', { table: FORM }),
      compileTable('other', { table: { ...FORM, name: 'FORM' } }),
    ]
    expect(problemOf(() => prepareTables(connection, specs, 1))).toMatch(/forms and other are both mapped/)
  })

  test('the number of partitions is fixed at creation', () => {
    prepareTables(connection, [], 2)
    connection.exec(
      `INSERT INTO spillway_position (partition, generation, journal, position, "offset", digest) VALUES (0, 1, '', 0, 0, ''), (1, 1, '', 0, 0, '')`,
    )
    prepareTables(connection, [], 2)
    expect(problemOf(() => prepareTables(connection, [], 3))).toMatch(/2 partitions, 3 are configured/)
  })
})

function problemOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (isSpillwayError(error, 'invalid')) return error.detail
    throw error
  }
  return 'accepted'
}

test.each([
  ['INT', false, 'integer'],
  ['POINT', false, 'integer'],
  ['CHARINT', false, 'integer'],
  ['NVARCHAR(10)', false, 'text'],
  ['', false, 'none'],
  ['BLOB', false, 'none'],
  ['DOUBLE', false, 'real'],
  ['ANY', false, 'numeric'],
  ['ANY', true, 'none'],
  ['BOOLEAN', false, 'numeric'],
] as const)('the affinity of %j (strict: %s) is %s, as SQLite says', (declared, strict, expected) => {
  expect(affinityOf(declared, strict)).toBe(expected)
  if (strict) return
  connection.exec(`CREATE TABLE t (c ${declared})`)
  connection.exec(`INSERT INTO t VALUES ('1.5'), (2), (x'00')`)
  const kinds = connection
    .prepare('SELECT typeof(c) AS kind FROM t')
    .all()
    .map((row) => row.kind)
  const text = expected === 'text' || expected === 'none' ? 'text' : 'real'
  const number = expected === 'text' ? 'text' : expected === 'real' ? 'real' : 'integer'
  expect(kinds).toEqual([text, number, 'blob'])
})

describe('ddl for a file', () => {
  const spec = compileTable('forms', { table: FORM, history: true })
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'spillway-ddl-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  test('says what is missing and writes nothing, until it is applied', () => {
    const path = join(folder, 'app.db')
    const planned = sqliteDdl(path, [spec], false)
    expect(planned.statements.join('\n')).toMatch(
      /spillway_position[^]*CREATE TABLE "form" [^]*CREATE TABLE "form_history"/,
    )
    expect(existsSync(path)).toBe(false)
    expect(sqliteDdl(path, [spec], true)).toEqual(planned)
    expect(sqliteDdl(path, [spec], true)).toEqual({ statements: [], problems: [] })
    expect(sqliteDdl(path, [spec], false)).toEqual({ statements: [], problems: [] })
  })

  test('a table that the user has gets the columns that it lacks, and what it cannot solve is told', () => {
    const path = join(folder, 'app.db')
    const own = openSqlite(path)
    own.exec(`CREATE TABLE form (school INTEGER, candidate TEXT COLLATE NOCASE, total TEXT, PRIMARY KEY (school, candidate));
      INSERT INTO form VALUES (1, 'a', '1.50')`)
    const { statements, problems: told } = sqliteDdl(path, [compileTable('forms', { table: FORM })], true)
    expect(statements.slice(-2)).toEqual([
      'ALTER TABLE "form" ADD COLUMN "born" TEXT',
      'ALTER TABLE "form" ADD COLUMN "spillway_version" INTEGER NOT NULL DEFAULT 1',
    ])
    expect(told).toEqual([
      expect.stringMatching(/Table "form": key column "candidate" compares with NOCASE.* Fix: /),
    ])
    expect(own.prepare('SELECT * FROM form').get()).toMatchObject({ total: '1.50', spillway_version: 1 })
    own.close()
  })

  test('a file that is no database is refused', () => {
    const path = join(folder, 'text.db')
    writeFileSync(path, 'no database at all, '.repeat(100))
    expect(problemOf(() => sqliteDdl(path, [], false))).toMatch(/not a SQLite database/)
  })
})
