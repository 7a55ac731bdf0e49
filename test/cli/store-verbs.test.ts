/**
 * `verify`, `doctor` and `ddl` on real stores.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Clients } from '../scenarios/load.ts'
import { Sandbox, drained } from '../scenarios/sandbox.ts'
import { projectFolder, serve, spillway } from '../scenarios/served.ts'

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = new Sandbox()
  const server = await serve({ args: ['--data', sandbox.path('data')] })
  const clients = new Clients()
  for (let n = 0; n < 10; n += 1) await clients.put(server.url, `key-${n % 4}`)
  await drained(server.url)
  await server.stop()
})
afterAll(() => sandbox.close())

interface VerifyJson {
  readonly ok: boolean
  readonly ledger: readonly { readonly accepted: number }[]
  readonly mismatches: readonly {
    readonly collection: string
    readonly key: string
    readonly store: string
  }[]
  readonly unchecked: unknown
}

describe('verify', () => {
  test('stores that agree: exit 0, the ledger counts every write', async () => {
    const { code, out } = await spillway(['verify', '--json', '--data', sandbox.path('data')])
    const report = JSON.parse(out) as VerifyJson
    expect(code).toBe(0)
    expect(Object.keys(report)).toEqual(['ok', 'ledger', 'mismatches', 'unchecked'])
    expect(report).toMatchObject({ ok: true, mismatches: [] })
    expect(report.ledger.reduce((sum, row) => sum + row.accepted, 0)).toBe(10)
    expect((await spillway(['verify', '--data', sandbox.path('data')])).out).toContain(
      'ok: ledger and stores agree',
    )
  })

  test('a row that somebody changed by hand is found: exit 6', async () => {
    const data = sandbox.copy('data', 'edited')
    const connection = new DatabaseSync(`${data}/app.db`)
    connection.exec(
      `UPDATE spillway_records SET value = CAST('{"n":666}' AS BLOB) WHERE record_key = 'key-2'`,
    )
    connection.close()
    const { code, out } = await spillway(['verify', '--json', '--data', data])
    const report = JSON.parse(out) as VerifyJson
    expect([code, report.ok]).toEqual([6, false])
    expect(report.mismatches).toEqual([expect.objectContaining({ collection: 'scenario', key: 'key-2' })])
  })

  test('a row that somebody deleted by hand is found', async () => {
    const data = sandbox.copy('data', 'deleted')
    const connection = new DatabaseSync(`${data}/app.db`)
    connection.exec(`DELETE FROM spillway_records WHERE record_key = 'key-1'`)
    connection.close()
    expect((await spillway(['verify', '--json', '--data', data])).code).toBe(6)
  })

  test('looking changes nothing', async () => {
    const data = sandbox.copy('data', 'looked')
    const rows = (): unknown => {
      const connection = new DatabaseSync(`${data}/app.db`, { readOnly: true })
      try {
        return connection.prepare('SELECT * FROM spillway_position').all()
      } finally {
        connection.close()
      }
    }
    const before = rows()
    await spillway(['verify', '--data', data])
    expect(rows()).toEqual(before)
  })
})

describe('doctor', () => {
  test('healthy stores: exit 0, a finding for runtime, disk, files and stores', async () => {
    const { code, out } = await spillway(['doctor', '--json', '--data', sandbox.path('data')])
    const report = JSON.parse(out) as {
      ok: boolean
      findings: { about: string; state: string; found: string }[]
    }
    expect([code, report.ok]).toEqual([0, true])
    expect(new Set(report.findings.map((finding) => finding.about))).toEqual(
      new Set(['runtime', 'disk', 'stores', 'ledger', 'journal', 'database']),
    )
  })

  test('a missing journal is bad, with its fix, exit 1', async () => {
    const data = sandbox.copy('data', 'no-journal')
    for (const end of ['', '-wal', '-shm']) rmSync(`${data}/journal.db${end}`, { force: true })
    const { code, out } = await spillway(['doctor', '--data', data])
    expect(code).toBe(1)
    expect(out).toMatch(/✗ stores[^\n]*\n\s+fix: Bring back the journal/)
  })
})

describe('ddl', () => {
  const config = (): string => {
    const file = sandbox.path('mapped.config.ts')
    writeFileSync(
      file,
      `import { collection } from '${projectFolder}src/index.ts'
export default {
  data: '${sandbox.path('mapped')}',
  collections: [collection('forms', { table: { name: 'form', key: '{candidate}', columns: { candidate: 'candidate', score: { column: 'score', as: 'int64' } } } })],
}`,
    )
    return file
  }

  test('prints what is missing and writes nothing; --apply executes it; then nothing is missing', async () => {
    const file = config()
    const printed = await spillway(['ddl', '--config', file])
    expect(printed.code).toBe(0)
    expect(printed.out).toContain('CREATE TABLE "form"')
    expect((await spillway(['ddl', '--config', file, '--apply'])).code).toBe(0)
    const again = await spillway(['ddl', '--config', file])
    expect([again.code, again.out]).toEqual([0, ''])
    const server = await serve({ args: ['--config', file] })
    const put = await fetch(`${server.url}/v1/records/forms/7?wait=landed`, {
      method: 'PUT',
      body: '{"candidate":"7","score":"12"}',
      headers: { 'content-type': 'application/json' },
    })
    expect([put.status, ((await put.json()) as { stage: string }).stage]).toEqual([200, 'landed'])
  })

  test('the SQL is plain data on stdout, so that it can be piped', async () => {
    const { out } = await spillway(['ddl', '--data', sandbox.path('fresh')])
    const connection = new DatabaseSync(':memory:')
    connection.exec(out)
    expect(
      connection.prepare(`SELECT count(*) AS n FROM sqlite_schema WHERE name LIKE 'spillway%'`).get(),
    ).toMatchObject({ n: 7 })
    connection.close()
    expect(() => readFileSync(sandbox.path('fresh', 'app.db'))).toThrow('ENOENT')
  })
})
