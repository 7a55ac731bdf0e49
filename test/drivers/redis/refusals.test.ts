/**
 * What a real Redis refuses, and what the driver makes of it: each refusal proves that nothing happened, is told as
 * `overloaded` or `unavailable`, and is over when its cause is.
 */
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { PREEXISTING, position } from '../../../src/model/position.ts'
import type { Position } from '../../../src/model/position.ts'
import { writeBatch } from '../../conformance/fused-under-test.ts'
import { ref, shown, valueOf, write } from '../../conformance/line.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { oneWriter, outcome, valueOfBytes } from './one-writer.ts'
import type { Writer } from './one-writer.ts'
import { plainClient } from './redis-store.ts'

// Real servers under load, on machines that may be busy.
vi.setConfig({ testTimeout: 90_000 })

const KIB = 1_024

function admin(url: string): ReturnType<typeof plainClient> {
  const client = plainClient(url)
  client.on('error', () => undefined)
  onTestFinished(() => client.disconnect())
  return client
}

function put(one: Writer, key: string, json = '1'): Promise<string> {
  return outcome(writeBatch(one.fused, 0, one.identity, one.generation, [one.put(key, json)]))
}

/** Puts values until one is turned away; how many went in. */
async function fillUp(one: Writer, bytes: number, callsMax: number): Promise<number> {
  const value = valueOfBytes(bytes)
  for (let n = 0; n < callsMax; n += 1) {
    const entry = one.entry([{ ...write(`large ${n}`, ''), value }])
    const answer = await outcome(writeBatch(one.fused, 0, one.identity, one.generation, [entry]))
    if (answer === 'answered') continue
    expect(answer).toBe('overloaded')
    return n
  }
  throw new Error(`All of ${callsMax} values went in`)
}

test('at maxmemory with noeviction writes are overloaded, nothing of them stays, and landing makes room', async () => {
  const redis = await privateRedis(
    { maxmemory: '24mb', maxmemoryPolicy: 'noeviction', appendfsync: 'everysec' },
    onTestFinished,
  )
  const one = await oneWriter({ url: redis.url, landedTtlMs: 1_000, bytesMax: 2 ** 40 })
  const written = await fillUp(one, 100 * KIB, 400)
  expect(written).toBeGreaterThan(20)
  const full = await one.state()
  expect(full.mark?.position).toBe(position(1, written))
  expect((await one.fused.journal.info(0)).end).toBe(position(1, written))
  // Reads go on, and so does what settles and what makes room.
  expect((await one.fused.front.read(0, [ref('large 0')])).held[0]?.version).toBe(position(1, 1))
  expect((await one.void('gone')).first).toBe(position(1, written + 1))
  // What is not held is compared and answered, though there is no room to keep it.
  const row = { ...ref('cold'), held: { version: PREEXISTING, value: valueOf('cold') } }
  const fill = (at: Position) =>
    one.fused.front.fill(0, one.identity, at, [row, { ...row, ...ref('large 1') }])
  expect((await fill(position(1, 0))).held.map((held) => held?.version)).toEqual([1, position(1, 2)])
  expect((await fill(position(1, 900))).held.map((held) => held?.version)).toEqual([
    undefined,
    position(1, 2),
  ])
  expect((await one.fused.front.read(0, [ref('cold')])).held).toEqual([undefined])
  await one.fused.front.release(0, one.identity, one.known)
  await one.fused.journal.trim(0, one.known)
  await expect.poll(() => put(one, 'small'), { timeout: 10_000 }).toBe('answered')
  expect(shown((await one.fused.front.read(0, [ref('small')])).held[0])).toMatch(/ 1$/)
})

test('the tier turns writes away before Redis has to: reserve is bounded by a share of maxmemory', async () => {
  const redis = await privateRedis({ maxmemory: '16mb', maxmemoryPolicy: 'volatile-lru' }, onTestFinished)
  const one = await oneWriter({ url: redis.url })
  const { front } = one.fused
  expect(front.usage().bytesMax).toBe(8 * KIB * KIB)
  for (let n = 0; n < 20; n += 1)
    await one.send(one.entry([{ ...write(`k${n}`, ''), value: valueOfBytes(100 * KIB) }]))
  // What any process has written and not landed counts: values and stream.
  expect(front.usage().bytes).toBeGreaterThan(20 * 200 * KIB)
  expect(front.reserve(5 * KIB * KIB)).toBe(false)
  await front.release(0, one.identity, one.known)
  expect(front.usage().bytes).toBeLessThan(KIB)
  expect(front.reserve(5 * KIB * KIB)).toBe(true)
})

test('under volatile-lru memory is taken from what has landed, and never from what has not', async () => {
  const redis = await privateRedis(
    { maxmemory: '12mb', maxmemoryPolicy: 'volatile-lru', appendfsync: 'everysec' },
    onTestFinished,
  )
  const one = await oneWriter({ url: redis.url, bytesMax: 2 ** 40 })
  const value = valueOfBytes(64 * KIB)
  let unlanded: string[] = []
  for (let round = 0; round < 12; round += 1) {
    const keys = Array.from({ length: 20 }, (_, n) => `k ${round} ${n}`)
    for (const key of keys) await one.send(one.entry([{ ...write(key, ''), value }]))
    const { held } = await one.fused.front.read(
      0,
      [...unlanded, ...keys].map((key) => ref(key)),
    )
    expect(held.filter((each) => each?.value === undefined)).toEqual([])
    // Everything but this round has landed by now.
    unlanded = keys
    const landed = position(1, round * keys.length)
    await one.fused.front.release(0, one.identity, landed)
    await one.fused.journal.trim(0, landed)
  }
  const info = await admin(redis.url).info('stats')
  expect(Number(/evicted_keys:(\d+)/.exec(info)?.[1])).toBeGreaterThan(50)
})

test('a disk that takes no snapshot (MISCONF) makes writes unavailable until it does', async () => {
  const redis = await privateRedis({ args: ['--save', '3600 1'] }, onTestFinished)
  const one = await oneWriter({ url: redis.url })
  const client = admin(redis.url)
  await put(one, 'a')
  const inTheWay = join(redis.folder, 'dump.rdb')
  mkdirSync(inTheWay)
  try {
    await client.bgsave()
    await expect
      .poll(async () => /rdb_last_bgsave_status:(\w+)/.exec(await client.info('persistence'))?.[1])
      .toBe('err')
    expect(await put(one, 'b')).toBe('unavailable')
    expect(await outcome(one.void('x'))).toBe('unavailable')
    expect((await one.state()).mark?.position).toBe(position(1, 1))
    expect(shown((await one.fused.front.read(0, [ref('a')])).held[0])).toBe(`${position(1, 1)} 1`)
  } finally {
    rmdirSync(inTheWay)
  }
  await client.bgsave()
  await expect.poll(() => put(one, 'b'), { timeout: 10_000 }).toBe('answered')
  expect((await one.fused.journal.info(0)).end).toBe(position(1, 2))
})

test('a script of somebody else that does not end (BUSY) makes everything unavailable until it does', async () => {
  const redis = await privateRedis({ args: ['--busy-reply-threshold', '50'] }, onTestFinished)
  const one = await oneWriter({ url: redis.url })
  await put(one, 'a')
  const other = admin(redis.url)
  const looping = other.eval('while true do end', 0).catch((error: unknown) => String(error))
  await sleep(200)
  expect(await put(one, 'b')).toBe('unavailable')
  expect(await outcome(one.state())).toBe('unavailable')
  expect(await redis.ask('SCRIPT KILL')).toContain('OK')
  expect(await looping).toMatch(/killed/)
  expect(await put(one, 'b')).toBe('answered')
  expect((await one.fused.journal.info(0)).end).toBe(position(1, 2))
})

test('a primary that becomes a replica under a live connection (READONLY) is another store', async () => {
  const redis = await privateRedis({}, onTestFinished)
  const other = await privateRedis({}, onTestFinished)
  const one = await oneWriter({ url: redis.url })
  await put(one, 'a')
  const before = await one.state()
  await admin(redis.url).replicaof('127.0.0.1', String(other.port))
  expect(await put(one, 'b')).toBe('unavailable')
  expect(await outcome(one.marker())).toBe('unavailable')
  const demoted = await one.state().catch(() => undefined)
  expect(demoted?.identity).not.toBe(before.identity)
  await admin(redis.url).replicaof('NO', 'ONE')
  // It may have been emptied by its primary; in any case nobody writes to it as if nothing had been.
  const zombie = () => writeBatch(one.fused, 0, before.identity, 1, [one.put('c', '1')])
  // Whoever meets a replica looks for the primary on a new connection.
  await expect.poll(() => outcome(zombie()), { timeout: 10_000 }).toBe('answered')
  const result = await zombie()
  expect(result.kind).toBe('fenced')
  expect(result.seen.identity).not.toBe(before.identity)
})

test('while Redis loads its data nothing is believed, and afterwards the store is fenced and whole', async () => {
  const redis = await privateRedis(
    { args: ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024'] },
    onTestFinished,
  )
  const one = await oneWriter({ url: redis.url })
  const before = await one.state()
  for (let n = 0; n < 30; n += 1)
    await one.send(...Array.from({ length: 100 }, (_, i) => one.put(`k ${n} ${i}`, '1')))
  await redis.kill()
  let loading = true
  const restarted = redis.restart().then(() => {
    loading = false
  })
  const answers = new Set<string>()
  while (loading) {
    answers.add(await put(one, 'b'))
    answers.add(await outcome(one.state().then((seen) => expect(seen.mark?.position).toBe(one.known))))
    await sleep(5)
  }
  await restarted
  await expect.poll(() => outcome(one.state()), { timeout: 10_000 }).toBe('answered')
  expect(answers.has('unavailable')).toBe(true)
  const seen = await one.state()
  expect(seen.identity).not.toBe(before.identity)
  expect(seen.mark?.position).toBe(position(1, 3_000))
  expect((await writeBatch(one.fused, 0, before.identity, 1, [one.put('c', '1')])).kind).toBe('fenced')
  await one.raise(2, true)
  expect(await put(one, 'c')).toBe('answered')
})

test('a frame of as many writes as the port says goes in as a whole', async () => {
  const redis = await privateRedis({ appendfsync: 'none' }, onTestFinished)
  const one = await oneWriter({ url: redis.url })
  const { frameWritesMax = 0 } = one.fused
  expect(frameWritesMax).toBeGreaterThan(1_000)
  const writes = Array.from({ length: frameWritesMax }, (_, n) => write(`k${n}`, '1'))
  expect(await one.send(one.entry(writes))).toEqual([
    { kind: 'applied', first: position(1, 1), last: position(1, frameWritesMax) },
  ])
})

test('a user who may not ask Redis for its memory is told so', async () => {
  const redis = await privateRedis({}, onTestFinished)
  await admin(redis.url).call('ACL', 'SETUSER', 'blind', 'on', '>secret', '~*', '+@all', '-info')
  const url = redis.url.replace('redis://', 'redis://blind:secret@')
  await expect(oneWriter({ url })).rejects.toMatchObject({
    code: 'unavailable',
    detail: expect.stringMatching(/ACL/),
  })
})

test('a server that wants a password, or whose user may not run scripts, is unavailable and says why', async () => {
  const redis = await privateRedis({}, onTestFinished)
  const one = await oneWriter({ url: redis.url })
  const client = admin(redis.url)
  await client.call('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+@read', '+@connection', '+info')
  const url = redis.url.replace('redis://', 'redis://reader:secret@')
  const limited = oneWriter({ url, namespace: one.namespace })
  await expect(limited).rejects.toMatchObject({
    code: 'unavailable',
    detail: expect.stringMatching(/ACL|permission/i),
  })
  expect(await put(one, 'a')).toBe('answered')
})
