/**
 * Calls without an answer: never sent twice, never queued while nobody is there, and unknown unless it is proven that
 * nothing happened. And what answers and keys look like: protocols, times to live, replicas that have it.
 */
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ABSENT, position } from '../../../src/model/position.ts'
import { HELD_ABSENT } from '../../../src/ports/front.ts'
import { Speaker, writeBatch } from '../../conformance/fused-under-test.ts'
import { ref, shown, write } from '../../conformance/line.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { cuttingProxy } from './cutting-proxy.ts'
import { oneWriter, outcome } from './one-writer.ts'
import type { Writer } from './one-writer.ts'
import { plainClient } from './redis-store.ts'

// Real servers under load, on machines that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const redis = await privateRedis()

function client(url: string, options: object = {}): Redis {
  const opened = new Redis(url, options)
  opened.on('error', () => undefined)
  onTestFinished(() => opened.disconnect())
  return opened
}

function put(one: Speaker, key: string, json = '1', id?: string): Promise<string> {
  const entry = one.put(key, json, id === undefined ? {} : { id })
  return outcome(writeBatch(one.fused, one.partition, one.identity, one.generation, [entry]))
}

async function ids(one: Writer): Promise<string[]> {
  const direct = new Speaker(one.fused)
  return (await direct.stream(position(1, 0))).map(({ entry }) => entry.id)
}

/** Reads and writes have a connection each. */
async function untilAnswered(one: Speaker): Promise<void> {
  const both = async (): Promise<string[]> => [
    await outcome(one.state()),
    await outcome(writeBatch(one.fused, one.partition, 'nobody', 0, [])),
  ]
  await expect.poll(both, { timeout: 10_000 }).toEqual(['answered', 'answered'])
}

function occurrences(text: string, of: string): number {
  return text.split(of).length - 1
}

describe('a broken connection', () => {
  test('a write whose reply is lost is unknown, was done once, and is never sent again', async () => {
    const proxy = await cuttingProxy(redis.port)
    const one = await oneWriter({ url: proxy.url })
    await put(one, 'a', '1', 'before')
    proxy.cutReplies()
    expect(await put(one, 'b', '1', 'reply-lost')).toBe('unknown')
    proxy.pass()
    await untilAnswered(one)
    await sleep(300)
    expect(await ids(one)).toEqual(['before', 'reply-lost'])
    expect(occurrences(proxy.sent, 'reply-lost')).toBe(1)
  })

  test('a write that was lost on its way is unknown too, and is never sent again', async () => {
    const proxy = await cuttingProxy(redis.port)
    const one = await oneWriter({ url: proxy.url })
    await put(one, 'a', '1', 'before')
    proxy.cutRequests()
    expect(await put(one, 'b', '1', 'never-came')).toBe('unknown')
    proxy.pass()
    await untilAnswered(one)
    await sleep(300)
    expect(await ids(one)).toEqual(['before'])
    expect(occurrences(proxy.sent, 'never-came')).toBe(1)
    // What it became is settled by a void, as for any unknown write.
    await one.void('never-came')
    expect(await one.send(one.put('b', '1', { id: 'never-came' }))).toEqual([{ kind: 'void' }])
  })

  test('of many writes in flight none is sent twice, and each that is in the stream is there once', async () => {
    const proxy = await cuttingProxy(redis.port)
    const one = await oneWriter({ url: proxy.url })
    const sent: string[] = []
    for (let round = 0; round < 5; round += 1) {
      const calls = Array.from({ length: 40 }, (_, n) => {
        const id = `in-flight-${round}-${n}-`
        sent.push(id)
        return put(one, `k${n}`, '1', id)
      })
      proxy.cutReplies()
      expect(new Set(await Promise.all(calls))).toContain('unknown')
      proxy.pass()
      await untilAnswered(one)
    }
    const found = await ids(one)
    expect(new Set(found).size).toBe(found.length)
    for (const id of sent) expect(occurrences(proxy.sent, id)).toBeLessThanOrEqual(1)
  })

  test('while nobody is there calls are refused at once, and nothing of them is sent later', async () => {
    const proxy = await cuttingProxy(redis.port)
    const one = await oneWriter({ url: proxy.url })
    proxy.refuse()
    await expect.poll(() => put(one, 'x', '1', 'noticing')).toBe('unavailable')
    const began = performance.now()
    for (let n = 0; n < 50; n += 1) expect(await put(one, 'x', '1', 'queued')).toBe('unavailable')
    expect(await outcome(one.state())).toBe('unavailable')
    expect(performance.now() - began).toBeLessThan(2_000)
    proxy.pass()
    await untilAnswered(one)
    expect(occurrences(proxy.sent, 'queued')).toBe(0)
    expect(await put(one, 'a', '1', 'after')).toBe('answered')
    expect((await ids(one)).at(-1)).toBe('after')
  })

  test('a primary that is demoted, and keeps its connections, is left for whom its address leads to', async () => {
    const [old, promoted] = [await privateRedis({}, onTestFinished), await privateRedis({}, onTestFinished)]
    const proxy = await cuttingProxy(old.port)
    const one = await oneWriter({ url: proxy.url })
    expect(await put(one, 'a')).toBe('answered')
    const admin = plainClient(old.url)
    onTestFinished(() => admin.disconnect())
    await admin.replicaof('127.0.0.1', promoted.port)
    proxy.leadNewTo(promoted.port)
    const both = async (): Promise<string[]> => [
      (await one.state().catch(() => undefined))?.identity.split('-', 1)[0] ?? 'away',
      await outcome(writeBatch(one.fused, one.partition, 'nobody', 0, [])),
    ]
    const promotedRun = /run_id:(\w+)/.exec(await promoted.ask('INFO server'))?.[1]
    await expect.poll(both, { timeout: 10_000 }).toEqual([promotedRun, 'answered'])
  })

  test('a server that hangs is given up after the deadline, and what it did in the end is found there once', async () => {
    const own = await privateRedis({}, onTestFinished)
    const one = await oneWriter({ url: own.url, callTimeoutMs: 400 })
    await put(one, 'a', '1', 'before')
    await own.kill('SIGSTOP')
    const [write, read] = await Promise.all([put(one, 'b', '1', 'while-it-hung'), outcome(one.state())])
    await own.kill('SIGCONT')
    expect([write, read]).toEqual(['unknown', 'unavailable'])
    await untilAnswered(one)
    const found = await ids(one)
    expect(found.filter((id) => id === 'while-it-hung').length).toBeLessThanOrEqual(1)
    expect(await put(one, 'c')).toBe('answered')
  })

  test('with fsync always every answer is in the file, whatever kills the server', async () => {
    const own = await privateRedis({}, onTestFinished)
    const one = await oneWriter({ url: own.url })
    const answers = await Promise.all(Array.from({ length: 200 }, (_, n) => put(one, `k${n}`)))
    await own.kill()
    await own.restart()
    await untilAnswered(one)
    expect(answers.every((answer) => answer === 'answered')).toBe(true)
    expect((await one.state()).mark?.position).toBe(position(1, 200))
  })

  test('a server as slow as a busy disk makes it slows writes down, and refuses none', async () => {
    const own = await privateRedis({}, onTestFinished)
    const one = await oneWriter({ url: own.url })
    let slow = true
    const pulses = (async () => {
      while (slow) {
        await own.kill('SIGSTOP')
        await sleep(100)
        await own.kill('SIGCONT')
        await sleep(5)
      }
    })()
    const calls = Array.from({ length: 300 }, (_, n) => put(one, `k${n}`))
    for (let n = 0; n < 20; n += 1) calls.push(put(one, 'in turn'), outcome(one.state()))
    const answers = new Set(await Promise.all(calls))
    slow = false
    await pulses
    expect([...answers]).toEqual(['answered'])
    expect((await one.state()).mark?.position).toBe(position(1, 320))
  })
})

describe('answers and keys', () => {
  test("a user's own client is a pattern, whatever protocol, queue and retries it has", async () => {
    const own = client(redis.url, {
      protocol: 3,
      enableOfflineQueue: true,
      enableAutoPipelining: true,
      autoResendUnfulfilledCommands: true,
      maxRetriesPerRequest: 20,
      keyPrefix: 'mine:',
    })
    const one = await oneWriter({ client: own })
    expect(await one.send(one.put('a', '1'), one.put('a', '2', { ifVersion: position(1, 1) }))).toMatchObject(
      [{ kind: 'applied' }, { kind: 'applied' }],
    )
    expect(await one.send(one.put('x', '1', { ifVersion: ABSENT }))).toMatchObject([{ kind: 'needs-fill' }])
    await one.seal('exams')
    const { held } = await one.fused.front.hold(0, [ref('a'), ref('miss')], 10)
    expect(held.map(shown)).toEqual([`${position(1, 2)} 2`, undefined])
    expect((await one.fused.front.snapshot(0)).fold?.seals).toEqual([['exams', position(1, 3)]])
    expect(await one.stream(position(1, 0))).toHaveLength(3)
    await one.fused.front.close()
    expect(await own.ping()).toBe('PONG')
  })

  test('values have a time to live once they have landed, and not before', async () => {
    const one = await oneWriter({ url: redis.url, landedTtlMs: 60_000 })
    const admin = plainClient(redis.url)
    onTestFinished(() => admin.disconnect())
    const livesOf = async (): Promise<Record<string, boolean>> => {
      const keys = await admin.keys(`${one.namespace}:{0}:v*`)
      const lives = await Promise.all(keys.map((key) => admin.pttl(key)))
      return Object.fromEntries(
        keys.map((key, i) => [key.slice(key.lastIndexOf(':') + 1), (lives[i] ?? 0) > 0]),
      )
    }
    await one.send(one.put('a', '1'), one.put('b', '1'), one.delete('gone'))
    await one.send(one.put('c', '1'))
    await one.fused.front.fill(0, one.identity, position(1, 0), [{ ...ref('filled'), held: HELD_ABSENT }])
    expect(await livesOf()).toEqual({ a: false, b: false, gone: false, c: false, filled: true })
    await one.fused.front.hold(0, [ref('b')], 60_000)
    await one.fused.front.release(0, one.identity, position(1, 3))
    expect(await livesOf()).toEqual({ a: true, b: false, gone: true, c: false, filled: true })
    await one.send(one.put('a', '2'), one.put('filled', '1'))
    expect(await livesOf()).toEqual({ a: false, b: false, gone: true, c: false, filled: false })
    await one.fused.front.release(0, one.identity, one.known)
    expect(await livesOf()).toEqual({ a: true, b: false, gone: true, c: true, filled: true })
  })

  test('a partition that was emptied gives its memory back', async () => {
    const one = await oneWriter({ url: redis.url })
    const admin = plainClient(redis.url)
    onTestFinished(() => admin.disconnect())
    const count = async (): Promise<number> => (await admin.keys(`${one.namespace}:{0}:*`)).length
    for (let n = 0; n < 5; n += 1)
      await one.send(...Array.from({ length: 500 }, (_, i) => one.put(`k ${n} ${i}`, '1')))
    expect(await count()).toBeGreaterThan(2_500)
    await one.raise(2)
    await expect.poll(count, { timeout: 10_000 }).toBeLessThan(5)
  })

  test('the text of a script goes over the wire once, its hash from then on', async () => {
    const proxy = await cuttingProxy(redis.port)
    const one = await oneWriter({ url: proxy.url })
    const admin = plainClient(redis.url)
    onTestFinished(() => admin.disconnect())
    await admin.call('SCRIPT', 'FLUSH')
    for (let n = 0; n < 10; n += 1) expect(await put(one, 'a')).toBe('answered')
    for (let n = 0; n < 10; n += 1) await one.fused.front.read(0, [ref('a')])
    expect(occurrences(proxy.sent, '\r\nEVAL\r\n')).toBeLessThanOrEqual(6)
  })

  test('one Redis serves several namespaces that know nothing of each other', async () => {
    const [one, two] = [await oneWriter({ url: redis.url }), await oneWriter({ url: redis.url })]
    await put(one, 'a')
    expect((await two.fused.front.read(0, [ref('a')])).held).toEqual([undefined])
    expect((await two.state()).mark?.position).toBe(position(1, 0))
  })
})

describe('with one replica to wait for', () => {
  async function pair(): Promise<{
    readonly primary: Awaited<ReturnType<typeof privateRedis>>
    readonly replica: Awaited<ReturnType<typeof privateRedis>>
    readonly one: Writer
  }> {
    const primary = await privateRedis({}, onTestFinished)
    const replica = await privateRedis({ replicaOf: primary.port }, onTestFinished)
    const one = await oneWriter({ url: primary.url, waitReplicas: 1, waitMs: 2_000 })
    return { primary, replica, one }
  }

  test('an answer means that the replica has it, also right after the scripts were forgotten', async () => {
    const { primary, replica, one } = await pair()
    const behind = plainClient(replica.url)
    const admin = plainClient(primary.url)
    onTestFinished(() => {
      behind.disconnect()
      admin.disconnect()
    })
    for (let n = 1; n <= 40; n += 1) {
      if (n % 4 === 0) await admin.call('SCRIPT', 'FLUSH')
      expect(await put(one, 'a', `${n}`)).toBe('answered')
      expect(await behind.hget(`${one.namespace}:{0}:state`, 'position')).toBe(String(position(1, n)))
    }
  })

  // Redis counts a replica's silence in whole seconds of a cached clock, and may come to -1 where a second ends.
  test('a live replica counts at any moment, also where a second ends', async () => {
    const { one } = await pair()
    const until = performance.now() + 3_200
    for (let n = 0; performance.now() < until; n += 1) expect(await put(one, `k${n}`)).toBe('answered')
  })

  test('a replica that hangs makes writes unknown, then reads and writes unavailable; it is the lost side of a split', async () => {
    const { replica, one } = await pair()
    expect(await put(one, 'a')).toBe('answered')
    await replica.kill('SIGSTOP')
    expect(await put(one, 'b')).toBe('unknown')
    await expect.poll(() => outcome(one.state()), { timeout: 10_000 }).toBe('unavailable')
    await replica.kill('SIGCONT')
    await untilAnswered(one)
    expect(await put(one, 'c')).toBe('answered')
    expect((await one.fused.front.read(0, [ref('b')])).held[0]?.version).toBe(position(1, 2))
  })

  test('a replica that is gone makes writes unavailable, and nothing of them is there', async () => {
    const { replica, one } = await pair()
    expect(await put(one, 'a')).toBe('answered')
    await replica.kill()
    await expect.poll(() => put(one, 'b'), { timeout: 10_000 }).toBe('unavailable')
    const direct = await put(one, 'b', '1', 'refused')
    expect(direct).toBe('unavailable')
    await replica.restart()
    await untilAnswered(one)
    expect(await ids(one)).not.toContain('refused')
  })

  test('replicas of another server confirm nothing, though the connection was moved to it under way', async () => {
    const { primary, replica } = await pair()
    const other = await privateRedis({}, onTestFinished)
    await privateRedis({ replicaOf: other.port }, onTestFinished)
    const proxy = await cuttingProxy(primary.port)
    const one = await oneWriter({ url: proxy.url, waitReplicas: 1, waitMs: 2_000 })
    expect(await put(one, 'a')).toBe('answered')
    await replica.kill('SIGSTOP')
    proxy.moveUnder(other.port)
    expect(await put(one, 'b')).toBe('unknown')
    await replica.kill('SIGCONT')
  })

  test('a replica that takes over has everything that was answered, and fences who spoke to the old primary', async () => {
    const { primary, replica, one } = await pair()
    for (let n = 0; n < 50; n += 1) expect(await put(one, `k${n}`)).toBe('answered')
    await primary.kill()
    const admin = plainClient(replica.url)
    onTestFinished(() => admin.disconnect())
    await admin.replicaof('NO', 'ONE')
    const promoted = await oneWriterOf(replica.url, one.namespace)
    const seen = await promoted.state()
    expect(seen.mark?.position).toBe(position(1, 50))
    expect(seen.identity).not.toBe(one.identity)
    expect((await writeBatch(promoted.fused, 0, one.identity, 1, [])).kind).toBe('fenced')
    await promoted.raise(2, true)
    expect(
      await promoted.send(promoted.entry([write('k49', '2', { ifVersion: position(1, 50) })])),
    ).toMatchObject([{ kind: 'applied' }])
  })
})

/** As oneWriter, of what is there already: opens no generation. */
async function oneWriterOf(url: string, namespace: string): Promise<Speaker> {
  const { openRedisFused } = await import('../../../src/drivers/redis/fused.ts')
  const { systemClock } = await import('../../../src/kit/clock.ts')
  const fused = await openRedisFused({ url, namespace, partitions: 2, clock: systemClock })
  onTestFinished(() => fused.front.close())
  return new Speaker(fused)
}
