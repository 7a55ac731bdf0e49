/**
 * `spillway doctor` as a program, on real stores: a healthy set has no finding, and each fault has exactly its own, with
 * a fix and the exit code that the catalogue gives it.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test, vi } from 'vitest'
import { FINDINGS } from '../../src/findings.ts'
import type { FindingId } from '../../src/index.ts'
import { faults as diskFaults } from '../doctor-disk/faults.ts'
import { privateMariadb, privateRedis } from '../servers/private-servers.ts'
import { due, examined } from './examined.ts'
import { faults } from './faults.ts'
import { HEALTHY_REDIS, Stores, dataFolder, doctor, folderOfItsOwn } from './stores.ts'

// A program, and often a server, is started for each.
vi.setConfig({ testTimeout: 60_000 })

const stores = new Stores(await privateRedis(HEALTHY_REDIS), await privateMariadb())

describe('a healthy set has no finding', () => {
  test('before the first start', async () => {
    const fresh = await doctor({ args: ['--data', folderOfItsOwn()] })
    expect([fresh.code, fresh.ok, fresh.wrong]).toEqual([0, true, []])
    const servers = await doctor({ args: stores.fused() })
    expect([servers.code, servers.ok, servers.wrong]).toEqual([0, true, []])
  })

  test('embedded', async () => {
    const { code, wrong, findings } = await doctor({ args: ['--data', await dataFolder()] })
    expect([code, wrong]).toEqual([0, []])
    expect(findings.map(({ found }) => found)).toContainEqual(expect.stringMatching(/belong together/))
  })

  test('Redis and MariaDB, in use', async () => {
    const { args } = await stores.begun()
    const { code, wrong, findings } = await doctor({ args })
    expect([code, wrong]).toEqual([0, []])
    expect(findings.map(({ found }) => found)).toContainEqual(expect.stringMatching(/belong together/))
  })

  test('a Redis that is only the front may be one that forgets', async () => {
    const folder = folderOfItsOwn()
    const redis = await stores.another(['--appendonly', 'no'])
    const args = [
      '--front',
      redis.url,
      '--journal',
      `sqlite:${folder}/journal.db`,
      '--database',
      stores.mariadb.url,
    ]
    expect(await doctor({ args })).toMatchObject({ code: 0, wrong: [] })
  })
})

describe('each fault has its finding, its fix and its exit code', () => {
  test.each(Object.keys(faults) as (keyof typeof faults)[])('%s', async (id) => {
    expect(await examined(id, faults[id], stores)).toEqual(due(id, faults[id]))
  })
})

describe('the catalogue', () => {
  const ids = Object.keys(FINDINGS) as FindingId[]

  test('names what these tests set, all of it, once', () => {
    expect([...Object.keys(faults), ...Object.keys(diskFaults)].sort()).toEqual([...ids].sort())
  })

  test('is all that the source can find, and everything in it can be found', () => {
    const files = [
      'src/cli/verbs/doctor.ts',
      'src/cli/doctor/disk.ts',
      'src/cli/doctor/sqlite-file.ts',
      'src/drivers/redis/server-findings.ts',
      'src/drivers/mysql/server-findings.ts',
      'src/drivers/mysql/rights.ts',
      'src/stores.ts',
    ]
    const source = files
      .map((file) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))
      .join('\n')
    expect(ids.filter((id) => !source.includes(`'${id}'`))).toEqual([])
  })

  test('has a page on which each is explained', () => {
    const page = readFileSync(new URL('../../docs/reference/doctor.md', import.meta.url), 'utf8')
    expect(ids.filter((id) => !page.includes(`<a id="${id}"></a>`))).toEqual([])
  })
})

test('people see the mark, the name and the fix of each finding', async () => {
  const { args } = await stores.configured('appendfsync', 'no', 'always')
  const { spillway } = await import('../scenarios/served.ts')
  const { code, out } = await spillway(['doctor', ...args])
  expect(code).toBe(1)
  expect(out).toMatch(
    /^✗ redis +appendfsync = no: .* \[redis-appendfsync\]\n +fix: CONFIG SET appendfsync always, then CONFIG REWRITE/m,
  )
  expect(out).toMatch(/^✓ mariadb +sync_binlog = 1$/m)
})

test('a server that does not answer is named, and what the other one says is told all the same', async () => {
  await stores.global('sync_binlog', '0', '1')
  const gone = stores.fused({ redis: 'redis://127.0.0.1:1/0' })
  const { code, wrong } = await doctor({ args: [...gone, '--open-timeout-ms', '500ms'] })
  expect([code, wrong.map(({ id }) => id)]).toEqual([7, ['redis-unreachable', 'mariadb-sync-binlog']])
})

test('files that will be made where no folder is yet are no fault', async () => {
  const journal = `sqlite:${folderOfItsOwn()}/not/there/yet/journal.db`
  const args = ['--front', 'memory:', '--journal', journal, '--database', stores.mariadb.url]
  expect(await doctor({ args })).toMatchObject({ code: 0, wrong: [] })
})

test('a data folder in use: exit 5, and the pid of its owner', async () => {
  const { serve, spillway } = await import('../scenarios/served.ts')
  const folder = folderOfItsOwn()
  const server = await serve({ args: ['--data', folder] })
  try {
    const { code, err } = await spillway(['doctor', '--data', folder])
    expect([code, err]).toEqual([5, expect.stringContaining(String(server.pid))])
  } finally {
    await server.kill()
  }
})
