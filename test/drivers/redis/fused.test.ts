import { afterAll } from 'vitest'
import { openRedisFused } from '../../../src/drivers/redis/fused.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { fusedSuite } from '../../conformance/fused-suite.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { evictLanded, newNamespace, plainClient } from './redis-store.ts'

const redis = await privateRedis({ appendfsync: 'everysec', args: ['--enable-debug-command', 'local'] })
const admin = plainClient(redis.url)
afterAll(() => admin.disconnect())

fusedSuite('redis', {
  runs: 30,
  open: async ({ partitions, ageMax }) => {
    const namespace = newNamespace()
    const open = () =>
      openRedisFused({ url: redis.url, namespace, partitions, ageMax, releaseShare: 0, clock: systemClock })
    const opened = [await open()]
    return {
      fused: opened[0] as (typeof opened)[number],
      connect: async () => {
        const another = await open()
        opened.push(another)
        return another
      },
      elapse: (ms) => systemClock.sleep(ms),
      changeIdentity: async () => {
        await admin.call('DEBUG', 'CHANGE-REPL-ID')
      },
      squeeze: async () => {
        await evictLanded(admin, namespace)
      },
      close: async () => {
        for (const one of opened) await one.front.close()
      },
    }
  },
})
