/**
 * Redis as a front beside a SQLite journal, under a real engine and load: whatever Redis forgets, nothing that was
 * acknowledged is missing, and clients see nothing but retryable errors.
 */
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { privateRedis } from '../../servers/private-servers.ts'
import { Load } from './load.ts'
import { evictLanded, plainClient } from './redis-store.ts'
import { redisTier } from './redis-tier.ts'

// Real servers under load, on machines that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const redis = await privateRedis({ appendfsync: 'none' })
const admin = plainClient(redis.url)
admin.on('error', () => undefined)
afterAll(() => admin.disconnect())

/** Nothing lands until it is let go. */
function withholdLanding(path: string): () => void {
  const connection = new DatabaseSync(path, { timeout: 10_000 })
  connection.exec('BEGIN IMMEDIATE')
  const release = (): void => {
    if (connection.isOpen) connection.close()
  }
  onTestFinished(release)
  return release
}

describe('a Redis front beside a SQLite journal', () => {
  test('writes, conditions, deletes and reads go through Redis and land', async () => {
    const { tier, namespace } = await redisTier(redis.url, 'sqlite')
    const records = tier.records<{ n: number }>('forms')
    const first = await records.put('a', { n: 1 }, { ifVersion: 0 })
    expect(first.stage).toBe('visible')
    await expect(records.put('a', { n: 2 }, { ifVersion: 0 })).rejects.toMatchObject({
      code: 'version-mismatch',
    })
    const second = await records.put('a', { n: 2 }, { ifVersion: first.version })
    expect(await records.get('a', { atLeast: second.version })).toEqual({
      key: 'a',
      version: second.version,
      value: { n: 2 },
    })
    expect(await records.get('never')).toBeUndefined()
    await records.delete('a')
    expect(await records.get('a')).toBeUndefined()
    expect(await (await records.put('b', { n: 3 })).landed()).toBe('landed')
    expect((await admin.keys(`${namespace}:*:v*`)).length).toBeGreaterThan(0)
    expect(await tier.verify()).toMatchObject({ ok: true, mismatches: [] })
  })

  test('what is landed can be evicted and comes back from the database', async () => {
    // Redis uses more than it may: what has landed is let go at once.
    await admin.set('ballast', 'x'.repeat(4_000_000))
    onTestFinished(async () => {
      await admin.del('ballast')
    })
    const { tier, namespace } = await redisTier(redis.url, 'sqlite', { frontBytesMax: 2 ** 20 })
    const records = tier.records<number>('forms')
    for (let n = 0; n < 40; n += 1) await (await records.put(`k${n}`, n)).landed()
    let evicted = 0
    await expect
      .poll(async () => (evicted += await evictLanded(admin, namespace)), { timeout: 10_000 })
      .toBeGreaterThanOrEqual(40)
    for (let n = 0; n < 40; n += 1) expect((await records.get(`k${n}`))?.value).toBe(n)
    await records.put('k1', 100, { ifVersion: (await records.get('k1'))?.version ?? -1 })
    expect((await records.get('k1'))?.value).toBe(100)
  })

  test('a record that only the database has is read although others have filled the memory of Redis', async () => {
    // Redis uses more than it may: what has landed is let go at once.
    await admin.set('ballast', 'x'.repeat(4_000_000))
    onTestFinished(async () => {
      await admin.config('SET', 'maxmemory', 0)
      await admin.del('ballast')
    })
    const { tier, namespace } = await redisTier(redis.url, 'sqlite', { frontBytesMax: 2 ** 20 })
    const records = tier.records<number>('forms')
    for (let n = 0; n < 10; n += 1) await (await records.put(`k${n}`, n)).landed()
    let evicted = 0
    await expect
      .poll(async () => (evicted += await evictLanded(admin, namespace)), { timeout: 10_000 })
      .toBeGreaterThanOrEqual(10)
    await admin.config('SET', 'maxmemory', 1)
    for (let n = 0; n < 10; n += 1) expect((await records.get(`k${n}`))?.value).toBe(n)
    expect(await records.get('never')).toBeUndefined()
    // What is journaled becomes visible; a condition needs its key kept, and says at once that there is no room for it.
    expect((await records.put('k1', 101)).stage).toBe('visible')
    expect((await records.get('k1'))?.value).toBe(101)
    await expect(records.put('k0', 100, { ifVersion: 1 })).rejects.toMatchObject({ code: 'overloaded' })
    await admin.config('SET', 'maxmemory', 0)
    const { version = -1 } = (await records.get('k0')) ?? {}
    await records.put('k0', 100, { ifVersion: version })
    expect((await records.get('k0'))?.value).toBe(100)
  })

  test('an emptied Redis costs nothing, with un-landed writes and calls in flight', async () => {
    const { tier, appDb } = await redisTier(redis.url, 'sqlite')
    const load = new Load(tier).start()
    await load.more(200)
    for (let round = 0; round < 3; round += 1) {
      const release = withholdLanding(appDb)
      await load.more(100)
      await admin.flushall()
      release()
      await load.more(200)
    }
    await load.stop()
    expect(load.reads).toBeGreaterThan(50)
  })

  test('scripts that Redis forgot are loaded again without a client noticing', async () => {
    const { tier } = await redisTier(redis.url, 'sqlite')
    const load = new Load(tier).start()
    for (let round = 0; round < 10; round += 1) {
      await load.more(100)
      await admin.call('SCRIPT', 'FLUSH')
    }
    await load.stop()
    expect([...load.refusals]).toEqual([])
  })

  test('values that another program deletes are misses, not losses, once they have landed', async () => {
    const { tier, namespace } = await redisTier(redis.url, 'sqlite')
    const load = new Load(tier).start()
    for (let round = 0; round < 10; round += 1) {
      await load.more(60)
      await evictLanded(admin, namespace)
    }
    await load.stop()
    expect([...load.refusals]).toEqual([])
  })

  test('a Redis that is killed under load and comes back empty is started again', async () => {
    const { tier } = await redisTier(redis.url, 'sqlite')
    const load = new Load(tier).start()
    await load.more(300)
    await redis.kill()
    await sleep(300)
    await redis.restart()
    await load.more(300)
    await load.stop()
    expect(load.stages.get('visible')).toBeGreaterThan(500)
  })

  test('unconditional writes are acknowledged as journaled while Redis is away, and are there afterwards', async () => {
    const { tier } = await redisTier(redis.url, 'sqlite')
    const records = tier.records<number>('forms')
    await records.put('a', 1)
    await redis.kill()
    const receipt = await records.put('a', 2)
    expect(['journaled', 'landed']).toContain(receipt.stage)
    await expect(records.get('a', { timeoutMs: 200 })).rejects.toMatchObject({
      code: expect.stringMatching(/unavailable|catching-up/),
    })
    expect((await records.get('a', { stale: 'ok', timeoutMs: 200 }))?.value).toBeGreaterThanOrEqual(1)
    await redis.restart()
    await expect
      .poll(() => records.get('a', { atLeast: receipt.version }).catch(() => undefined), { timeout: 15_000 })
      .toMatchObject({ value: 2 })
  })

  test('a Redis that goes back to an old dump catches up from the journal', async () => {
    const { tier } = await redisTier(redis.url, 'sqlite')
    const load = new Load(tier).start()
    await load.more(200)
    expect(await redis.ask('SAVE')).toBe('+OK')
    await load.more(400)
    await redis.kill()
    await redis.restart()
    await load.more(200)
    await load.stop()
    await redis.ask('FLUSHALL')
    await redis.ask('SAVE')
  })

  test('a tier that was closed with un-landed writes finds all of them again, Redis emptied or not', async () => {
    const opened = await redisTier(redis.url, 'sqlite')
    for (const empties of [false, true]) {
      const records = opened.tier.records<number>('forms')
      const release = withholdLanding(opened.appDb)
      const receipts = await Promise.all(Array.from({ length: 50 }, (_, n) => records.put(`k${n}`, n)))
      const tier = await opened.reopen(async () => {
        release()
        if (empties) await admin.flushall()
      })
      const again = tier.records<number>('forms')
      for (const receipt of receipts)
        expect(await again.get(receipt.key)).toMatchObject({ version: receipt.version })
      expect(await tier.verify()).toMatchObject({ ok: true, mismatches: [] })
    }
  })
})
