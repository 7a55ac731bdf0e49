/**
 * Redis as front and journal in one, under a real engine and load: kills, forgotten scripts, lost replies and full
 * memory lose nothing that was acknowledged, and clients see nothing but retryable errors. What a Redis that was
 * emptied had not landed is lost, and said.
 */
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { privateRedis } from '../../servers/private-servers.ts'
import { cuttingProxy } from './cutting-proxy.ts'
import { Load } from './load.ts'
import { evictLanded, plainClient } from './redis-store.ts'
import { redisTier } from './redis-tier.ts'

// Real servers under load, on machines that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const redis = await privateRedis()
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

describe('a fused Redis', () => {
  test('writes, conditions, deletes, frames and seals go through one script and land', async () => {
    const { tier } = await redisTier(redis.url, 'same', { partitions: 1 })
    const records = tier.records<{ n: number }>('forms')
    const first = await records.put('a', { n: 1 }, { ifVersion: 0 })
    expect(first.stage).toBe('visible')
    await expect(records.put('a', { n: 2 }, { ifVersion: 0 })).rejects.toMatchObject({
      code: 'version-mismatch',
    })
    const second = await records.put('a', { n: 2 }, { ifVersion: first.version })
    expect((await records.get('a', { atLeast: second.version }))?.value).toEqual({ n: 2 })
    await tier.atomic([
      { collection: 'forms', key: 'b', value: { n: 3 } },
      { collection: 'forms', key: 'a', delete: true },
    ])
    expect(await records.getMany(['a', 'b', 'never'])).toMatchObject([
      undefined,
      { value: { n: 3 } },
      undefined,
    ])
    await records.seal()
    await expect(records.put('c', { n: 4 })).rejects.toMatchObject({ code: 'sealed' })
    await expect.poll(async () => (await tier.status()).totals.pending).toBe(0)
    expect(await tier.verify()).toMatchObject({ ok: true, mismatches: [] })
  })

  test('scripts that Redis forgot are loaded again without a client noticing', async () => {
    const { tier, namespace } = await redisTier(redis.url, 'same')
    const load = new Load(tier).start()
    for (let round = 0; round < 10; round += 1) {
      await load.more(100)
      await admin.call('SCRIPT', 'FLUSH')
      await evictLanded(admin, namespace)
    }
    await load.stop()
    expect([...load.refusals]).toEqual([])
  })

  test('a Redis that is killed under load loses nothing that was acknowledged, landed or not', async () => {
    const { tier, appDb, reports } = await redisTier(redis.url, 'same')
    const load = new Load(tier).start()
    for (let round = 0; round < 3; round += 1) {
      const release = withholdLanding(appDb)
      await load.more(150)
      await redis.kill()
      release()
      await sleep(200)
      await redis.restart()
      await load.more(150)
    }
    await load.stop()
    expect(reports.some((report) => report.includes('generation-raised'))).toBe(true)
    expect(reports.filter((report) => report.includes('lost what'))).toEqual([])
    expect((await tier.status()).generation).toBeGreaterThan(3)
  })

  test('replies that are cut leave nothing lost, and nothing twice', async () => {
    const proxy = await cuttingProxy(redis.port)
    const { tier } = await redisTier(proxy.url, 'same')
    const load = new Load(tier).start()
    for (let round = 0; round < 6; round += 1) {
      await load.more(80)
      if (round % 2 === 0) proxy.cutReplies()
      else proxy.cutRequests()
      await sleep(60)
      proxy.pass()
    }
    await load.more(80)
    await load.stop()
    expect(proxy.connections).toBeGreaterThan(6)
  })

  test('a Redis that hangs for a second is waited for', async () => {
    const { tier } = await redisTier(redis.url, 'same')
    const load = new Load(tier).start()
    await load.more(100)
    await redis.kill('SIGSTOP')
    await sleep(1_000)
    await redis.kill('SIGCONT')
    await load.more(200)
    await load.stop()
    expect([...load.refusals]).toEqual([])
  })

  test('a Redis that hangs past every deadline leaves nothing lost', async () => {
    const { tier, reports } = await redisTier(redis.url, 'same')
    const load = new Load(tier).start()
    await load.more(100)
    await redis.kill('SIGSTOP')
    await sleep(7_000)
    await redis.kill('SIGCONT')
    await load.more(200)
    await load.stop()
    expect(reports.some((report) => report.includes('append-unknown'))).toBe(true)
  })

  test('with a replica to wait for, a failover under load loses nothing', async () => {
    const primary = await privateRedis({}, onTestFinished)
    const replica = await privateRedis({ replicaOf: primary.port }, onTestFinished)
    const proxy = await cuttingProxy(primary.port)
    const { tier, appDb, reports } = await redisTier(proxy.url, 'same', { waitReplicas: 1 })
    const load = new Load(tier).start()
    await load.more(150)
    const release = withholdLanding(appDb)
    await load.more(150)
    await primary.kill()
    expect(await replica.ask('REPLICAOF NO ONE')).toBe('+OK')
    await privateRedis({ replicaOf: replica.port }, onTestFinished)
    proxy.leadTo(replica.port)
    release()
    await load.more(150)
    await load.stop()
    expect(reports.some((report) => report.includes('generation-raised'))).toBe(true)
    expect(reports.filter((report) => report.includes('lost what'))).toEqual([])
  })

  test('full memory turns writes away until what is there has landed', async () => {
    const small = await privateRedis({ maxmemory: '16mb', maxmemoryPolicy: 'volatile-lru' }, onTestFinished)
    const { tier, appDb } = await redisTier(small.url, 'same')
    const records = tier.records<string>('large')
    const release = withholdLanding(appDb)
    const codes = new Map<string, number>()
    const acknowledged: string[] = []
    const pad = 'x'.repeat(50_000)
    for (let n = 0; n < 400; n += 1) {
      try {
        await records.put(`k${n}`, `${n} ${pad}`)
        acknowledged.push(`k${n}`)
      } catch (error) {
        const { code } = error as { code: string }
        codes.set(code, (codes.get(code) ?? 0) + 1)
        if ((codes.get(code) ?? 0) > 5) break
      }
    }
    expect([...codes.keys()]).toEqual(['overloaded'])
    expect(acknowledged.length).toBeGreaterThan(30)
    release()
    await expect
      .poll(
        () =>
          records.put('after', 'landed').then(
            () => 'taken',
            () => 'turned away',
          ),
        { timeout: 15_000 },
      )
      .toBe('taken')
    for (const key of acknowledged) expect((await records.get(key))?.value.split(' ')[0]).toBe(key.slice(1))
    await expect.poll(async () => (await tier.status()).totals.pending, { timeout: 15_000 }).toBe(0)
    expect(await tier.verify()).toMatchObject({ ok: true, mismatches: [] })
  })

  test('an emptied Redis keeps what has landed, and what it lost is reported', async () => {
    const { tier, appDb, reports } = await redisTier(redis.url, 'same')
    const records = tier.records<number>('forms')
    for (let n = 0; n < 20; n += 1) await (await records.put(`k${n}`, n)).landed()
    const release = withholdLanding(appDb)
    for (let n = 0; n < 20; n += 1) await records.put(`lost${n}`, n)
    await admin.flushall()
    release()
    await expect
      .poll(
        () =>
          records.put('after', 1).then(
            () => 'taken',
            (error: { code: string }) => error.code,
          ),
        {
          timeout: 20_000,
        },
      )
      .toBe('taken')
    for (let n = 0; n < 20; n += 1) expect((await records.get(`k${n}`))?.value).toBe(n)
    expect(reports.some((report) => report.includes('lost what was acknowledged'))).toBe(true)
    expect(await tier.verify()).toMatchObject({ ok: true, mismatches: [] })
  })

  test('two processes on one Redis and one database share the keys, and one that is closed leaves the other whole', async () => {
    const one = await redisTier(redis.url, 'same')
    const two = await redisTier(redis.url, 'same', {
      namespace: one.namespace,
      database: `sqlite:${one.appDb}`,
      role: 'api',
    })
    const load = new Load(one.tier).start()
    const other = two.tier.records<{ n: number }>('load')
    await load.more(200)
    for (let n = 0; n < 50; n += 1) {
      const receipt = await other.put(`other ${n}`, { n })
      expect(
        (await one.tier.records<{ n: number }>('load').get(`other ${n}`, { atLeast: receipt.version }))
          ?.value,
      ).toEqual({ n })
    }
    await two.tier.close()
    await load.more(100)
    await load.stop()
  })

  test('a tier with another database does not touch a stream that is not its own', async () => {
    const one = await redisTier(redis.url, 'same')
    const records = one.tier.records<number>('forms')
    const release = withholdLanding(one.appDb)
    for (let n = 0; n < 10; n += 1) await records.put(`k${n}`, n)
    await expect(redisTier(redis.url, 'same', { namespace: one.namespace })).rejects.toMatchObject({
      code: 'journal-mismatch',
    })
    release()
    for (let n = 0; n < 10; n += 1) expect((await records.get(`k${n}`))?.value).toBe(n)
    await expect.poll(async () => (await one.tier.status()).totals.pending).toBe(0)
    expect(await one.tier.verify()).toMatchObject({ ok: true, mismatches: [] })
    expect((await one.tier.status()).generation).toBe(1)
  })
})
