/** A full disk under a real Redis. Mounts small file systems, so that it needs root. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startRedis } from '../servers/private-servers.ts'
import type { RedisServer } from '../servers/private-servers.ts'
import { position } from '../../src/model/position.ts'
import { writeBatch } from '../conformance/fused-under-test.ts'
import { write } from '../conformance/line.ts'
import { Load } from '../drivers/redis/load.ts'
import { oneWriter, outcome, valueOfBytes } from '../drivers/redis/one-writer.ts'
import { redisTier } from '../drivers/redis/redis-tier.ts'
import { Sandbox } from '../scenarios/sandbox.ts'

const MIB = 2 ** 20

/** Goes after the servers that were started on it: what is registered last is undone first. */
function smallDisk(bytes: number): ReturnType<Sandbox['smallDisk']> {
  const sandbox = new Sandbox()
  onTestFinished(() => sandbox.close())
  return sandbox.smallDisk('small', bytes)
}

async function redisOn(folder: string, appendfsync: 'always' | 'everysec'): Promise<RedisServer> {
  const server = await startRedis({ folder, appendfsync })
  onTestFinished(() => server.stop())
  return server
}

test('a full disk under fsync every second (MISCONF) makes writes unavailable, and nothing of them is there', async () => {
  const small = smallDisk(4 * MIB)
  const redis = await redisOn(small.folder, 'everysec')
  const one = await oneWriter({ url: redis.url })
  const put = (n: number): Promise<string> => {
    const entry = one.entry([{ ...write(`k${n}`, ''), value: valueOfBytes(50_000) }])
    return outcome(writeBatch(one.fused, 0, one.identity, 1, [entry]))
  }
  let written = 0
  while ((await put(written)) === 'answered' && written < 500) {
    written += 1
    await sleep(20)
  }
  expect(written).toBeGreaterThan(20)
  expect(await put(1_000)).toBe('unavailable')
  expect((await one.state()).mark?.position).toBe(position(1, written))
  small.resize(64 * MIB)
  await expect.poll(() => put(1_000), { timeout: 10_000 }).toBe('answered')
  expect((await one.state()).mark?.position).toBe(position(1, written + 1))
}, 60_000)

test('a full disk under fsync always ends Redis; what was acknowledged is there once it is started with room', async () => {
  const small = smallDisk(3 * MIB)
  const redis = await redisOn(small.folder, 'always')
  const { tier } = await redisTier(redis.url, 'same')
  const load = new Load(tier).start()
  await expect.poll(() => redis.running(), { timeout: 60_000, interval: 20 }).toBe(false)
  expect(load.writes).toBeGreaterThan(100)
  await sleep(300)
  small.resize(256 * MIB)
  await redis.restart()
  await load.more(200)
  await load.stop()
}, 120_000)
