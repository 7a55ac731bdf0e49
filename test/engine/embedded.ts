/** A real embedded tier in a folder of its own; both are gone after the test. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { open } from '../../src/index.ts'
import type { Tier, TierOptions } from '../../src/index.ts'

export interface Embedded {
  readonly dir: string
  /** The open tier; another one after `reopen`. */
  readonly tier: Tier
  /** The path of the SQL database, to look at it from outside. */
  readonly appDb: string
  readonly journalDb: string
  reopen(options?: Partial<TierOptions>): Promise<Tier>
}

export async function embedded(options: Partial<TierOptions> = {}): Promise<Embedded> {
  const dir = await mkdtemp(join(tmpdir(), 'spillway-engine-'))
  const appDb = join(dir, 'app.db')
  const journalDb = join(dir, 'journal.db')
  const openIt = (more: Partial<TierOptions>): Promise<Tier> =>
    open({
      front: 'memory:',
      journal: `sqlite:${journalDb}`,
      database: `sqlite:${appDb}`,
      partitions: 4,
      ...options,
      ...more,
    })
  let tier = await openIt({})
  onTestFinished(async () => {
    await tier.close({ drainMs: 0 }).catch(() => undefined)
    await rm(dir, { recursive: true, force: true })
  })
  return {
    dir,
    appDb,
    journalDb,
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
