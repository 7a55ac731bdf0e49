import { afterAll } from 'vitest'
import { openRedisFront } from '../../../src/drivers/redis/front.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { frontSuite } from '../../conformance/front-suite.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { evictLanded, newNamespace, plainClient } from './redis-store.ts'

const redis = await privateRedis({ appendfsync: 'none' })
const admin = plainClient(redis.url)
afterAll(() => admin.disconnect())

frontSuite('redis', {
  runs: 30,
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
    return {
      front,
      elapse: (ms) => systemClock.sleep(ms),
      squeeze: async () => {
        await evictLanded(admin, namespace)
      },
      close: () => front.close(),
    }
  },
})
