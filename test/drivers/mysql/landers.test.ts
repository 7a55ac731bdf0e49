/** Several landers on one database: positions decide, each write lands once, and who is behind lands nothing. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openMysqlDatabase } from '../../../src/drivers/mysql/database.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { isSpillwayError } from '../../../src/errors.ts'
import { position } from '../../../src/model/position.ts'
import { compileTable } from '../../../src/model/table.ts'
import type { Database, LandRow } from '../../../src/ports/database.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { batchOf, markAt, row } from './landings.ts'
import { mariadbDatabase } from './mariadb-database.ts'
import type { MariadbDatabase } from './mariadb-database.ts'

const PARTITIONS = 4
const ROWS = 40
const BATCHES = 25
const LANDERS = 3

const server = await privateMariadb()
let opened: MariadbDatabase
const databases: Database[] = []

beforeEach(async () => {
  opened = await mariadbDatabase(server)
  await opened.database.prepare([], PARTITIONS)
  const marks = Array.from({ length: PARTITIONS }, () => markAt(0))
  await opened.database.beginGeneration(
    1,
    marks,
    marks.map(() => undefined),
  )
  for (let at = 0; at < LANDERS; at += 1)
    databases.push(await openMysqlDatabase({ url: opened.url, clock: systemClock }))
})
afterEach(async () => {
  await Promise.all(databases.splice(0).map((one) => one.close()))
  await opened.close()
})

/** The writes of a partition are the same whoever lands them: keys come again and again, some are deleted. */
function rowsAt(partition: number, from: number): LandRow[] {
  const keys = new Map<string, LandRow>()
  for (let at = from + 1; at <= from + ROWS; at += 1) {
    const key = `${(at * 7_919) % 601}-${partition}`
    keys.set(key, { ...row('forms', key, at % 5 === 0 ? undefined : { at }), version: position(1, at) })
  }
  return [...keys.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
}

async function landAll(
  database: Database,
  partition: number,
): Promise<{ landed: number; moved: number; failed: number }> {
  const count = { landed: 0, moved: 0, failed: 0 }
  for (;;) {
    const { mark } = await database.snapshot(partition)
    const from = mark.offset
    if (from >= ROWS * BATCHES) return count
    const rows = rowsAt(partition, from)
    const batch = { ...batchOf(partition, from, rows), to: markAt(from + ROWS) }
    try {
      const result = await database.land(batch)
      if (result.kind === 'landed') count.landed += 1
      else count.moved += 1
      expect(['landed', 'moved']).toContain(result.kind)
    } catch (error) {
      if (!isSpillwayError(error, 'unavailable')) throw error
      count.failed += 1
    }
  }
}

test(
  'three that land the same partitions land every batch once, without a deadlock',
  { timeout: 60_000 },
  async () => {
    const counts = await Promise.all(
      databases.flatMap((database) =>
        Array.from({ length: PARTITIONS }, (_, partition) => landAll(database, partition)),
      ),
    )
    const sum = (name: 'landed' | 'moved' | 'failed'): number =>
      counts.reduce((all, one) => all + one[name], 0)
    expect(sum('landed')).toBe(PARTITIONS * BATCHES)
    expect(sum('failed')).toBe(0)
    const expected = new Map<string, number>()
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      for (let from = 0; from < ROWS * BATCHES; from += ROWS) {
        for (const { key, version, value } of rowsAt(partition, from)) {
          if (value === undefined) expected.delete(key)
          else expected.set(key, version)
        }
      }
    }
    const rows = await opened.other(
      'SELECT record_key AS name, spillway_version AS version FROM spillway_records',
    )
    expect(new Map(rows.map((one) => [String(one['name']), Number(one['version'])]))).toEqual(expected)
  },
)

test(
  'neighbours that land row by row insert side by side without a deadlock',
  { timeout: 60_000 },
  async () => {
    await opened.other(
      `CREATE TABLE person (id VARBINARY(99) PRIMARY KEY, n INT UNIQUE, spillway_version BIGINT NOT NULL DEFAULT 1)`,
    )
    const columns = { n: 'n' }
    const table = { name: 'person', key: '{id}', columns, landing: 'row-by-row' as const }
    const spec = compileTable('people', { table })
    await Promise.all(databases.map((one) => one.prepare([spec], PARTITIONS)))
    await Promise.all(
      databases.map(async (database, partition) => {
        for (let from = 0; from < 200; from += ROWS) {
          const rows = Array.from({ length: ROWS }, (_, index) => {
            const at = from + index + 1
            const n = at * PARTITIONS + partition
            return { ...row('people', `k${String(n).padStart(5, '0')}`, { n }), version: position(1, at) }
          })
          expect(await database.land(batchOf(partition, from, rows))).toMatchObject({ kind: 'landed' })
        }
      }),
    )
    expect(await opened.other('SELECT COUNT(*) AS n FROM person')).toEqual([{ n: 200 * LANDERS }])
  },
)

test('a lander of the generation before lands nothing, however far it had come', async () => {
  const [old, other] = databases as [Database, Database]
  await old.land({ ...batchOf(0, 0, rowsAt(0, 0)), to: markAt(ROWS) })
  const rows = await other.partitions()
  const next = rows.map((one) => ({ ...one.mark, journal: 'next' }))
  const [begun, landed] = await Promise.all([
    other.beginGeneration(
      2,
      next,
      rows.map((one) => one.mark),
    ),
    old.land({ ...batchOf(0, ROWS, rowsAt(0, ROWS)), to: markAt(2 * ROWS) }),
  ])
  // One of the two was first, and the other found the position moved.
  expect([begun === 'begun', landed.kind === 'landed'].filter(Boolean)).toHaveLength(1)
  if (begun === 'moved') {
    const now = (await other.partitions()).map((one) => one.mark)
    expect(
      await other.beginGeneration(
        2,
        now.map((mark) => ({ ...mark, journal: 'next' })),
        now,
      ),
    ).toBe('begun')
  }
  const late = { ...batchOf(0, ROWS, rowsAt(0, ROWS)), to: markAt(2 * ROWS) }
  expect((await old.land(late)).kind).toBe('moved')
  expect((await other.partitions()).map((one) => one.generation)).toEqual([2, 2, 2, 2])
})

test('two that begin the first generation at the same time: one does, and the other is told or tries again', async () => {
  const url = await server.emptyDatabase('begin')
  const both = await Promise.all([1, 2].map(() => openMysqlDatabase({ url, clock: systemClock })))
  try {
    await Promise.all(both.map((one) => one.prepare([], PARTITIONS)))
    const marks = Array.from({ length: PARTITIONS }, () => markAt(0))
    const outcomes = await Promise.allSettled(
      both.map((one) =>
        one.beginGeneration(
          1,
          marks,
          marks.map(() => undefined),
        ),
      ),
    )
    const begun = outcomes.filter((one) => one.status === 'fulfilled' && one.value === 'begun')
    expect(begun).toHaveLength(1)
    for (const one of outcomes)
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'unavailable' })
    expect(await both[0]?.partitions()).toHaveLength(PARTITIONS)
  } finally {
    await Promise.all(both.map((one) => one.close()))
  }
})
