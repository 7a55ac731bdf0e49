/**
 * Servers for tests that only talk to one and never kill, pause or set it: the user's own if
 * SPILLWAY_TEST_REDIS_URL or SPILLWAY_TEST_MYSQL_URL name one, else private ones.
 *
 * The user's own may hold other data. So each caller gets a namespace or a database of its own, under a name that
 * nobody else uses, and it is removed afterwards; nothing else is touched, and nothing is flushed.
 */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { createConnection } from 'mysql2/promise'
import { afterAll } from 'vitest'
import { privateMariadb, privateRedis } from './private-servers.ts'

type Finish = (cleanUp: () => Promise<void>) => void

const afterFile: Finish = (cleanUp) => void afterAll(cleanUp, 30_000)

const nameOfItsOwn = () => `spillway_test_${randomBytes(6).toString('hex')}`

/** A Redis and a namespace in it; the keys of it, and of namespaces that are it and `-…`, are removed afterwards. */
export const sharedRedis = async (
  finish: Finish = afterFile,
): Promise<{ url: string; namespace: string }> => {
  const namespace = nameOfItsOwn()
  const url = process.env['SPILLWAY_TEST_REDIS_URL']
  if (url === undefined) return { url: (await privateRedis({}, finish)).url, namespace }
  finish(async () => {
    const client = new Redis(url)
    for await (const keys of client.scanStream({ match: `${namespace}[-:]*`, count: 500 })) {
      if ((keys as string[]).length > 0) await client.unlink(...(keys as string[]))
    }
    client.disconnect()
  })
  return { url, namespace }
}

/** The URL of an empty database, which is dropped afterwards. */
export const sharedDatabase = async (finish: Finish = afterFile): Promise<string> => {
  const given = process.env['SPILLWAY_TEST_MYSQL_URL']
  if (given === undefined) return (await privateMariadb({}, finish)).url
  const name = nameOfItsOwn()
  const url = new URL(given)
  url.pathname = ''
  const server = url.href
  const ask = async (statement: string) => {
    const connection = await createConnection(server)
    try {
      await connection.query(statement)
    } finally {
      connection.destroy()
    }
  }
  finish(() => ask(`DROP DATABASE IF EXISTS \`${name}\``))
  await ask(`CREATE DATABASE \`${name}\``)
  url.pathname = `/${name}`
  return url.href
}
