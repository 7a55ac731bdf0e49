/** A Redis whose every fsync takes long: the kernel's own call is held up. */
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { toolPath } from '../../scripts/services/tools.ts'
import { position } from '../../src/model/position.ts'
import { Load } from '../drivers/redis/load.ts'
import { oneWriter, outcome } from '../drivers/redis/one-writer.ts'
import { redisTier } from '../drivers/redis/redis-tier.ts'
import { writeBatch } from '../conformance/fused-under-test.ts'
import { privateRedis } from '../servers/private-servers.ts'
import type { RedisServer } from '../servers/private-servers.ts'

vi.setConfig({ testTimeout: 90_000 })

/** From now on each fsync of this server takes so long; until `end`. */
async function slowFsync(server: RedisServer, ms: number): Promise<{ end(): Promise<void> }> {
  const inject = `inject=fdatasync,fsync:delay_enter=${ms * 1_000}`
  const calls = 'trace=fdatasync,fsync'
  const strace = spawn(
    toolPath('strace') ?? 'strace',
    ['-f', '-p', String(server.pid), '-e', calls, '-e', inject, '-o', '/dev/null'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = new Promise<void>((resolve) => strace.once('close', () => resolve()))
  const end = async (): Promise<void> => {
    strace.kill('SIGINT')
    await ended
  }
  onTestFinished(end)
  await new Promise<void>((resolve, reject) => {
    strace.stderr.on('data', (chunk: Buffer) => {
      if (chunk.includes('attached')) resolve()
    })
    strace.once('close', () => reject(new Error('strace could not attach')))
  })
  return { end }
}

test('a slow AOF slows writes down and refuses none: what waits shares the next fsync', async () => {
  const redis = await privateRedis({}, onTestFinished)
  const { tier } = await redisTier(redis.url, 'same')
  const records = tier.records<number>('forms')
  await records.put('before', 0)
  const slow = await slowFsync(redis, 250)
  const began = performance.now()
  const receipts = await Promise.all(Array.from({ length: 400 }, (_, n) => records.put(`k${n}`, n)))
  const took = performance.now() - began
  expect(took).toBeGreaterThan(250)
  // One by one it would be 100 s.
  expect(took).toBeLessThan(15_000)
  expect(new Set(receipts.map(({ stage }) => stage))).toEqual(new Set(['visible']))
  const load = new Load(tier).start()
  await load.more(60)
  await slow.end()
  await load.more(100)
  await load.stop()
  expect([...load.refusals]).toEqual([])
})

test('an fsync past every deadline makes writes unknown; each is there once or not at all, and it goes on', async () => {
  const redis = await privateRedis({}, onTestFinished)
  const one = await oneWriter({ url: redis.url, callTimeoutMs: 500 })
  const put = (key: string): Promise<string> =>
    outcome(writeBatch(one.fused, 0, one.identity, one.generation, [one.put(key, '1')]))
  expect(await put('before')).toBe('answered')
  const slow = await slowFsync(redis, 2_000)
  expect(await put('slow')).toBe('unknown')
  await slow.end()
  await sleep(100)
  await expect.poll(() => put('after'), { timeout: 15_000 }).toBe('answered')
  const known = (await one.state()).mark?.position ?? 0
  expect(known).toBeGreaterThanOrEqual(position(1, 2))
  const stream = await one.stream(position(1, 0))
  const ids = stream.map(({ entry }) => entry.id)
  expect(new Set(ids).size).toBe(ids.length)
})
