import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { privateMariadb, privateRedis } from './private-servers.ts'

const redis = await privateRedis()
const mariadb = await privateMariadb()

test('a private Redis keeps what it answered over a kill', async () => {
  expect(await redis.ask('SET kept yes')).toBe('+OK')
  await redis.kill()
  expect(redis.running()).toBe(false)
  await redis.restart()
  expect(await redis.ask('GET kept')).toBe('$3\r\nyes')
  expect(await redis.ask('CONFIG GET appendfsync')).toContain('always')
})

test('a private MariaDB is durable, and keeps what it committed over a kill', async () => {
  const [settings] = await mariadb.ask(
    'SELECT @@sync_binlog AS binlog, @@innodb_flush_log_at_trx_commit AS log, @@log_bin AS logged',
  )
  expect(settings).toEqual({ binlog: 1, log: 1, logged: 1 })
  await mariadb.ask('CREATE TABLE spillway.kept (id INT PRIMARY KEY)', 'INSERT INTO spillway.kept VALUES (7)')
  await mariadb.kill()
  await mariadb.restart()
  expect(await mariadb.ask('SELECT id FROM spillway.kept')).toEqual([{ id: 7 }])
})

test('an emptied database is there and empty', async () => {
  expect(await mariadb.emptyDatabase('other')).toBe(`mysql://root@127.0.0.1:${mariadb.port}/other`)
  await mariadb.ask('CREATE TABLE other.rows_of_a_test (id INT)')
  await mariadb.emptyDatabase('other')
  expect(await mariadb.ask('SHOW TABLES IN other')).toEqual([])
})

test('a server of a test ends with it, and its folder is gone', async () => {
  const ends: (() => Promise<void>)[] = []
  const server = await privateRedis({}, (end) => ends.push(end))
  for (const end of ends) await end()
  expect(server.running()).toBe(false)
  expect(existsSync(server.folder)).toBe(false)
})
