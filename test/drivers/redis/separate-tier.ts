/** A real tier with a Redis front, a SQLite journal and a SQLite database, in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openRedisFront } from '../../../src/drivers/redis/front.ts'
import { openSqliteDatabase } from '../../../src/drivers/sqlite/database.ts'
import { openSqliteJournal } from '../../../src/drivers/sqlite/journal.ts'
import { Engine } from '../../../src/engine/engine.ts'
import { Spillway } from '../../../src/engine/spillway.ts'
import type { Tier } from '../../../src/index.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { systemRandom } from '../../../src/kit/random.ts'
import { newNamespace } from './redis-store.ts'

export interface SeparateTier {
  readonly tier: Tier
  readonly namespace: string
  readonly appDb: string
  /** Closes it without draining, does something, and opens it again on the same stores. */
  reopen(between?: () => Promise<void>): Promise<Tier>
}

export async function separateTier(url: string): Promise<SeparateTier> {
  const dir = await mkdtemp(join(tmpdir(), 'spillway-redis-'))
  const namespace = newNamespace()
  const appDb = join(dir, 'app.db')
  let tier = await openTier(url, namespace, dir)
  onTestFinished(async () => {
    await tier.close({ drainMs: 0 }).catch(() => undefined)
    await rm(dir, { recursive: true, force: true })
  })
  return {
    get tier() {
      return tier
    },
    namespace,
    appDb,
    reopen: async (between = () => Promise.resolve()) => {
      await tier.close({ drainMs: 0 })
      await between()
      tier = await openTier(url, namespace, dir)
      return tier
    },
  }
}

async function openTier(url: string, namespace: string, dir: string): Promise<Tier> {
  const partitions = 4
  const journal = await openSqliteJournal({ path: join(dir, 'journal.db'), partitions })
  const database = await openSqliteDatabase({ path: join(dir, 'app.db'), clock: systemClock })
  const front = await openRedisFront({ url, namespace, partitions, clock: systemClock })
  const engine = await Engine.open({
    stores: { kind: 'separate', front, journal, database },
    tables: [],
    clock: systemClock,
    random: systemRandom,
  })
  return new Spillway({
    engine,
    collections: [],
    profile: { name: 'redis+sqlite', promise: '' },
    where: 'the journal',
  })
}
