import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import type { Tier, TierOptions } from '../../src/index.ts'
import { privateRedis } from '../servers/private-servers.ts'

const redis = await privateRedis()

async function opened(options: (folder: string) => Partial<TierOptions>): Promise<Tier> {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-defaults-'))
  const tier = await open({
    front: 'memory:',
    journal: `sqlite:${folder}/journal.db`,
    database: `sqlite:${folder}/app.db`,
    ...options(folder),
  })
  onTestFinished(async () => {
    await tier.close({ drainMs: 0 })
    await rm(folder, { recursive: true, force: true })
  })
  return tier
}

const partitionsOf = async (tier: Tier): Promise<number> => (await tier.status()).partitions.length

test('a tier has 4 partitions where one Redis is the journal, else 16', async () => {
  const fused = { front: redis.url, journal: 'same' }
  expect(await partitionsOf(await opened(() => ({ ...fused, namespace: 'usual' })))).toBe(4)
  expect(await partitionsOf(await opened(() => ({ ...fused, namespace: 'more', partitions: 6 })))).toBe(6)
  expect(await partitionsOf(await opened(() => ({ front: redis.url, namespace: 'beside' })))).toBe(16)
  expect(await partitionsOf(await opened(() => ({})))).toBe(16)
})

test('a database that was made with another number of partitions is refused, and named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-defaults-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const options = {
    front: redis.url,
    journal: 'same',
    database: `sqlite:${folder}/app.db`,
    namespace: 'made',
  }
  await (await open({ ...options, partitions: 16 })).close()
  await expect(open(options)).rejects.toThrow('has 16 partitions, 4 are configured')
})

test('how long landing may yield to a spike is 5 s, or what was asked for, and status says it', async () => {
  expect((await (await opened(() => ({}))).status()).bounds).toMatchObject({ landingLagMs: 5_000 })
  const patient = await opened(() => ({ landingLagMs: 60_000 }))
  expect((await patient.status()).bounds).toMatchObject({ landingLagMs: 60_000 })
})
