import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import type { Tier, TierOptions } from '../../src/index.ts'
import { privateMariadb, privateRedis } from '../servers/private-servers.ts'

const redis = await privateRedis()
const mariadb = await privateMariadb()
const folder = await mkdtemp(join(tmpdir(), 'spillway-ownership-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const tierOn = (namespace: string, database: string, options: Partial<TierOptions> = {}): Promise<Tier> =>
  open({
    front: redis.url,
    journal: 'same',
    database: `sqlite:${join(folder, database)}.db`,
    namespace,
    partitions: 2,
    role: 'api',
    ...options,
  })

const isAnothers = expect.objectContaining({
  code: 'journal-mismatch',
  detail: expect.stringMatching(/another tier.*--namespace/),
})

describe('one namespace of Redis is the stream of one database', () => {
  test('a new database beside a stream of another tier is refused, and the stream keeps what it has', async () => {
    await using first = await tierOn('new', 'new-1')
    const { version } = await first.records('notes').put('k', 'acknowledged, not landed')
    await expect(tierOn('new', 'new-2')).rejects.toEqual(isAnothers)
    expect(await first.records('notes').get('k')).toMatchObject({ version })
    await first.records('notes').put('k', 'goes on')
  })

  test('so is a database that has a stream of its own elsewhere', async () => {
    await using first = await tierOn('begun', 'begun-1')
    await first.records('notes').put('k', 1)
    await (await tierOn('elsewhere', 'begun-2')).close({ drainMs: 0 })
    await expect(tierOn('begun', 'begun-2')).rejects.toEqual(isAnothers)
    expect((await first.records('notes').get('k'))?.value).toBe(1)
  })

  test('a process with another namespace is refused, names the right one, and the tier loses nothing by it', async () => {
    await using first = await tierOn('right', 'placed')
    const { version } = await first.records('notes').put('k', 'acknowledged, not landed')
    await expect(tierOn('wrong', 'placed')).rejects.toMatchObject({
      code: 'journal-mismatch',
      detail: expect.stringMatching(
        /in the namespace right, and wrong would be.*start with --namespace right/,
      ),
    })
    expect(await redis.ask('KEYS wrong:*')).toBe('*0')
    expect(await first.records('notes').get('k')).toMatchObject({ version })
    await first.records('notes').put('k', 'goes on')
    await using second = await tierOn('right', 'placed')
    expect((await second.records('notes').get('k'))?.value).toBe('goes on')
  })

  test('who says so moves a tier to another namespace, and whoever is left in the old one is told', async () => {
    const first = await tierOn('old', 'moved', { role: 'all' })
    expect(await (await first.records('notes').put('k', 1)).landed()).toBe('landed')
    await using second = await tierOn('new-place', 'moved', { acceptLoss: true, role: 'all' })
    expect((await second.records('notes').get('k'))?.value).toBe(1)
    expect(await (await second.records('notes').put('k', 2)).landed()).toBe('landed')
    await first.close({ drainMs: 0 })
    await expect(tierOn('old', 'moved')).rejects.toMatchObject({ code: 'journal-mismatch' })
    await using again = await tierOn('new-place', 'moved')
    expect((await again.records('notes').get('k'))?.value).toBe(2)
  })

  test('a database that was written from a journal of another kind is refused until somebody says so', async () => {
    const file = (name: string): string => `sqlite:${join(folder, name)}`
    const embedded = await open({
      front: 'memory:',
      journal: file('kind-journal.db'),
      database: file('kind.db'),
      partitions: 2,
    })
    for (let n = 0; n < 5; n += 1) await (await embedded.records('notes').put(`k${n}`, n)).landed()
    await embedded.close()
    await expect(tierOn('kind', 'kind')).rejects.toMatchObject({
      code: 'journal-mismatch',
      detail: expect.stringMatching(/journal of another kind/),
    })
    await using moved = await tierOn('kind', 'kind', { acceptLoss: true, role: 'all' })
    for (let n = 0; n < 5; n += 1) expect((await moved.records('notes').get(`k${n}`))?.value).toBe(n)
    expect(await (await moved.records('notes').put('k0', 'new')).landed()).toBe('landed')
    expect(await moved.verify()).toMatchObject({ ok: true })
  })

  test('processes that begin a tier at once are one tier', async () => {
    const database = await mariadb.emptyDatabase('race')
    const begin = (): Promise<Tier> =>
      open({ front: redis.url, journal: 'same', database, namespace: 'race', partitions: 2 })
    const tiers = await Promise.all([begin(), begin(), begin()])
    try {
      const { version } = await (tiers[0] as Tier).records('notes').put('k', 1)
      for (const tier of tiers)
        expect(await tier.records('notes').get('k', { atLeast: version })).toMatchObject({ version })
    } finally {
      await Promise.all(tiers.map((tier) => tier.close()))
    }
  })

  test('an emptied Redis is claimed again by the database that knows it', async () => {
    await (await tierOn('emptied', 'emptied')).close({ drainMs: 0 })
    await redis.ask('FLUSHALL')
    await using again = await tierOn('emptied', 'emptied')
    await again.records('notes').put('k', 1)
    await expect(tierOn('emptied', 'emptied-2')).rejects.toEqual(isAnothers)
  })

  test('a store that is taken over is emptied, also where both tiers count the same generation', async () => {
    const first = await tierOn('same', 'same-1')
    await first.records('notes').put('k', 'of the first')
    await first.close({ drainMs: 0 })
    await (await tierOn('same-elsewhere', 'same-2')).close({ drainMs: 0 })
    await using second = await tierOn('same', 'same-2', { acceptLoss: true, role: 'all' })
    expect(await second.records('notes').get('k')).toBeUndefined()
    const mine = await second.records('notes').put('mine', 1)
    expect(await mine.landed()).toBe('landed')
    expect(await second.verify()).toMatchObject({ ok: true })
  })

  test('who says so takes the store over', async () => {
    await (await tierOn('taken', 'taken-1')).close({ drainMs: 0 })
    await using second = await tierOn('taken', 'taken-2', { acceptLoss: true })
    await second.records('notes').put('k', 2)
    expect((await second.records('notes').get('k'))?.value).toBe(2)
    await expect(tierOn('taken', 'taken-1')).rejects.toEqual(isAnothers)
  })
})
