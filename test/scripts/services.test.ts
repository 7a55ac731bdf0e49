import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repoRoot } from '../../scripts/repo.ts'
import { onPath, toolPath, tools } from '../../scripts/services/tools.ts'

const services = (...args: string[]) =>
  spawnSync(process.execPath, [join(repoRoot, 'scripts', 'services.ts'), ...args], {
    cwd: repoRoot,
    encoding: 'utf8',
  })

test('a missing or unknown verb, tool or option is a usage error that lists what there is', () => {
  for (const args of [
    [],
    ['fly'],
    ['install'],
    ['install', 'nope'],
    ['status', 'x'],
    ['install', '--zap'],
    ['start', 'strace'],
    ['start', 'redis', '--port', 'many'],
    ['start', '--port', '7000'],
    ['stop', 'redis', '--port', '7000'],
    ['start', 'redis', '--even-if-present'],
  ]) {
    const { status, stderr } = services(...args)
    expect({ args, status }).toEqual({ args, status: 2 })
    expect(stderr).toContain('Usage: npm run services')
    expect(stderr).toContain('strace')
  }
})

test('--help is the usage on stdout, and no error', () => {
  expect(services('--help')).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('--port N'),
    stderr: '',
  })
})

test('a reader that goes away early (| head) is no error', () => {
  const { status, stdout, stderr } = spawnSync(
    'sh',
    ['-c', `"${process.execPath}" scripts/services.ts status | head -n 1`],
    { cwd: repoRoot, encoding: 'utf8' },
  )
  expect({ status, stderr, lines: stdout.trim().split('\n').length }).toEqual({
    status: 0,
    stderr: '',
    lines: 1,
  })
})

test('a mistyped verb, name or option is answered with the one that was probably meant', () => {
  expect(services('stpo').stderr).toContain('Did you mean stop?')
  expect(services('start', 'rdis').stderr).toContain('Did you mean redis?')
  expect(services('install', 'mariabd').stderr).toContain('Did you mean mariadb?')
  expect(services('start', '--prot', '1').stderr).toContain('Did you mean port?')
})

test('with --json stdout is one document', () => {
  const { stdout } = services('status', '--json')
  expect((JSON.parse(stdout) as { name: string }[]).map(({ name }) => name)).toEqual(Object.keys(tools))
})

test('status says of every tool where it is or how to get it', () => {
  const { status, stdout } = services('status')
  expect(status).toBe(0)
  for (const name of Object.keys(tools)) {
    expect(stdout).toMatch(
      new RegExp(`^${name}: (on PATH at|in the project's cache at|absent; npm run services)`, 'm'),
    )
  }
})

test('a tool on PATH comes before the copy in the cache', () => {
  for (const [name, tool] of Object.entries(tools)) {
    const path = onPath(tool.command)
    if (path !== undefined) expect(toolPath(name)).toBe(path)
  }
  expect(onPath('node', join(process.execPath, '..'))).toBe(process.execPath)
  expect(onPath('no-such-program')).toBeUndefined()
})
