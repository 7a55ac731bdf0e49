/**
 * What every driver promises, on servers that a user names by URL; without one, on private ones. Kills, pauses and
 * settings are not for servers of others: the suites that do that start their own.
 */
import { createConnection } from 'mysql2/promise'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { openMysqlDatabase } from '../../src/drivers/mysql/database.ts'
import { openRedisFront } from '../../src/drivers/redis/front.ts'
import { openRedisFused } from '../../src/drivers/redis/fused.ts'
import { open } from '../../src/index.ts'
import type { Tier, TierOptions } from '../../src/index.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { databaseSuite } from '../conformance/database-suite.ts'
import { frontSuite } from '../conformance/front-suite.ts'
import { fusedSuite } from '../conformance/fused-suite.ts'
import { recordPromises } from '../engine/record-promises.ts'
import { sharedDatabase, sharedRedis } from '../servers/shared-servers.ts'

// A server of others may be far away, and busy.
vi.setConfig({ testTimeout: 60_000 })

const redis = await sharedRedis()
const database = await sharedDatabase()
let made = 0

function newNamespace(): string {
  made += 1
  return `${redis.namespace}-${made}`
}

async function ask(...statements: string[]): Promise<Record<string, unknown>[]> {
  const connection = await createConnection({ uri: database, supportBigNumbers: true })
  try {
    let rows: unknown
    for (const statement of statements) [rows] = await connection.query(statement)
    return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
  } finally {
    connection.destroy()
  }
}

/** The database is ours alone: it is as empty as a new one. */
async function emptied(): Promise<string> {
  const tables = (await ask('SHOW TABLES')).map((row) => `\`${String(Object.values(row)[0])}\``)
  if (tables.length > 0) await ask('SET foreign_key_checks = 0', `DROP TABLE ${tables.join(', ')}`)
  return database
}

frontSuite('a named Redis', {
  runs: 5,
  open: async ({ partitions, ageMax }) => {
    const namespace = newNamespace()
    const front = await openRedisFront({
      url: redis.url,
      namespace,
      partitions,
      ageMax,
      releaseShare: 0,
      clock: systemClock,
    })
    return { front, elapse: (ms) => systemClock.sleep(ms), close: () => front.close() }
  },
})

fusedSuite('a named Redis', {
  runs: 5,
  open: async ({ partitions, ageMax }) => {
    const namespace = newNamespace()
    const openIt = () =>
      openRedisFused({ url: redis.url, namespace, partitions, ageMax, releaseShare: 0, clock: systemClock })
    const first = await openIt()
    const opened = [first]
    return {
      fused: first,
      connect: async () => {
        const another = await openIt()
        opened.push(another)
        return another
      },
      elapse: (ms) => systemClock.sleep(ms),
      close: async () => {
        for (const one of opened) await one.front.close()
      },
    }
  },
})

databaseSuite('a named MariaDB', {
  async open({ tables, partitions, ageMax, parkedMax }) {
    const url = await emptied()
    const opened = await openMysqlDatabase({
      url,
      clock: systemClock,
      ...(ageMax === undefined ? {} : { ageMax }),
      ...(parkedMax === undefined ? {} : { parkedMax }),
    })
    await opened.prepare(tables, partitions)
    await ask('CREATE TABLE poison_is_fine (one INT)')
    for (const table of ['records', 'records_history'])
      await ask(
        `CREATE TRIGGER no_poison_${table} BEFORE INSERT ON spillway_${table} FOR EACH ROW
         IF INSTR(NEW.value, 'poison') AND NOT EXISTS (SELECT 1 FROM poison_is_fine) THEN
           SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'poison is not accepted';
         END IF`,
      )
    return {
      database: opened,
      acceptPoison: async () => {
        await ask('INSERT INTO poison_is_fine VALUES (1)')
      },
      history: async ({ collection, key }) => {
        const rows = await ask(
          `SELECT spillway_version AS version, spillway_deleted AS deleted FROM spillway_records_history
           WHERE collection = '${collection}' AND record_key = '${key}' ORDER BY 1`,
        )
        return rows.map((row) => ({ version: Number(row['version']), deleted: row['deleted'] === 1 }))
      },
      async reset() {
        const tables_ = ['position', 'void', 'seal', 'refused', 'parked', 'records', 'records_history']
        await ask(...tables_.map((table) => `DELETE FROM spillway_${table}`), 'DELETE FROM poison_is_fine')
      },
      close: () => opened.close(),
    }
  },
})

describe('the profile redis on named servers', () => {
  recordPromises(
    async (options: Partial<TierOptions> = {}) => {
      const url = await emptied()
      const namespace = newNamespace()
      const openIt = (more: Partial<TierOptions>): Promise<Tier> =>
        open({
          front: redis.url,
          journal: 'same',
          database: url,
          namespace,
          partitions: 4,
          // What is proven here does not hang on it, and the server is another's.
          appendfsync: 'everysec',
          ...options,
          ...more,
        })
      let tier = await openIt({})
      onTestFinished(async () => {
        await tier.close({ drainMs: 0 }).catch(() => undefined)
      })
      return {
        get tier() {
          return tier
        },
        reopen: async (more = {}) => {
          await tier.close({ drainMs: 0 })
          tier = await openIt(more)
          return tier
        },
      }
    },
    { alone: false },
  )
})

test('nothing but a namespace and a database of its own is used', () => {
  expect(redis.namespace).toMatch(/^spillway_test_[0-9a-f]{12}$/)
  const named = process.env['SPILLWAY_TEST_MYSQL_URL']
  if (named === undefined) expect(database).toMatch(/^mysql:\/\/root@127\.0\.0\.1:\d+\/spillway$/)
  else expect(new URL(database).pathname).toMatch(/^\/spillway_test_[0-9a-f]{12}$/)
})
