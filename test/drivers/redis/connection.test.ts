import { expect, test } from 'vitest'
import { connectRedis } from '../../../src/drivers/redis/connection.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { privateRedis } from '../../servers/private-servers.ts'

const redis = await privateRedis()

const connect = (db: number, credentials = '') =>
  connectRedis({
    url: `redis://${credentials}127.0.0.1:${redis.port}/${db}`,
    clock: systemClock,
    connectTimeoutMs: 1_000,
    callTimeoutMs: 5_000,
    name: 'spillway-test',
  })

test('a database that Redis does not have is invalid, and never database 0 instead', async () => {
  await expect(connect(99)).rejects.toMatchObject({
    code: 'invalid',
    detail: expect.stringContaining('no database 99'),
  })
})

test('a database that it has is the one that is used', async () => {
  const client = await connect(3)
  await client.set('where', 'here')
  client.disconnect()
  expect(await redis.ask('DBSIZE')).toBe(':0')
})

test('a password that Redis does not take is invalid: no retry would help', async () => {
  await expect(connect(0, 'nobody:wrong@')).rejects.toMatchObject({
    code: 'invalid',
    detail: expect.stringContaining('Correct user and password'),
  })
})
