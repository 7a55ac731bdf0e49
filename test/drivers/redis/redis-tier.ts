/** A real tier on a Redis, alone or beside a SQLite journal, with a SQLite database in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { open } from '../../../src/index.ts'
import type { Tier, TierOptions } from '../../../src/index.ts'
import { newNamespace } from './redis-store.ts'

export interface RedisTier {
  /** The open tier; another one after `reopen`. */
  readonly tier: Tier
  readonly namespace: string
  /** The path of the SQL database, to look at it from outside. */
  readonly appDb: string
  /** What the tier reported, newest last. */
  readonly reports: readonly string[]
  /** Closes it without draining, does something, and opens it again on the same stores. */
  reopen(between?: () => Promise<void>): Promise<Tier>
}

export async function redisTier(
  front: string,
  journal: 'same' | 'sqlite',
  more: Partial<TierOptions> = {},
): Promise<RedisTier> {
  const dir = await mkdtemp(join(tmpdir(), 'spillway-redis-'))
  const namespace = newNamespace()
  const appDb = join(dir, 'app.db')
  const reports: string[] = []
  const report = (fields: object): void => {
    reports.push(JSON.stringify(fields))
  }
  const openIt = (): Promise<Tier> =>
    open({
      front,
      journal: journal === 'same' ? 'same' : `sqlite:${join(dir, 'journal.db')}`,
      database: `sqlite:${appDb}`,
      namespace,
      partitions: 4,
      logger: { info: report, warn: report, error: report },
      ...more,
    })
  let tier = await openIt()
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
    reports,
    reopen: async (between = () => Promise.resolve()) => {
      await tier.close({ drainMs: 0 })
      await between()
      tier = await openIt()
      return tier
    },
  }
}
