/** What a Redis front beside a separate journal does with memory: its own, and one that others have filled. */
import { expect, onTestFinished, test } from 'vitest'
import { openRedisFront } from '../../../src/drivers/redis/front.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import type { ApplyResult, Front } from '../../../src/ports/front.ts'
import type { Position, Version } from '../../../src/model/position.ts'
import { Line, emptyFold, ref, shown, valueOf } from '../../conformance/line.ts'
import { privateRedis } from '../../servers/private-servers.ts'
import { newNamespace, plainClient } from './redis-store.ts'

const redis = await privateRedis({ appendfsync: 'none', maxmemory: '32mb', maxmemoryPolicy: 'noeviction' })

interface Started {
  readonly front: Front
  readonly line: Line
  readonly namespace: string
  apply(from: number): Promise<ApplyResult>
}

async function started(options: { readonly releaseShare?: number } = {}): Promise<Started> {
  const namespace = newNamespace()
  const front = await openRedisFront({
    url: redis.url,
    namespace,
    partitions: 1,
    clock: systemClock,
    ...options,
  })
  onTestFinished(() => front.close())
  const line = new Line()
  const { identity } = await front.start(0, emptyFold(line))
  return {
    front,
    line,
    namespace,
    apply: (from) => front.apply({ partition: 0, identity, ...line.request(from) }),
  }
}

function admin(): ReturnType<typeof plainClient> {
  const client = plainClient(redis.url)
  onTestFinished(() => client.disconnect())
  return client
}

test('what is applied counts until it is landed, and the names that were kept for that go with it', async () => {
  const { front, line, namespace, apply } = await started({ releaseShare: 0 })
  const client = admin()
  const names = `${namespace}:{0}:names`
  for (let n = 0; n < 50; n += 1) line.put(`k${n}`, 'x'.repeat(1_000))
  await apply(0)
  const full = front.usage().bytes
  expect(full).toBeGreaterThan(50 * 1_000)
  expect(await client.xlen(names)).toBeGreaterThan(0)
  const { identity } = await front.state(0)
  await front.release(0, identity, line.end)
  expect(front.usage().bytes).toBe(0)
  expect(await client.xlen(names)).toBe(0)
  line.put('k0', 'again')
  await apply(51)
  expect(front.usage().bytes).toBeGreaterThan(0)
  expect(front.usage().bytes).toBeLessThan(full / 20)
})

test('what has landed counts no more at once, and stays until memory is wanted', async () => {
  const { front, line, namespace, apply } = await started()
  const client = admin()
  for (let n = 0; n < 50; n += 1) line.put(`k${n}`, 'x'.repeat(1_000))
  const { seen } = await apply(0)
  await front.release(0, seen.identity, line.end)
  expect(front.usage().bytes).toBe(0)
  const lives = async (): Promise<number[]> =>
    Promise.all((await client.keys(`${namespace}:*:v*`)).map((key) => client.pttl(key)))
  expect(new Set(await lives())).toEqual(new Set([-1]))
  const ballast = Array.from({ length: 40 }, (_, n) => `ballast ${n}`)
  for (const name of ballast) await client.set(name, 'x'.repeat(500_000))
  await expect
    .poll(
      async () => {
        await front.release(0, seen.identity, line.end)
        return Math.min(...(await lives()))
      },
      { timeout: 10_000 },
    )
    .toBeGreaterThan(0)
  await client.del(ballast)
})

test('discarding a partition gives its memory back', async () => {
  const { front, line, namespace, apply } = await started()
  const client = admin()
  for (let n = 0; n < 3_000; n += 1) line.put(`k${n}`, '1')
  const { seen } = await apply(0)
  await front.discard(0, seen.identity)
  await expect.poll(async () => (await client.keys(`${namespace}:*`)).length, { timeout: 10_000 }).toBe(1)
  expect((await front.state(0)).mark).toBeUndefined()
})

test('a fill that there is no room for is compared all the same, says so, and is not kept', async () => {
  const { line, apply, front } = await started()
  const client = admin()
  line.put('a', 'held')
  const { seen } = await apply(0)
  const row = (key: string) => ({ ...ref(key), held: { version: 1 as Version, value: valueOf('landed') } })
  await client.config('SET', 'maxmemory', 1)
  onTestFinished(() => void client.config('SET', 'maxmemory', '32mb'))
  const filled = await front.fill(0, seen.identity, line.end, [row('a'), row('b')])
  expect(filled.noRoom).toBe(true)
  expect(filled.held.map(shown)).toEqual([expect.stringMatching(/ held$/), expect.stringMatching(/landed/)])
  const beyond = await front.fill(0, seen.identity, (line.end + 1) as Position, [row('b')])
  expect(beyond.held).toEqual([undefined])
  const elsewhere = await front.fill(0, 'another', line.end, [row('b')])
  expect(elsewhere.held).toEqual([undefined])
  expect((await front.read(0, [ref('b')])).held).toEqual([undefined])
  await client.config('SET', 'maxmemory', '32mb')
  expect((await front.fill(0, seen.identity, line.end, [row('b')])).noRoom).toBe(false)
  expect(shown((await front.read(0, [ref('b')])).held[0])).toMatch(/landed/)
})

test('what is journaled becomes visible though others have filled the memory (OOM)', async () => {
  const { line, apply, front } = await started()
  const client = admin()
  line.put('a', 'before')
  await apply(0)
  const junk: string[] = []
  for (let full = false; !full;) {
    const name = `junk ${junk.length}`
    full = await client.set(name, 'x'.repeat(500_000)).then(
      () => false,
      () => true,
    )
    junk.push(name)
  }
  line.put('a', 'after')
  line.void('b')
  expect((await apply(2)).kind).toBe('applied')
  const { held, seen } = await front.read(0, [ref('a')])
  expect(shown(held[0])).toMatch(/ after$/)
  expect((await front.release(0, seen.identity, line.end)).mark).toEqual(seen.mark)
  await client.del(junk)
})
