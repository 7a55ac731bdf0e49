/** Redis is killed, emptied, set back, failed over, flipped and split. */
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { lostWithRedis, lostWithoutReplica, safeOnRedis } from './fault.ts'
import type { Fault, Strike } from './fault.ts'
import { Proxy, mustHaveCut } from './proxy.ts'
import {
  aofOf,
  copyFolder,
  cutTail,
  emptyFolder,
  restoreDump,
  restoreFolder,
  sizeOf,
  takeDump,
} from './server-files.ts'
import type { World } from './world.ts'

/** More load after a copy was taken, so that there is something that it does not have. */
const LATER_MS = 700
/** Longer than a process goes without a look at the database, which is how it learns of the other side. */
const SPLIT_MS = 7_000

/** Requests with a value in them. */
const WRITE_BYTES_MIN = 300
const CUTS = 6

const copyOf = (world: World): string => join(world.folder, 'redis-copy')
const dumpOf = (world: World): string => join(world.folder, 'redis-dump.rdb')

/**
 * The replica falls behind from now on: cut off, or, where it is waited for, connected as ever and told nothing. (Of a
 * replica that is only paused the kernel keeps what it is sent, and it has all of it when it wakes up to be promoted.)
 */
async function lag({ world, clients, dice, holdLanding }: Strike): Promise<number> {
  const survives = clients.mark()
  await world.replicated()
  if (world.profile === 'redis+wait') {
    // Nothing is acknowledged any more from here on: what is to be un-landed must be there before.
    await holdLanding()
    world.replicaLinks[0]?.stall()
  } else world.replicaLinks[0]?.cut()
  await sleep(dice.between(LATER_MS / 2, LATER_MS))
  return survives
}

async function promote({ world }: Strike): Promise<void> {
  await world.replica.ask('REPLICAOF NO ONE')
}

export const redisFaults: readonly Fault[] = [
  {
    name: 'redis killed',
    does: 'kill -9 of Redis, started again on its folder',
    promised: safeOnRedis,
    strike: ({ world }) => world.redis.kill(),
    heal: async ({ world, dice }) => {
      await sleep(dice.between(50, 800))
      await world.redis.restart()
    },
  },
  {
    name: 'redis flushed',
    does: 'FLUSHALL on the running Redis',
    promised: lostWithRedis,
    strike: async ({ world }) => void (await world.redis.ask('FLUSHALL')),
  },
  {
    name: 'redis emptied',
    does: 'kill -9 of Redis, started again on an empty folder',
    promised: lostWithRedis,
    strike: ({ world }) => world.redis.kill(),
    heal: async ({ world, dice }) => {
      await sleep(dice.between(50, 500))
      emptyFolder(world.redis.folder)
      await world.redis.restart()
    },
  },
  {
    name: 'redis old copy',
    does: 'Redis is restored from an older copy of its folder',
    promised: lostWithRedis,
    prepare: async (strike) => {
      const { world, clients } = strike
      strike.survivesUpTo = clients.mark()
      await copyFolder(world.redis, world.redis.folder, copyOf(world))
      await sleep(LATER_MS)
    },
    strike: ({ world }) => world.redis.kill(),
    heal: async ({ world }) => {
      restoreFolder(copyOf(world), world.redis.folder)
      await world.redis.restart()
    },
  },
  {
    name: 'redis old dump',
    does: 'Redis is restored from an older dump.rdb, and nothing else',
    promised: lostWithRedis,
    prepare: async (strike) => {
      const { world, clients } = strike
      strike.survivesUpTo = clients.mark()
      await takeDump(world.redis, dumpOf(world))
      await sleep(LATER_MS)
    },
    strike: ({ world }) => world.redis.kill(),
    heal: async ({ world }) => {
      for (const proxy of world.redisProxies) proxy.cut()
      await restoreDump(world.redis, dumpOf(world))
      for (const proxy of world.redisProxies) proxy.mend()
    },
  },
  {
    name: 'redis aof cut',
    does: 'the tail of the append-only file is cut off, in the middle of a record',
    promised: lostWithRedis,
    prepare: async (strike) => {
      const { world, clients, dice } = strike
      strike.survivesUpTo = clients.mark()
      const kept = sizeOf(aofOf(world.redis))
      await sleep(LATER_MS)
      strike.aofBytesKept = kept + dice.between(0, 200)
    },
    strike: ({ world }) => world.redis.kill(),
    heal: async ({ world, aofBytesKept }) => {
      cutTail(aofOf(world.redis), aofBytesKept)
      await world.redis.restart()
    },
  },
  {
    name: 'replica promoted',
    does: 'Redis is killed and a replica that lags behind takes over',
    promised: lostWithoutReplica,
    needsReplica: true,
    prepare: async (strike) => {
      strike.survivesUpTo = await lag(strike)
    },
    strike: ({ world }) => world.redis.kill(),
    heal: async (strike) => {
      await promote(strike)
      for (const proxy of strike.world.redisProxies) proxy.retarget(strike.world.replica.port)
    },
  },
  {
    name: 'redis flipped',
    does: 'live connections reach a lagging replica, which was promoted, from one message to the next',
    promised: lostWithoutReplica,
    needsReplica: true,
    prepare: async (strike) => {
      strike.survivesUpTo = await lag(strike)
    },
    strike: async (strike) => {
      await promote(strike)
      await Proxy.flip(strike.world.redisProxies, strike.world.replica.port)
    },
  },
  {
    name: 'redis split',
    does: 'a replica is promoted, and one process still reaches the old primary for seconds',
    promised: { redis: 'bounded', 'redis+wait': 'none lost' },
    notElsewhere: 'one process serves alone there, on one side',
    needsReplica: true,
    prepare: async (strike) => {
      const { world, clients } = strike
      strike.survivesUpTo = clients.mark()
      await world.replicated()
    },
    strike: async (strike) => {
      const { world, dice } = strike
      const left = dice.pick(world.targets)
      strike.wrongSide = [left.name]
      world.replicaLinks[0]?.cut()
      await promote(strike)
      for (const proxy of world.redisProxies) if (proxy !== left.redis) proxy.retarget(world.replica.port)
    },
    heal: async ({ world, wrongSide }) => {
      await sleep(SPLIT_MS)
      for (const { name, redis } of world.nodes)
        if (wrongSide.includes(name)) redis?.retarget(world.replica.port)
      await world.redis.kill()
    },
  },
  {
    name: 'redis away',
    does: 'every connection to Redis breaks, and none is made for two seconds',
    promised: safeOnRedis,
    strike: async ({ world }) => {
      for (const proxy of world.redisProxies) proxy.cut()
    },
    heal: async ({ world }) => {
      await sleep(2_000)
      for (const proxy of world.redisProxies) proxy.mend()
    },
  },
  {
    name: 'redis replies cut',
    does: 'requests are done by Redis, and their connection breaks before the answer; over and over',
    promised: safeOnRedis,
    strike: async ({ world }) => {
      for (const proxy of world.redisProxies) proxy.cutReplies(1, WRITE_BYTES_MIN)
    },
    heal: async ({ world, dice }) => {
      for (let round = 0; round < CUTS; round += 1) {
        await sleep(dice.between(100, 400))
        for (const proxy of world.redisProxies) proxy.cutReplies(1, WRITE_BYTES_MIN)
      }
      for (const proxy of world.redisProxies) proxy.cutReplies(0)
      mustHaveCut(world.redisProxies)
    },
  },
]
