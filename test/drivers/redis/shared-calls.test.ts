import { expect, onTestFinished, test } from 'vitest'
import { openRedisFused } from '../../../src/drivers/redis/fused.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { Speaker } from '../../conformance/fused-under-test.ts'
import { write } from '../../conformance/line.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { newNamespace, plainClient } from './redis-store.ts'

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

test('a batch that is handed on unparsed leaves what one that is judged leaves', async () => {
  const open = (namespace: string) =>
    openRedisFused({ url: redis.url, namespace, partitions: 1, clock: systemClock })
  const leftBy = async (namespace: string, isJudged: boolean) => {
    const opener = await open(namespace)
    onTestFinished(() => opener.front.close())
    const one = new Speaker(opener)
    const seen = await one.raise(1)
    // Who has had no answer yet expects another position, so that its batch is judged.
    const fresh = await open(namespace)
    onTestFinished(() => fresh.front.close())
    const writer = isJudged ? new Speaker(fresh) : one
    writer.speakFor(seen, 1)
    const entries = [
      one.put('a', '"1"', { id: 'first' }),
      one.entry([write('b', '"22"'), write('né', '"333"')], { id: 'frame' }),
      one.put('a', '"4444"', { id: 'last' }),
    ]
    await redis.ask('CONFIG RESETSTAT')
    await writer.send(...entries)
    const stats = await redis.ask('INFO commandstats')
    const client = plainClient(redis.url)
    onTestFinished(() => client.disconnect())
    const prefix = `${namespace}:{0}:`
    const { epoch, openedFor, ...state } = await client.hgetall(`${prefix}state`)
    const keys = ['forms:a', 'forms:b', 'forms:né'].map((name) => `${prefix}v${epoch}:${name}`)
    expect(openedFor).not.toBe('')
    return {
      looks: /cmdstat_exists:calls=(\d)/.exec(stats)?.[1],
      state,
      names: await client.xrangeBuffer(`${prefix}names`, '-', '+'),
      values: await client.mgetBuffer(keys),
      stream: await one.stream(0),
    }
  }
  const plain = await leftBy(newNamespace(), false)
  const judged = await leftBy(newNamespace(), true)
  expect([plain.looks, judged.looks]).toEqual(['1', '2'])
  expect({ ...plain, looks: '' }).toEqual({ ...judged, looks: '' })
})
