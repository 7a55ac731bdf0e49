/** Every finding about a server is made by setting the fault on a real one; a healthy server has none. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { redisFindings, inspectRedis } from '../../../src/drivers/redis/server-findings.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import type { Finding } from '../../../src/kit/finding.ts'
import { privateRedis, privateRedisCluster } from '../../servers/private-servers.ts'

const server = await privateRedis({ maxmemory: '64mb', maxmemoryPolicy: 'volatile-lru' })
const place = { partitions: 1, clock: systemClock }

async function wrong(
  { url = server.url, ...role }: { waitReplicas?: number; url?: string } = {},
  journal = true,
): Promise<Finding[]> {
  const findings = await inspectRedis({ url, ...place }, { journal, ...role })
  return findings.filter((one) => one.state !== 'ok')
}

test('a healthy server has nothing wrong, and says what was looked at', async () => {
  expect(await wrong()).toEqual([])
  const found = (await inspectRedis({ url: server.url, ...place }, { journal: true }))
    .map((one) => one.found)
    .join('\n')
  for (const part of [
    'version 7',
    'appendonly = yes',
    'appendfsync = always',
    'volatile-lru',
    'maxmemory = ',
  ])
    expect(found).toContain(part)
})

describe('faults that can be set while it runs', () => {
  const faults: [string, string, string, 'bad' | 'warning', RegExp][] = [
    ['appendonly', 'no', 'yes', 'bad', /^CONFIG SET appendonly yes,/],
    ['appendfsync', 'everysec', 'always', 'bad', /^CONFIG SET appendfsync always,/],
    ['no-appendfsync-on-rewrite', 'yes', 'no', 'bad', /^CONFIG SET no-appendfsync-on-rewrite no,/],
    ['maxmemory-policy', 'allkeys-lru', 'volatile-lru', 'bad', /volatile-lru,/],
    ['maxmemory', '0', '64mb', 'warning', /CONFIG SET maxmemory/],
    ['save', '3600 1', '', 'warning', /^CONFIG SET save '',/],
  ]
  test.each(faults)('%s = %s', async (name, value, good, state, fix) => {
    onTestFinished(async () => {
      await server.ask(`CONFIG SET ${name} "${good}"`)
    })
    await server.ask(`CONFIG SET ${name} "${value}"`)
    expect(await wrong()).toMatchObject([
      { about: 'redis', state, found: expect.stringContaining(name), fix: expect.stringMatching(fix) },
    ])
  })

  test('what only a journal needs is no fault of a front', async () => {
    onTestFinished(async () => {
      await server.ask('CONFIG SET appendfsync always')
    })
    await server.ask('CONFIG SET appendfsync no')
    expect(await wrong({}, false)).toEqual([])
    expect(await wrong()).toHaveLength(1)
  })

  test('a user who may not read the settings is told so', async () => {
    onTestFinished(async () => {
      await server.ask('ACL DELUSER looker')
    })
    await server.ask('ACL SETUSER looker on >secret ~* +@all -config')
    const url = server.url.replace('redis://', 'redis://looker:secret@')
    expect(await wrong({ url })).toMatchObject([
      { state: 'warning', found: expect.stringContaining('CONFIG is not allowed') },
    ])
  })
})

test('replicas that are waited for must be there, and be wanted by the server too', async () => {
  expect((await wrong({ waitReplicas: 1 })).map(({ state, found }) => [state, found])).toEqual([
    ['bad', expect.stringContaining('0 replicas are connected')],
    ['warning', expect.stringContaining('min-replicas-to-write = 0')],
    ['warning', expect.stringContaining('repl-backlog-ttl = 3600')],
  ])
  const replica = await privateRedis({ replicaOf: server.port }, onTestFinished)
  onTestFinished(async () => {
    await server.ask('CONFIG SET min-replicas-to-write 0')
    await server.ask('CONFIG SET repl-backlog-ttl 3600')
  })
  await server.ask('CONFIG SET min-replicas-to-write 1')
  await server.ask('CONFIG SET repl-backlog-ttl 0')
  expect(await wrong({ waitReplicas: 1 })).toEqual([])
  const ofReplica = await inspectRedis({ url: replica.url, ...place }, { journal: false })
  expect(ofReplica.filter((one) => one.state === 'bad')).toMatchObject([{ found: 'role = slave' }])
})

test('a node of a cluster wants the client of a cluster', async () => {
  const cluster = await privateRedisCluster({}, onTestFinished)
  const url = cluster.masters[0]?.url as string
  const findings = await inspectRedis({ url, ...place }, { journal: true })
  expect(findings.filter((one) => one.state === 'bad')).toMatchObject([
    {
      found: expect.stringContaining('cluster-enabled = yes'),
      fix: expect.stringContaining('ioredis Cluster'),
    },
  ])
})

test('a server that cannot write, or is too old, is not taken for a good one', () => {
  const facts = new Map([
    ['redis_version', '6.2.14'],
    ['role', 'master'],
    ['aof_last_write_status', 'err'],
    ['rdb_last_bgsave_status', 'err'],
  ])
  const findings = redisFindings(facts, { journal: true, waitReplicas: 0, cluster: false })
  expect(findings.filter((one) => one.state === 'bad').map((one) => one.found)).toEqual([
    'version 6.2.14',
    'Redis could not write its append-only file',
    'Redis could not write a snapshot',
  ])
})

test('a server that is not there is unavailable', async () => {
  await expect(
    inspectRedis({ url: 'redis://127.0.0.1:1/0', ...place, connectTimeoutMs: 200 }, { journal: true }),
  ).rejects.toMatchObject({ code: 'unavailable' })
})
