/**
 * The verbs as a script sees them: what is on stdout, what is on stderr, and the exit code. Real processes.
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ERRORS } from '../../src/errors.ts'
import { Sandbox } from '../scenarios/sandbox.ts'
import { commandOf, serve, spillway } from '../scenarios/served.ts'
import type { Served } from '../scenarios/served.ts'

let sandbox: Sandbox
let server: Served
beforeAll(async () => {
  sandbox = new Sandbox()
  server = await serve({ args: ['--data', sandbox.path('data')] })
})
afterAll(() => sandbox.close())

const at = (...args: string[]) => spillway([...args, '--url', server.url])

/** Runs a verb with a text on stdin. */
function withStdin(
  input: string,
  ...args: string[]
): { status: number | null; stdout: string; stderr: string } {
  const [file = '', ...command] = commandOf({})
  return spawnSync(file, [...command, ...args, '--url', server.url], {
    input,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  })
}

describe('put, get, delete, trace', () => {
  test('a value comes back as the bytes that were put, the version on stdout, the rest on stderr', async () => {
    const text = '{"b":1.50,  "a":[1,2]}'
    const put = await at('put', 'notes', 'one', text)
    expect([put.code, put.out]).toEqual([0, expect.stringMatching(/^\d+\n$/)])
    expect(put.err).toContain('visible')
    const get = await at('get', 'notes', 'one')
    expect([get.code, get.out]).toEqual([0, `${text}\n`])
  })

  test('--json gives the receipt and the record', async () => {
    const receipt = JSON.parse((await at('put', 'notes', 'two', '{"n":2}', '--json')).out) as {
      version: number
    }
    expect(receipt).toEqual({
      collection: 'notes',
      key: 'two',
      version: expect.any(Number) as number,
      stage: 'visible',
    })
    const record = JSON.parse(
      (await at('get', 'notes', 'two', '--json', '--at-least', String(receipt.version))).out,
    ) as unknown
    expect(record).toEqual({ collection: 'notes', key: 'two', version: receipt.version, value: { n: 2 } })
  })

  test('a value comes from stdin or a file, under any key', async () => {
    expect(withStdin('{"from":"stdin"}', 'put', 'notes', 'a/b ../ü', '-').status).toBe(0)
    expect((await at('get', 'notes', 'a/b ../ü')).out).toBe('{"from":"stdin"}\n')
    writeFileSync(sandbox.path('value.json'), '{"from":"file"}')
    expect(
      (await at('put', 'notes', 'file', `@${sandbox.path('value.json')}`, '--wait', 'landed', '--json')).out,
    ).toContain('"stage":"landed"')
    expect((await at('get', 'notes', 'file')).out).toBe('{"from":"file"}\n')
  })

  test('conditions: a record that is there is not created again, exit 5; a delete on the right version goes', async () => {
    const version = (await at('put', 'notes', 'three', '1', '--if-version', '0')).out.trim()
    const again = await at('put', 'notes', 'three', '2', '--if-version', '0', '--json')
    expect([again.code, again.out]).toEqual([5, ''])
    expect(JSON.parse(again.err)).toMatchObject({ code: 'version-mismatch' })
    expect((await at('delete', 'notes', 'three', '--if-version', version)).code).toBe(0)
    expect((await at('get', 'notes', 'three')).code).toBe(3)
  })

  test('trace says where a key is', async () => {
    await at('put', 'notes', 'traced', '1', '--wait', 'landed')
    expect(JSON.parse((await at('trace', 'notes', 'traced', '--json')).out)).toMatchObject({
      collection: 'notes',
      key: 'traced',
      front: { state: 'held' },
      parked: null,
    })
    expect((await at('trace', 'notes', 'traced')).out).toContain('database   version')
  })
})

describe('exit codes', () => {
  test.each([
    ['an unknown verb offers the nearest', ['sttus'], 2, /Did you mean status/],
    [
      'an unknown flag offers the nearest',
      ['get', 'a', 'b', '--timout-ms', '1'],
      2,
      /Did you mean --timeout-ms/,
    ],
    ['a missing argument', ['get', 'notes'], 2, /missing required argument/],
    ['a bad value of a flag', ['put', 'notes', 'k', '1', '--if-version', '-1'], 2, /--if-version must be/],
    ['a bad URL', ['status', '--url', 'ftp://x'], 2, /--url must be/],
    ['a verb of a later version', ['quota', 'ls'], 2, /not in this version/],
    ['an unknown error code', ['errors', 'parkd'], 3, /Did you mean parked/],
    ['no server', ['status', '--url', 'http://127.0.0.1:9'], 7, /unavailable/],
    ['no data folder', ['verify', '--data', '/nowhere/at/all'], 3, /no data folder/],
    ['a host without a token', ['serve', '--host', '0.0.0.0', '--port', '0'], 2, /token/],
    ['a port out of range', ['serve', '--port', '70000'], 2, /--port must be/],
    ['a store that this version has not', ['serve', '--port', '0', '--front', 'kafka://x'], 2, /memory:/],
  ])('%s', async (_, args, code, message) => {
    const result = await spillway(args, { env: { SPILLWAY_DATA: sandbox.path('unused') } })
    expect([result.code, result.out]).toEqual([code, ''])
    expect(result.err).toMatch(message)
    expect(result.err).not.toContain('    at ')
  })

  test.each([
    ['a missing record', ['get', 'notes', 'nobody'], 3],
    ['a value that is not JSON', ['put', 'notes', 'k', '{no'], 2],
    ['a bad collection name', ['put', 'Notes', 'k', '1'], 2],
    ['nothing parked there', ['parked', 'show', 'notes', 'k'], 3],
    ['a resolve without a version', ['parked', 'resolve', 'notes', 'k', '--with', 'delete'], 2],
  ])('%s', async (_, args, code) => {
    const result = await at(...args)
    expect([result.code, result.out], result.err).toEqual([code, ''])
  })
})

describe('status and parked', () => {
  test('status has the ledger, for people and for programs', async () => {
    const status = JSON.parse((await at('status', '--json')).out) as {
      totals: { accepted: number }
      profile: string
    }
    expect(status.profile).toBe('embedded')
    expect(status.totals.accepted).toBeGreaterThan(0)
    expect((await at('status')).out).toMatch(/accepted\s+landed\s+superseded/)
  })

  test('an empty list of parked writes is empty data and a sentence for people', async () => {
    const people = await at('parked', 'ls')
    expect([people.code, people.out, people.err]).toEqual([0, '', 'Nothing is parked.\n'])
    expect(JSON.parse((await at('parked', 'ls', '--json')).out)).toEqual({ items: [], next: null })
  })
})

describe('errors, version, help', () => {
  test('errors prints the whole catalogue', async () => {
    const rows = JSON.parse((await spillway(['errors', '--json'])).out) as { code: string; status: number }[]
    expect(rows.map((row) => [row.code, row.status])).toEqual(
      Object.entries(ERRORS).map(([code, row]) => [code, row.status]),
    )
  })

  test('a reader that goes away is no failure', () => {
    const [file = '', ...command] = commandOf({})
    const result = spawnSync('sh', ['-c', '"$@" errors | head -1; exit 0', 'sh', file, ...command], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    })
    expect(result.stderr).toBe('')
    expect(result.stdout).toMatch(/^invalid\b/)
  })

  test('help names every verb of this version, and no other', async () => {
    const { code, out } = await spillway(['--help'])
    expect(code).toBe(0)
    for (const verb of [
      'dev',
      'serve',
      'demo',
      'bench',
      'verify',
      'doctor',
      'ddl',
      'get',
      'put',
      'delete',
      'trace',
      'status',
      'parked',
      'errors',
      'version',
    ]) {
      expect(out).toMatch(new RegExp(`^  ${verb}\\b`, 'm'))
    }
    expect(out).not.toMatch(/quota|intake/)
  })

  test('version', async () => {
    expect(JSON.parse((await spillway(['version', '--json'])).out)).toMatchObject({ runtime: 'node' })
  })
})
