/** A Redis Cluster of three masters, one of them with a replica that takes over. */
import { Cluster } from 'ioredis'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { openRedisFront } from '../../../src/drivers/redis/front.ts'
import { openRedisFused } from '../../../src/drivers/redis/fused.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { position } from '../../../src/model/position.ts'
import { frontSuite } from '../../conformance/front-suite.ts'
import { fusedSuite } from '../../conformance/fused-suite.ts'
import { Speaker, writeBatch } from '../../conformance/fused-under-test.ts'
import { ref, shown } from '../../conformance/line.ts'
import { privateRedisCluster } from '../../servers/private-servers.ts'
import type { RedisServer } from '../../servers/private-servers.ts'
import { Load } from './load.ts'
import { outcome } from './one-writer.ts'
import { newNamespace } from './redis-store.ts'
import { redisTier } from './redis-tier.ts'

// Real servers under load, on machines that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const cluster = await privateRedisCluster({
  replicasPerMaster: 1,
  args: ['--cluster-node-timeout', '1000', '--appendfsync', 'everysec'],
})
const client = new Cluster(cluster.masters.map(({ port }) => ({ host: '127.0.0.1', port })))
client.on('error', () => undefined)
afterAll(() => client.disconnect())

fusedSuite('redis cluster', {
  runs: 5,
  open: async ({ partitions, ageMax }) => {
    const namespace = newNamespace()
    const open = () =>
      openRedisFused({ client, namespace, partitions, ageMax, releaseShare: 0, clock: systemClock })
    const opened = [await open()]
    return {
      fused: opened[0] as (typeof opened)[number],
      connect: async () => {
        const another = await open()
        opened.push(another)
        return another
      },
      elapse: (ms) => systemClock.sleep(ms),
      close: async () => {
        for (const one of opened) await one.front.close()
      },
    }
  },
})

frontSuite('redis cluster', {
  runs: 5,
  open: async ({ partitions, ageMax }) => {
    const front = await openRedisFront({
      client,
      namespace: newNamespace(),
      partitions,
      ageMax,
      releaseShare: 0,
      clock: systemClock,
    })
    return { front, elapse: (ms) => systemClock.sleep(ms), close: () => front.close() }
  },
})

test('partitions are spread over the masters, each whole on one', async () => {
  const namespace = newNamespace()
  const fused = await openRedisFused({ client, namespace, partitions: 16, clock: systemClock })
  onTestFinished(() => fused.front.close())
  const homes = new Set<string>()
  for (let partition = 0; partition < 16; partition += 1) {
    const one = new Speaker(fused, partition)
    await one.raise(1)
    await one.send(one.put('a', '1'), one.put('b', '1'))
    homes.add(one.identity)
  }
  expect(homes.size).toBe(3)
})

test('a tier on a cluster keeps its promises under load, also while scripts are forgotten', async () => {
  const { tier } = await redisTier(cluster.url, 'same', {
    clients: { redis: client },
    appendfsync: 'everysec',
  })
  const load = new Load(tier).start()
  await load.more(300)
  for (const master of cluster.masters) await master.ask('SCRIPT FLUSH')
  await load.more(300)
  await load.stop()
  expect([...load.refusals]).toEqual([])
})

test('a replica that takes over is another store for its partitions, and the others do not notice', async () => {
  const namespace = newNamespace()
  const fused = await openRedisFused({ client, namespace, partitions: 16, clock: systemClock })
  onTestFinished(() => fused.front.close())
  const speakers = Array.from({ length: 16 }, (_, partition) => new Speaker(fused, partition))
  for (const one of speakers) {
    await one.raise(1)
    await one.send(one.put('a', '1'))
  }
  const [victim] = cluster.masters as [RedisServer]
  const runId = /run_id:(\w+)/.exec(await victim.ask('INFO server'))?.[1] as string
  await cluster.replicas[0]?.ask('WAIT 0 0')
  await client.nodes('master')[0]?.wait(1, 1_000)
  await victim.kill()
  const moved = speakers.filter((one) => one.identity.startsWith(runId))
  expect(moved.length).toBeGreaterThan(0)
  for (const one of speakers.filter((each) => !moved.includes(each)))
    await expect.poll(() => outcome(one.send(one.put('b', '1'))), { timeout: 20_000 }).toBe('answered')
  for (const one of moved) {
    await expect.poll(() => outcome(one.state()), { timeout: 20_000 }).toBe('answered')
    const before = one.identity
    const zombie = () =>
      writeBatch(fused, one.partition, before, 1, [one.put('a', '2')]).then(
        ({ kind }) => kind,
        () => 'no answer',
      )
    await expect.poll(zombie, { timeout: 20_000 }).toBe('fenced')
    const seen = await one.raise(2, true)
    expect(seen.identity).not.toBe(before)
    expect(shown((await fused.front.read(one.partition, [ref('a')])).held[0])).toBe(`${position(1, 1)} 1`)
    expect(await one.send(one.put('a', '2', { ifVersion: position(1, 1) }))).toMatchObject([
      { kind: 'applied' },
    ])
  }
})
