/**
 * `serve` and `dev`: settings from all places, refusals, the ready line, tokens.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Sandbox } from '../scenarios/sandbox.ts'
import { bunFile, projectFolder, serve, spillway } from '../scenarios/served.ts'
import type { RuntimeName } from '../scenarios/served.ts'
import type { AddressInfo } from 'node:net'

let sandbox: Sandbox
beforeEach(() => {
  sandbox = new Sandbox()
})
afterEach(() => sandbox.close())

const runtimes: RuntimeName[] = bunFile === undefined ? ['node'] : ['node', 'bun']

function config(name: string, text: string): string {
  const file = sandbox.path(name)
  writeFileSync(file, text)
  return file
}

describe.each(runtimes)('started on node, serving on %s', (runtime) => {
  test('stdout has exactly the ready line, its pid serves and stops with 0, stderr says what runs', async () => {
    // Started on Node with --runtime bun, the process becomes Bun and keeps its pid.
    const server = await serve({ args: ['--data', sandbox.path('data'), '--runtime', runtime] })
    expect(server.pid).toBe(server.child.pid)
    expect(JSON.parse(server.out())).toEqual({ ready: true, url: server.url, pid: server.pid, role: 'all' })
    expect(server.err()).toContain(`on ${runtime} `)
    expect(server.err()).toMatch(/profile\s+embedded: .*survive kill -9/)
    expect(server.err()).toContain(sandbox.path('data'))
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200)
    expect(await server.stop()).toEqual({ code: 0, signal: null })
    expect(server.out().split('\n')).toHaveLength(2)
  })
})

describe('settings', () => {
  test('a TypeScript config module; a variable goes before it, a flag before both', async () => {
    const file = config(
      'spillway.config.ts',
      `import { collection } from '${projectFolder}src/index.ts'
const data: string = '${sandbox.path('from-file')}'
export default { data, collections: [collection('forms')], partitions: 4, server: { token: 'from-file' } }`,
    )
    const server = await serve({ args: ['--config', file], env: { SPILLWAY_TOKEN: 'from-environment' } })
    const ask = (token: string) =>
      fetch(`${server.url}/v1/status`, { headers: { authorization: `Bearer ${token}` } })
    expect([(await ask('from-file')).status, (await ask('from-environment')).status]).toEqual([401, 200])
    const { partitions } = (await (await ask('from-environment')).json()) as { partitions: unknown[] }
    expect(partitions).toHaveLength(4)
    expect(existsSync(sandbox.path('from-file', 'journal.db'))).toBe(true)
    const denied = await spillway(['put', 'forms', 'k', '1', '--url', server.url])
    expect(denied.code).toBe(1)
    const undeclared = await spillway([
      'put',
      'other',
      'k',
      '1',
      '--url',
      server.url,
      '--token',
      'from-environment',
    ])
    expect([undeclared.code, undeclared.err]).toEqual([2, expect.stringContaining('invalid')])
    writeFileSync(sandbox.path('token'), ' from-environment\n')
    expect(
      (await spillway(['put', 'forms', 'k', '1', '--url', server.url, '--token-file', sandbox.path('token')]))
        .code,
    ).toBe(0)
  })

  test('a variable that is not known is a warning that offers the nearest', async () => {
    const { code, err } = await spillway(['version'], { env: { SPILLWAY_PROT: '1' } })
    expect([code, err]).toEqual([0, expect.stringContaining('Did you mean SPILLWAY_PORT?')])
  })

  test.each([
    ['throws', 'throw new Error("no database today")', /could not be loaded: Error: no database today/],
    ['has no default export', 'export const options = {}', /has no default export/],
    ['has a syntax error', 'export default {', /could not be loaded/],
    ['has an unknown key', 'export default { dta: "x" }', /no option "dta"\. Did you mean data\?/],
    ['is no object', 'export default 7', /must be an object/],
    ['has a wrong value', 'export default { server: { port: "x" } }', /port must be a whole number/],
  ])('a config that %s is refused by name, exit 2', async (_, text, message) => {
    const file = config('bad.config.mjs', text)
    const { code, out, err } = await spillway(['serve', '--port', '0', '--config', file])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
    expect(err).toContain('bad.config.mjs')
  })

  test('a config module in a package of type commonjs is refused with the name that it needs', async () => {
    config('package.json', '{"type":"commonjs"}')
    const file = config('some.config.ts', "import 'node:fs'\nexport default {}")
    const { code, err } = await spillway(['serve', '--port', '0', '--runtime', 'node', '--config', file])
    expect([code, err]).toEqual([2, expect.stringContaining('Name it .mts')])
  })
})

describe('refused starts leave with 1 and say why', () => {
  test('a data path that is a file', async () => {
    const file = config('file', 'x')
    for (const data of [file, `${file}/below`]) {
      const { code, err } = await spillway(['serve', '--port', '0', '--data', data])
      expect([code, err]).toEqual([1, expect.stringContaining('is a file')])
    }
  })

  test('a role that does not land, where no other process could', async () => {
    const args = ['serve', '--port', '0', '--role', 'api', '--data', sandbox.path('data')]
    const { code, err } = await spillway(args)
    expect([code, err]).toEqual([2, expect.stringContaining('--role api does not land')])
    expect(existsSync(sandbox.path('data'))).toBe(false)
  })

  test.runIf(existsSync('/proc/self'))('a data path where no folder can be made', async () => {
    const { code, err } = await spillway(['serve', '--port', '0', '--data', '/proc/spillway/data'])
    expect([code, err]).toEqual([1, expect.stringContaining('cannot be made')])
  })

  test('a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    try {
      await new Promise((resolve) => other.once('listening', resolve))
      const { port } = other.address() as AddressInfo
      const { code, err, out } = await spillway([
        'serve',
        '--data',
        sandbox.path('data'),
        '--port',
        String(port),
      ])
      expect([code, out]).toEqual([1, ''])
      expect(err).toContain(String(port))
    } finally {
      other.close()
    }
  })
})

test('dev serves from a folder of its own, prints a curl line that works, and leaves nothing behind', async () => {
  const server = await serve({ args: [], verb: 'dev' })
  const folder = /data\s+(\S+)/.exec(server.err())?.[1] ?? ''
  expect(existsSync(folder)).toBe(true)
  expect(server.err()).toContain(`${server.url}/v1/records/notes/hello`)
  const put = await fetch(`${server.url}/v1/records/notes/hello`, {
    method: 'PUT',
    body: '{"text":"world"}',
    headers: { 'content-type': 'application/json' },
  })
  expect(put.status).toBe(200)
  expect((await server.stop()).code).toBe(0)
  expect(existsSync(folder)).toBe(false)
})
