import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { cacheFolder, repoRoot } from '../../scripts/repo.ts'
import { startMariadb } from '../../scripts/services/mariadb-server.ts'
import { startRedis } from '../../scripts/services/redis-server.ts'
import { toolPath } from '../../scripts/services/tools.ts'

const fetchMsMax = 300_000

/** What the package manager knows to be installed. */
const installed = () => readFileSync('/var/lib/dpkg/status', 'utf8')

const folderOfItsOwn = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-fetched-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

let before = ''

beforeAll(() => {
  before = installed()
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(repoRoot, 'scripts', 'services.ts'), 'install', '--even-if-present', 'redis', 'mariadb'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
}, fetchMsMax)

afterEach(() => {
  vi.unstubAllEnvs()
})

test('fetching installs nothing into the system', () => {
  expect(installed() === before).toBe(true)
})

test('with nothing on PATH, Redis starts from the packages in the cache', async () => {
  vi.stubEnv('PATH', '')
  expect(toolPath('redis')).toContain(cacheFolder)
  const redis = await startRedis({ folder: folderOfItsOwn() })
  onTestFinished(() => redis.stop())
  expect(await redis.ask('PING')).toBe('+PONG')
})

test('with nothing on PATH, MariaDB makes its data folder and starts from the packages in the cache', async () => {
  vi.stubEnv('PATH', '')
  expect(toolPath('mariadb')).toContain(cacheFolder)
  const mariadb = await startMariadb({ folder: folderOfItsOwn() })
  onTestFinished(() => mariadb.stop())
  const [row] = await mariadb.ask('SELECT @@basedir AS home')
  expect(row?.['home']).toContain(cacheFolder)
})
