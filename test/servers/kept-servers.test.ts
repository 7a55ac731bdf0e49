import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { repoRoot } from '../../scripts/repo.ts'
import { freePort } from '../../scripts/services/free-port.ts'
import { askRedis } from '../../scripts/services/redis-server.ts'
import { isAlive } from '../../scripts/services/server-process.ts'
import { privateRedis } from './private-servers.ts'

const command = join(repoRoot, 'scripts', 'services.ts')
const folder = mkdtempSync(join(tmpdir(), 'spillway-kept-'))

const services = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args, '--folder', folder], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

type Report = {
  ok: boolean
  running: boolean
  pid: number
  port: number
  version: string
  memoryBytes: number
}

const statusOf = (name: string): Report => {
  const [report] = JSON.parse(services('status', name, '--json').stdout) as Report[]
  if (report === undefined) throw new Error('no report')
  return report
}

const runningFile = (name: string) => join(folder, name, 'running.json')

afterEach(() => {
  services('stop')
  rmSync(folder, { recursive: true, force: true })
})

test('both servers start, answer, keep their data over a stop, and are gone after it', async () => {
  const port = await freePort()
  expect(services('start', 'redis', '--port', String(port))).toMatchObject({ status: 0 })
  expect(services('start', 'mariadb', '--port', String(await freePort()))).toMatchObject({ status: 0 })
  const [redis, mariadb] = [statusOf('redis'), statusOf('mariadb')]
  expect(redis).toMatchObject({ running: true, port, version: expect.stringMatching(/^\d+\.\d+/) })
  expect(mariadb).toMatchObject({ running: true, version: expect.stringMatching(/MariaDB/) })
  expect(redis.memoryBytes).toBeGreaterThan(1_000_000)
  await askRedis(port, 'SET kept yes')

  expect(services('stop').status).toBe(0)
  expect([redis.pid, mariadb.pid].map(isAlive)).toEqual([false, false])
  expect(statusOf('redis').running).toBe(false)

  services('start', 'redis', '--port', String(port))
  expect(await askRedis(port, 'GET kept')).toBe('$3\r\nyes')
}, 60_000)

test('a second start says that it runs already, and leaves it as it is', async () => {
  const port = String(await freePort())
  services('start', 'redis', '--port', port)
  const { pid } = statusOf('redis')
  const again = services('start', 'redis')
  expect(again).toMatchObject({
    status: 0,
    stdout: expect.stringContaining(`already running on port ${port}`),
  })
  const elsewhere = services('start', 'redis', '--port', String(await freePort()))
  expect(elsewhere).toMatchObject({ status: 1, stderr: expect.stringContaining(`on port ${port}`) })
  expect(statusOf('redis').pid).toBe(pid)
})

test('a start on a taken port fails, names the port, and harms nobody', async () => {
  const other = await privateRedis({}, onTestFinished)
  const { status, stderr } = services('start', 'redis', '--port', String(other.port))
  expect(status).toBe(1)
  expect(stderr).toContain(`port ${other.port} is taken`)
  expect(await other.ask('PING')).toBe('+PONG')
})

test.runIf(existsSync('/proc/self'))('a start in a place where no folder can be made fails at once', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [command, 'start', 'redis', '--folder', '/proc/spillway'],
    { encoding: 'utf8', timeout: 20_000 },
  )
  expect([status, stderr]).toEqual([1, expect.stringMatching(/redis: (ENOENT|EACCES|EPERM)/)])
})

test('a stale pid file is seen through: stop ends nobody, and start starts', async () => {
  const stranger = await privateRedis({}, onTestFinished)
  const port = String(await freePort())
  services('start', 'redis', '--port', port)
  services('stop', 'redis')
  // The pid of another program, as after a crash of the machine.
  const stale = JSON.stringify({ pid: stranger.pid, startedMark: 'another boot 1', port, url: 'x' })
  writeFileSync(runningFile('redis'), stale)
  expect(services('stop', 'redis')).toMatchObject({ status: 0, stdout: 'redis: not running\n' })
  expect(stranger.running()).toBe(true)

  writeFileSync(runningFile('redis'), stale)
  const { stdout } = services('start', 'redis', '--port', port)
  expect(stdout).toContain('is not this server any more')
  expect(statusOf('redis')).toMatchObject({ running: true, port: Number(port) })
  expect(stranger.running()).toBe(true)
})

test('a killed server is not running, and starts again', async () => {
  const port = String(await freePort())
  services('start', 'redis', '--port', port)
  const { pid } = statusOf('redis')
  process.kill(pid, 'SIGKILL')
  await expect.poll(() => isAlive(pid)).toBe(false)
  expect(statusOf('redis').running).toBe(false)
  expect(services('start', 'redis', '--port', port).status).toBe(0)
})

test('an interrupted start leaves no server, and the next one is not in its way', async () => {
  const port = String(await freePort())
  const starting = spawn(
    process.execPath,
    [command, 'start', 'mariadb', '--port', port, '--folder', folder],
    {
      stdio: 'ignore',
    },
  )
  const log = join(folder, 'mariadb', 'mariadb.log')
  await expect
    .poll(() => existsSync(log) && readFileSync(log, 'utf8'), { timeout: 15_000 })
    .toMatch(/process/)
  const pid = Number(/as process (\d+)/.exec(readFileSync(log, 'utf8'))?.[1])
  starting.kill('SIGINT')
  await once(starting, 'exit')
  await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false)
  expect(existsSync(runningFile('mariadb'))).toBe(false)
  expect(services('start', 'mariadb', '--port', port).status).toBe(0)
}, 60_000)

test('logs says where the log is and how it ends', async () => {
  services('start', 'redis', '--port', String(await freePort()))
  const { stdout } = services('logs', 'redis')
  expect(stdout).toContain(join(folder, 'redis', 'redis.log'))
  expect(stdout).toContain('Ready to accept connections')
})
