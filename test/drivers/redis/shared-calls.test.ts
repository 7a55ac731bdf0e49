import { expect, onTestFinished, test } from 'vitest'
import { openRedisFused } from '../../../src/drivers/redis/fused.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { Speaker } from '../../conformance/fused-under-test.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { newNamespace } from './redis-store.ts'

const redis = await privateRedis({ appendfsync: 'everysec' })

test('batches of several partitions are one call of Redis, and so are the next ones beside it', async () => {
  const namespace = newNamespace()
  const fused = await openRedisFused({ url: redis.url, namespace, partitions: 3, clock: systemClock })
  onTestFinished(() => fused.front.close())
  const speakers = [0, 1, 2].map((partition) => new Speaker(fused, partition))
  for (const one of speakers) await one.raise(1)
  // The first call makes the script known.
  await (speakers[0] as Speaker).send((speakers[0] as Speaker).put('a', '0'))
  await redis.ask('CONFIG RESETSTAT')
  const batches = (key: string) =>
    speakers.map((one) => {
      const { partition, identity, generation } = one
      return { partition, identity, generation, entries: [one.put(key, '1'), one.put(`${key}2`, '1')] }
    })
  // In one synchronous step: whoever keeps two calls out wants two, or Redis idles while their answers are handled.
  const results = await Promise.all([fused.write(batches('a')), fused.write(batches('b'))])
  const verdicts = results.flat().flatMap((one) => (one.kind === 'written' ? one.verdicts : []))
  expect(verdicts.map(({ kind }) => kind)).toEqual(Array.from({ length: 12 }, () => 'applied'))
  expect(fused.sharesCalls).toBe(true)
  expect(await redis.ask('INFO commandstats')).toMatch(/cmdstat_evalsha:calls=2,/)
})
