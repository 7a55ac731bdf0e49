import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isAlive } from '../../scripts/services/server-process.ts'
import { privateMariadb, privateRedis, privateRedisCluster } from './private-servers.ts'

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

test('a server ends when the process that started it is killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-server-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const child = spawn(process.execPath, [join(import.meta.dirname, 'starter-child.ts'), folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const pid = Number(line.toString('utf8'))
  expect(isAlive(pid)).toBe(true)
  child.kill('SIGKILL')
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
})

test('a replica is ready once it holds what its master holds', async () => {
  await redis.ask('SET copied yes')
  const replica = await privateRedis({ replicaOf: redis.port }, onTestFinished)
  expect(await replica.ask('GET copied')).toBe('$3\r\nyes')
  expect(await replica.ask('SET copied no')).toMatch(/^-READONLY/)
})

test('a cluster serves every slot from three masters, and a replica takes over from a killed one', async () => {
  const cluster = await privateRedisCluster(
    { replicasPerMaster: 1, args: ['--cluster-node-timeout', '500'] },
    onTestFinished,
  )
  const [first] = cluster.masters
  const [replica] = cluster.replicas
  expect(await first?.ask('CLUSTER INFO')).toContain('cluster_slots_ok:16384')
  await first?.kill()
  await expect.poll(() => replica?.ask('ROLE'), { timeout: 15_000 }).toMatch(/\r\nmaster\r\n/)
})

test('a server that cannot start says so with the end of its log', async () => {
  await expect(privateRedis({ args: ['--no-such-setting', '1'] }, onTestFinished)).rejects.toThrow(
    /Redis on port \d+ ended with exit code 1\.[^]*no-such-setting/,
  )
  await expect(privateMariadb({ args: ['--no-such-setting'] }, onTestFinished)).rejects.toThrow(
    /MariaDB on port \d+ ended with exit code \d+\.[^]*no-such-setting/,
  )
})

test('a port that another program has is refused, and that program left alone', async () => {
  await expect(privateRedis({ port: redis.port }, onTestFinished)).rejects.toThrow(/is taken/)
  await expect(privateMariadb({ port: redis.port }, onTestFinished)).rejects.toThrow(/is taken/)
  expect(redis.running()).toBe(true)
})

test('a paused server answers again once it is resumed', async () => {
  await redis.kill('SIGSTOP')
  await expect(redis.ask('PING')).rejects.toThrow(/no answer/)
  await redis.kill('SIGCONT')
  expect(await redis.ask('PING')).toBe('+PONG')
})
