/** A COMMIT without an answer: whatever came of it, the next landing finds out, and nothing lands twice. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openMysqlDatabase } from '../../../src/drivers/mysql/database.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { position } from '../../../src/model/position.ts'
import type { Database } from '../../../src/ports/database.ts'
import { privateMariadb } from '../../servers/private-servers.ts'
import { CommitProxy } from './commit-proxy.ts'
import { Landings, batchOf, markAt, row } from './landings.ts'
import { mariadbDatabase } from './mariadb-database.ts'
import type { MariadbDatabase } from './mariadb-database.ts'

const server = await privateMariadb()
let direct: MariadbDatabase
let proxy: CommitProxy
let database: Database

beforeEach(async () => {
  direct = await mariadbDatabase(server)
  proxy = await CommitProxy.before(server.port)
  const url = direct.url.replace(`:${server.port}/`, `:${proxy.port}/`)
  database = await openMysqlDatabase({ url, clock: systemClock, callMs: 2_000 })
  const landings = await Landings.begin(database)
  await landings.land([row('forms', 'first', 0)])
})
afterEach(async () => {
  proxy.fate = 'pass'
  proxy.release()
  await database.close()
  await proxy.close()
  await direct.close()
})

const batch = batchOf(0, 1, [{ ...row('forms', 'a', { name: 'a' }), version: position(1, 2) }])

async function versions(): Promise<Record<string, unknown>[]> {
  return direct.other(
    'SELECT record_key AS name, spillway_version AS version FROM spillway_records ORDER BY 1',
  )
}

test('done, and its answer lost: unknown, and the same batch again finds the database further on', async () => {
  proxy.fate = 'lose-answer'
  await expect(database.land(batch)).rejects.toMatchObject({ code: 'outcome-unknown' })
  proxy.fate = 'pass'
  expect(await database.land(batch)).toEqual({ kind: 'moved', mark: markAt(2) })
  expect((await database.partitions())[0]).toMatchObject({ mark: markAt(2), counts: { landed: 2 } })
  expect(await versions()).toHaveLength(2)
})

test('lost on its way: unknown, and the same batch again lands', async () => {
  proxy.fate = 'lose-commit'
  await expect(database.land(batch)).rejects.toMatchObject({ code: 'outcome-unknown' })
  proxy.fate = 'pass'
  expect(await database.land(batch)).toMatchObject({ kind: 'landed' })
  expect((await database.partitions())[0]).toMatchObject({ mark: markAt(2), counts: { landed: 2 } })
})

test('still on its way when it was given up: another lander waits for it, and lands nothing', async () => {
  proxy.fate = 'hold'
  const seen = proxy.committed()
  const given = expect(database.land(batch)).rejects.toMatchObject({ code: 'outcome-unknown' })
  await seen
  await given
  // The server has not heard that its client is gone: the position row is still locked.
  expect((await direct.database.partitions())[0]).toMatchObject({ mark: markAt(1) })
  await direct.database.prepare([], 1)
  const other = direct.database.land({
    ...batch,
    rows: [{ ...row('forms', 'b', 'other'), version: position(1, 2) }],
  })
  proxy.fate = 'pass'
  proxy.release()
  expect(await other).toEqual({ kind: 'moved', mark: markAt(2) })
  expect(await versions()).toMatchObject([{ name: Buffer.from('a') }, { name: Buffer.from('first') }])
})

test('a generation whose COMMIT brought no answer was begun or not, and a second try says which', async () => {
  const next = { ...markAt(1), journal: 'next' }
  proxy.fate = 'lose-answer'
  await expect(database.beginGeneration(2, [next], [markAt(1)])).rejects.toMatchObject({
    code: 'outcome-unknown',
  })
  proxy.fate = 'pass'
  expect(await database.beginGeneration(2, [next], [markAt(1)])).toBe('moved')
  expect((await database.land(batch)).kind).toBe('moved')
  expect((await database.partitions())[0]).toMatchObject({ generation: 2, mark: next })
})
