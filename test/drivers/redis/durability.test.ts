/** A Redis that is to be the journal is as durable as was asked for, or the tier does not open. */
import { Cluster } from 'ioredis'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { privateRedis, privateRedisCluster } from '../../servers/private-servers.ts'
import { redisTier } from './redis-tier.ts'

vi.setConfig({ testTimeout: 60_000 })

const redis = await privateRedis()
afterEach(async () => {
  await redis.ask('CONFIG SET appendonly yes')
  await redis.ask('CONFIG SET appendfsync always')
  await redis.ask('CONFIG SET maxmemory-policy noeviction')
})

const refusal = (detail: RegExp): object =>
  expect.objectContaining({ code: 'invalid', detail: expect.stringMatching(detail) })

test('with fsync every second it opens only if that is asked for by name, and then says what may be lost', async () => {
  await redis.ask('CONFIG SET appendfsync everysec')
  await expect(redisTier(redis.url, 'same')).rejects.toEqual(
    refusal(/appendfsync = everysec.*CONFIG SET appendfsync always.*--appendfsync everysec/),
  )
  const { tier } = await redisTier(redis.url, 'same', { appendfsync: 'everysec' })
  expect((await tier.status()).promise).toMatch(/last two seconds may not survive/)
  expect(await (await tier.records('forms').put('a', 1)).landed()).toBe('landed')
})

test.each([
  ['appendfsync no', /appendfsync = no.*CONFIG SET appendfsync always/],
  ['appendonly no', /appendonly = no.*CONFIG SET appendonly yes/],
])('with %s it opens in no case', async (setting, detail) => {
  await redis.ask(`CONFIG SET ${setting}`)
  await expect(redisTier(redis.url, 'same')).rejects.toEqual(refusal(detail))
  await expect(redisTier(redis.url, 'same', { appendfsync: 'everysec' })).rejects.toEqual(refusal(detail))
})

test.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random'])(
  'with the policy %s it opens neither as journal nor as front',
  async (policy) => {
    await redis.ask(`CONFIG SET maxmemory-policy ${policy}`)
    const detail = /maxmemory-policy = allkeys-\w+, which drops.*CONFIG SET maxmemory-policy volatile-lru/
    await expect(redisTier(redis.url, 'same')).rejects.toEqual(refusal(detail))
    await expect(redisTier(redis.url, 'sqlite')).rejects.toEqual(refusal(detail))
  },
)

test('what is more durable than was asked for is good, and a front alone need not be durable', async () => {
  await redisTier(redis.url, 'same', { appendfsync: 'everysec' })
  await redis.ask('CONFIG SET appendonly no')
  const { tier } = await redisTier(redis.url, 'sqlite')
  expect((await tier.status()).profile).toBe('redis+sqlite')
  await expect(redisTier(redis.url, 'sqlite', { appendfsync: 'everysec' })).rejects.toEqual(
    refusal(/appendfsync is for the profile redis/),
  )
})

test('a server that may not be asked is believed, and that is said once', async () => {
  onTestFinished(async () => {
    await redis.ask('ACL DELUSER app')
  })
  await redis.ask('ACL SETUSER app on >secret ~* +@all -config')
  const { tier, reports } = await redisTier(redis.url.replace('//', '//app:secret@'), 'same')
  expect((await tier.records('forms').put('a', 1)).stage).toBe('visible')
  expect(reports.filter((report) => report.includes('"appendfsync":"always"'))).toHaveLength(1)
})

test('every master of a cluster is asked', async () => {
  const cluster = await privateRedisCluster({}, onTestFinished)
  const client = new Cluster(cluster.masters.map(({ port }) => ({ host: '127.0.0.1', port })))
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  await cluster.masters[2]?.ask('CONFIG SET appendfsync everysec')
  const clients = { redis: client }
  await expect(redisTier(cluster.url, 'same', { clients })).rejects.toEqual(refusal(/appendfsync = everysec/))
  await cluster.masters[2]?.ask('CONFIG SET appendfsync always')
  const { tier } = await redisTier(cluster.url, 'same', { clients })
  expect((await tier.records('forms').put('a', 1)).stage).toBe('visible')
})
