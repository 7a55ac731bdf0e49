/** MariaDB is killed, loses answers, and is set back. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promise, safeEverywhere } from './fault.ts'
import type { Fault } from './fault.ts'
import { mustHaveCut } from './proxy.ts'
import { copyFolder, restoreFolder } from './server-files.ts'
import type { World } from './world.ts'

const COMMIT_MS_MAX = 5_000
/** How old the backup is. */
const LATER_MS = 2_000
/** Statements with rows in them. */
const ROWS_BYTES_MIN = 300
const CUTS = 6

const copyOf = (world: World): string => join(world.folder, 'mariadb-copy')

const restore = async (world: World): Promise<void> => {
  await world.mariadb.kill()
  restoreFolder(copyOf(world), world.mariadb.dataFolder)
  await world.mariadb.restart()
}

export const mariadbFaults: readonly Fault[] = [
  {
    name: 'mariadb killed',
    does: 'kill -9 of MariaDB, started again on its folder',
    promised: safeEverywhere,
    strike: ({ world }) => world.mariadb.kill(),
    heal: async ({ world, dice }) => {
      await sleep(dice.between(100, 1_000))
      await world.mariadb.restart()
    },
  },
  {
    name: 'mariadb commit unanswered',
    does: 'kill -9 of MariaDB between a COMMIT and its answer',
    promised: safeEverywhere,
    strike: async ({ world, releaseLanding }) => {
      const abort = new AbortController()
      const late = sleep(COMMIT_MS_MAX, undefined, { signal: abort.signal }).then(() => {
        throw new Error('No COMMIT came by')
      })
      const swallowed = Promise.race([late, ...world.landers.map(({ mariadb }) => mariadb.swallow('COMMIT'))])
      await releaseLanding()
      await swallowed
      abort.abort()
      late.catch(() => undefined)
      await world.mariadb.kill()
    },
    heal: ({ world }) => world.mariadb.restart(),
  },
  {
    name: 'mariadb restored',
    does: 'MariaDB is set back to a backup of some seconds before',
    promised: safeEverywhere,
    databaseGoesBack: true,
    prepare: async ({ world }) => {
      await copyFolder(world.mariadb, world.mariadb.dataFolder, copyOf(world))
      await sleep(LATER_MS)
    },
    strike: ({ world }) => world.mariadb.kill(),
    heal: ({ world }) => restore(world),
  },
  {
    name: 'mariadb restored past a raise',
    does: 'MariaDB is set back to before a new generation that Redis has begun since',
    promised: promise('none lost', ['redis', 'redis+wait']),
    notElsewhere: 'a Redis that is no journal begins no generation',
    databaseGoesBack: true,
    prepare: async ({ world }) => {
      await copyFolder(world.mariadb, world.mariadb.dataFolder, copyOf(world))
      await world.redis.kill()
      await world.redis.restart()
      await sleep(LATER_MS)
    },
    strike: ({ world }) => world.mariadb.kill(),
    heal: ({ world }) => restore(world),
  },
  {
    name: 'mariadb replies cut',
    does: 'statements and COMMITs are done by MariaDB, and their connection breaks before the answer; over and over',
    promised: safeEverywhere,
    strike: async ({ world, releaseLanding }) => {
      for (const { mariadb } of world.landers) mariadb.cutReplies(1, ROWS_BYTES_MIN)
      await releaseLanding()
    },
    heal: async ({ world, dice }) => {
      for (let round = 0; round < CUTS; round += 1) {
        await sleep(dice.between(100, 400))
        for (const { mariadb } of world.landers)
          if (round % 2 === 0) mariadb.cutReplies(1, 0, 'COMMIT')
          else mariadb.cutReplies(1, ROWS_BYTES_MIN)
      }
      for (const { mariadb } of world.landers) mariadb.cutReplies(0)
      mustHaveCut(world.landers.map(({ mariadb }) => mariadb))
    },
  },
  {
    name: 'mariadb connections cut',
    does: 'every connection to MariaDB breaks, over and over',
    promised: safeEverywhere,
    strike: async ({ world }) => {
      for (const { mariadb } of world.nodes) mariadb.cut()
    },
    heal: async ({ world, dice }) => {
      for (let round = 0; round < 4; round += 1) {
        for (const { mariadb } of world.nodes) mariadb.mend()
        await sleep(dice.between(50, 400))
        for (const { mariadb } of world.nodes) mariadb.cut()
      }
      for (const { mariadb } of world.nodes) mariadb.mend()
    },
  },
]
