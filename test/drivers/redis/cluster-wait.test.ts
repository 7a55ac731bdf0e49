/** A Redis Cluster whose answers mean that a replica has what was written. */
import { Cluster } from 'ioredis'
import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { openRedisFused } from '../../../src/drivers/redis/fused.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { Speaker } from '../../conformance/fused-under-test.ts'
import { privateRedisCluster } from '../../servers/private-servers.ts'
import type { RedisServer } from '../../servers/private-servers.ts'
import { outcome } from './one-writer.ts'
import { newNamespace } from './redis-store.ts'

// Real servers, on machines that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const cluster = await privateRedisCluster({
  replicasPerMaster: 1,
  args: ['--cluster-node-timeout', '30000', '--appendfsync', 'no'],
})
const client = new Cluster(cluster.masters.map(({ port }) => ({ host: '127.0.0.1', port })))
client.on('error', () => undefined)
afterAll(() => client.disconnect())

test('each write is confirmed by the replicas of the very master that took it', async () => {
  const namespace = newNamespace()
  const options = { client, namespace, partitions: 12, clock: systemClock, waitReplicas: 1, waitMs: 500 }
  await expect
    .poll(async () => (await cluster.masters[0]?.ask('INFO replication'))?.includes('state=online'))
    .toBe(true)
  const fused = await openRedisFused(options)
  onTestFinished(() => fused.front.close())
  const speakers = Array.from({ length: 12 }, (_, partition) => new Speaker(fused, partition))
  for (const one of speakers) {
    await expect.poll(() => outcome(one.raise(1)), { timeout: 20_000 }).toBe('answered')
    expect(await one.send(one.put('a', '1'), one.put('b', '1'))).toMatchObject([
      { kind: 'applied' },
      { kind: 'applied' },
    ])
  }
  const [replica] = cluster.replicas as [RedisServer]
  const runId = /run_id:(\w+)/.exec((await cluster.masters[0]?.ask('INFO server')) ?? '')?.[1] as string
  const its = speakers.filter((one) => one.identity.startsWith(runId))
  expect(its.length).toBeGreaterThan(0)
  expect(its.length).toBeLessThan(speakers.length)
  await replica.kill('SIGSTOP')
  onTestFinished(() => replica.kill('SIGCONT'))
  for (const one of speakers) {
    const sent = outcome(one.send(one.put('c', '1')))
    expect(await sent).toBe(its.includes(one) ? 'unknown' : 'answered')
  }
  await replica.kill('SIGCONT')
  for (const one of its)
    await expect.poll(() => outcome(one.send(one.put('d', '1'))), { timeout: 20_000 }).toBe('answered')
})
