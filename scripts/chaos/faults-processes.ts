/** Server processes are killed, paused and restarted. */
import { setTimeout as sleep } from 'node:timers/promises'
import { promise, safeEverywhere } from './fault.ts'
import type { Fault } from './fault.ts'
import type { ServerNode } from './server-node.ts'
import type { World } from './world.ts'

/**
 * Paused in the middle of what it was doing. Where several processes share the stores, another one lands meanwhile
 * what the paused one was landing, and Redis is killed: the others begin a new generation, and the paused one wakes up
 * in an old one.
 */
const zombie = (name: string, does: string, choose: (world: World) => readonly ServerNode[]): Fault => ({
  name,
  does,
  promised: safeEverywhere,
  needsRival: true,
  strike: async (strike) => {
    strike.paused = strike.dice.pick(choose(strike.world))
    strike.paused.pause()
    // What it was doing is what counts: the rest goes on at once.
    await strike.releaseLanding()
  },
  heal: async ({ world, pauseMs, paused }) => {
    const landed = await world.landings()
    await sleep(pauseMs / 3)
    if (world.nodes.length > 1) {
      await world.redis.kill()
      await world.redis.restart()
    }
    await sleep((2 * pauseMs) / 3)
    const rival = world.landers.some((lander) => lander !== paused)
    if (rival && (await world.landings()) === landed)
      throw new Error('Nobody landed while a process was paused')
    paused?.resume()
  },
})

export const processFaults: readonly Fault[] = [
  {
    name: 'process killed',
    does: 'kill -9 of one server process, started again',
    promised: safeEverywhere,
    strike: async (strike) => {
      const killed = strike.dice.pick(strike.world.nodes)
      await killed.kill()
      await strike.releaseLanding()
      await killed.start()
    },
  },
  {
    name: 'everything killed',
    does: 'kill -9 of all processes, Redis and MariaDB at once, started again: a power cut',
    promised: safeEverywhere,
    strike: async ({ world }) => {
      await Promise.all([...world.nodes, ...world.redises, world.mariadb].map((one) => one.kill()))
    },
    heal: async ({ world }) => {
      await world.mariadb.restart()
      for (const redis of world.redises) await redis.restart()
      for (const node of world.nodes) await node.start()
    },
  },
  zombie(
    'zombie writer',
    'a process with writes in flight is paused and wakes up later',
    (world) => world.targets,
  ),
  zombie(
    'zombie lander',
    'a process in the middle of landing is paused and wakes up later',
    (world) => world.landers,
  ),
  {
    name: 'rolling restart',
    does: 'SIGTERM of one process after the other, each started again',
    promised: promise('none lost', ['redis', 'redis+wait']),
    notElsewhere: 'one process serves alone there',
    gentle: true,
    strike: async ({ world, releaseLanding }) => {
      await releaseLanding()
      for (const node of world.nodes) {
        const ended = await node.stop()
        if (ended?.code !== 0)
          throw new Error(`${node.name} ended with ${JSON.stringify(ended)}:\n${node.said()}`)
        await node.start()
        await sleep(300)
      }
    },
  },
]
