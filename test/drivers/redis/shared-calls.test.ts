import { expect, onTestFinished, test } from 'vitest'
import { openRedisFused } from '../../../src/drivers/redis/fused.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { Speaker } from '../../conformance/fused-under-test.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { newNamespace } from './redis-store.ts'

const redis = await privateRedis({ appendfsync: 'everysec' })

test('batches of several partitions that are written in one step are one call of Redis', async () => {
  const namespace = newNamespace()
  const fused = await openRedisFused({ url: redis.url, namespace, partitions: 3, clock: systemClock })
  onTestFinished(() => fused.front.close())
  const speakers = [0, 1, 2].map((partition) => new Speaker(fused, partition))
  for (const one of speakers) await one.raise(1)
  // The first call makes the script known.
  await (speakers[0] as Speaker).send((speakers[0] as Speaker).put('a', '0'))
  await redis.ask('CONFIG RESETSTAT')
  const verdicts = await Promise.all(speakers.map((one) => one.send(one.put('a', '1'), one.put('b', '1'))))
  expect(verdicts.flat().map(({ kind }) => kind)).toEqual(Array.from({ length: 6 }, () => 'applied'))
  expect(fused.sharesCalls).toBe(true)
  expect(await redis.ask('INFO commandstats')).toMatch(/cmdstat_evalsha:calls=1,/)
})
