/**
 * Every policy under which Spillway runs, with more data than Redis may hold, under a real engine: what has
 * landed makes room and comes back from the database, what has not landed stays, whichever keys the policy likes.
 */
import { expect, onTestFinished, test, vi } from 'vitest'
import { privateRedis } from '../../servers/private-servers.ts'
import { plainClient } from './redis-store.ts'
import { redisTier } from './redis-tier.ts'

vi.setConfig({ testTimeout: 90_000 })

const ROUNDS = 25
const KEYS = 20
const PAD = 'x'.repeat(64 * 1_024)

test.each(['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl', 'noeviction'])(
  '%s: nothing that was acknowledged is missing or old, landed or not',
  async (maxmemoryPolicy) => {
    const redis = await privateRedis(
      { maxmemory: '24mb', maxmemoryPolicy, appendfsync: 'everysec' },
      onTestFinished,
    )
    const { tier } = await redisTier(redis.url, 'same', { appendfsync: 'everysec' })
    const records = tier.records<string>('large')
    const newest = new Map<string, string>()
    let turnedAway = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let n = 0; n < KEYS; n += 1) {
        // Half of them again and again, so that values are landed, un-landed and landed again.
        const key = n % 2 === 0 ? `k ${n}` : `k ${round} ${n}`
        const value = `${round} ${n} ${PAD}`
        for (;;) {
          try {
            await records.put(key, value)
            newest.set(key, `${round} ${n}`)
            break
          } catch (error) {
            expect(error).toMatchObject({ code: 'overloaded' })
            turnedAway += 1
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
        }
        const [was] = ((await records.get(key))?.value ?? 'missing').split(` ${PAD[0]}`)
        expect(was).toBe(`${round} ${n}`)
      }
    }
    for (const [key, value] of newest) expect((await records.get(key))?.value.startsWith(value)).toBe(true)
    await expect.poll(async () => (await tier.status()).totals.pending, { timeout: 20_000 }).toBe(0)
    expect(await tier.verify()).toMatchObject({ ok: true, mismatches: [] })
    const client = plainClient(redis.url)
    onTestFinished(() => client.disconnect())
    const stats = await client.info('stats')
    const count = (field: string): number => Number(new RegExp(`${field}:(\\d+)`).exec(stats)?.[1])
    // Room was made in the way of this policy, and was needed: more than 32 MB went through 24.
    expect(
      count(maxmemoryPolicy === 'noeviction' ? 'expired_keys' : 'evicted_keys') + turnedAway,
    ).toBeGreaterThan(0)
  },
)
