import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { privateMariadb, privateRedis } from '../servers/private-servers.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const redis = await privateRedis({ maxmemory: '256mb' })
const mariadb = await privateMariadb()

interface Report {
  readonly code: number
  readonly ok: boolean
  readonly findings: readonly { about: string; state: string; found: string; fix?: string }[]
}

function doctor(journal: string, ...flags: string[]): Promise<Report> {
  const stores = ['--front', redis.url, '--journal', journal, '--database', mariadb.url]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [CLI, 'doctor', '--json', ...stores, ...flags], (error, out, said) => {
      const code = typeof error?.code === 'number' ? error.code : 0
      if (out === '') reject(new Error(`doctor ended with ${code} and said:\n${said}`))
      else resolve({ code, ...(JSON.parse(out) as Omit<Report, 'code'>) })
    })
  })
}

const wrong = ({ findings }: Report): string[] =>
  findings
    .filter(({ about, state }) => state !== 'ok' && about !== 'runtime')
    .map(({ about, state, found }) => `${about} ${state}: ${found}`)

test('a healthy Redis and MariaDB: exit 0, nothing to mend, before the first start too', async () => {
  const report = await doctor('same')
  expect(wrong(report)).toEqual([])
  expect([report.code, report.ok]).toEqual([0, true])
})

test('badly set servers: exit 1, each setting by name and with its fix', { timeout: 60_000 }, async () => {
  await redis.ask('CONFIG SET appendfsync everysec')
  await redis.ask('CONFIG SET maxmemory-policy allkeys-lru')
  await mariadb.ask('SET GLOBAL innodb_flush_log_at_trx_commit = 2', 'SET GLOBAL sync_binlog = 0')
  try {
    const report = await doctor('same')
    expect([report.code, report.ok]).toEqual([1, false])
    const found = wrong(report).join('\n')
    for (const setting of [
      'appendfsync',
      'maxmemory-policy',
      'innodb_flush_log_at_trx_commit',
      'sync_binlog',
    ])
      expect(found).toContain(setting)
    expect(report.findings.filter(({ state, fix }) => state !== 'ok' && !fix)).toEqual([])
  } finally {
    await redis.ask('CONFIG SET appendfsync always')
    await redis.ask('CONFIG SET maxmemory-policy noeviction')
    await mariadb.ask('SET GLOBAL innodb_flush_log_at_trx_commit = 1', 'SET GLOBAL sync_binlog = 1')
  }
})

test('a server that does not answer: exit 7, and it is named', async () => {
  const gone = ['--front', 'redis://127.0.0.1:1', '--journal', 'same', '--database', mariadb.url]
  const ended = new Promise<{ code: unknown; said: string }>((resolve) => {
    execFile(process.execPath, [CLI, 'doctor', ...gone, '--open-timeout-ms', '500ms'], (error, _out, said) =>
      resolve({ code: error?.code, said }),
    )
  })
  expect(await ended).toEqual({ code: 7, said: expect.stringContaining('127.0.0.1:1') })
})
