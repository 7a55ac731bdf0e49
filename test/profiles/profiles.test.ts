import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, onTestFinished } from 'vitest'
import { open } from '../../src/index.ts'
import type { Tier, TierOptions } from '../../src/index.ts'
import { recordPromises } from '../engine/record-promises.ts'
import type { Started } from '../engine/record-promises.ts'
import { privateMariadb, privateRedis } from '../servers/private-servers.ts'

const redis = await privateRedis()
const mariadb = await privateMariadb()
let made = 0

/** A namespace, a database and a folder of its own for each test. */
const starter =
  (urls: (its: { dir: string; database: string }) => Pick<TierOptions, 'front' | 'journal' | 'database'>) =>
  async (options: Partial<TierOptions> = {}): Promise<Started> => {
    made += 1
    const name = `profiles_${made}`
    const dir = await mkdtemp(join(tmpdir(), 'spillway-profiles-'))
    const database = await mariadb.emptyDatabase(name)
    const openIt = (more: Partial<TierOptions>): Promise<Tier> =>
      open({ ...urls({ dir, database }), namespace: name, partitions: 4, ...options, ...more })
    let tier = await openIt({})
    onTestFinished(async () => {
      await tier.close({ drainMs: 0 }).catch(() => undefined)
      await rm(dir, { recursive: true, force: true })
      await mariadb.ask(`DROP DATABASE ${name}`)
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
  }

describe('embedded with MariaDB', () => {
  recordPromises(
    starter(({ dir, database }) => ({ front: 'memory:', journal: `sqlite:${dir}/journal.db`, database })),
    { alone: true },
  )
})

describe('redis with MariaDB', () => {
  recordPromises(
    starter(({ database }) => ({ front: redis.url, journal: 'same', database })),
    { alone: false },
  )
})

describe('redis with SQLite', () => {
  recordPromises(
    starter(({ dir }) => ({ front: redis.url, journal: 'same', database: `sqlite:${dir}/app.db` })),
    { alone: false },
  )
})

describe('redis and a SQLite journal with MariaDB', () => {
  recordPromises(
    starter(({ dir, database }) => ({ front: redis.url, journal: `sqlite:${dir}/journal.db`, database })),
    { alone: true },
  )
})
