import { Redis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { privateMariadb, privateRedis } from './private-servers.ts'
import { sharedDatabase, sharedRedis } from './shared-servers.ts'

const redis = await privateRedis()
const mariadb = await privateMariadb()

afterEach(() => {
  vi.unstubAllEnvs()
})

test("a user's own Redis keeps its keys, and loses those of the namespace when the test ends", async () => {
  vi.stubEnv('SPILLWAY_TEST_REDIS_URL', redis.url)
  const ends: (() => Promise<void>)[] = []
  const { url, namespace } = await sharedRedis((end) => ends.push(end))
  expect(url).toBe(redis.url)
  const client = new Redis(url)
  onTestFinished(() => client.disconnect())
  await client.mset('theirs', '1', `${namespace}:{0}:a`, '2', `${namespace}-2:{1}:b`, '3')
  for (const end of ends) await end()
  expect(await client.keys('*')).toEqual(['theirs'])
})

test("a user's own MariaDB keeps its databases, and loses that of the test when it ends", async () => {
  vi.stubEnv('SPILLWAY_TEST_MYSQL_URL', mariadb.url)
  const ends: (() => Promise<void>)[] = []
  const url = await sharedDatabase((end) => ends.push(end))
  const connection = await createConnection(url)
  await connection.query('CREATE TABLE of_a_test (id INT)')
  connection.destroy()
  const name = new URL(url).pathname.slice(1)
  const databases = async () => (await mariadb.ask('SHOW DATABASES')).map((row) => row['Database'])
  expect(await databases()).toContain(name)
  for (const end of ends) await end()
  expect(await databases()).not.toContain(name)
  expect(await databases()).toContain('spillway')
})

test('without a URL, a shared server is a private one', async () => {
  vi.stubEnv('SPILLWAY_TEST_REDIS_URL', undefined)
  vi.stubEnv('SPILLWAY_TEST_MYSQL_URL', undefined)
  const { url } = await sharedRedis(onTestFinished)
  expect(url).not.toBe(redis.url)
  expect(await sharedDatabase(onTestFinished)).not.toContain(`:${mariadb.port}/`)
})
