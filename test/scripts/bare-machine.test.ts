/**
 * `npm test` and `npm run services` on a machine that has no Redis and no MariaDB: a copy of the scripts without the
 * cache, and a PATH with nothing but what each test puts there.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { repoRoot } from '../../scripts/repo.ts'
import { onPath } from '../../scripts/services/tools.ts'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

interface Machine {
  readonly folder: string
  /** A command that is on PATH: a line of its name and arguments goes to `calls`, then `script` runs. */
  command(name: string, script?: string): void
  /** What was called so far. */
  calls(): string[]
  run(script: string, args: readonly string[], more?: { env?: object; uid?: number }): Ran
}

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
  readonly last: string | undefined
}

function bareMachine(): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-bare-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of [
    'scripts',
    'src',
    'package.json',
    'tsconfig.json',
    'vitest.config.ts',
    'test/scripts/repo',
  ])
    cpSync(join(repoRoot, name), join(folder, name), { recursive: true })
  mkdirSync(join(folder, 'node_modules'))
  for (const name of readdirSync(join(repoRoot, 'node_modules')))
    symlinkSync(join(repoRoot, 'node_modules', name), join(folder, 'node_modules', name))
  const bin = join(folder, 'bin')
  const log = join(folder, 'calls')
  mkdirSync(bin)
  writeFileSync(log, '')
  chmodSync(log, 0o666)
  return {
    folder,
    command(name, script = 'exit 0') {
      const file = join(bin, name)
      writeFileSync(file, `#!/bin/sh\necho "${name} $*" >> ${log}\n${script}\n`)
      chmodSync(file, 0o755)
    },
    calls: () => readFileSync(log, 'utf8').split('\n').slice(0, -1),
    run(script, args, { env = {}, uid } = {}) {
      if (uid !== undefined) {
        for (const path of ['.', 'node_modules']) chownSync(join(folder, path), uid, uid)
      }
      const done = spawnSync(process.execPath, [join(folder, 'scripts', script), ...args], {
        cwd: folder,
        encoding: 'utf8',
        env: { PATH: bin, HOME: folder, ...env },
        ...(uid === undefined ? {} : { uid, gid: uid }),
      })
      return {
        code: done.status,
        out: done.stdout,
        err: done.stderr,
        last: done.stdout.trim().split('\n').at(-1),
      }
    },
  }
}

/** Where daemons lie is looked at beside any PATH: what is there cannot be hidden. */
const hidden = onPath('redis-server', '/nowhere') === undefined

function suites(machine: Machine, ...list: object[]): string {
  const file = join(machine.folder, 'suites.json')
  const defaults = { proves: 'x', folder: 'test/scripts/repo', testsMin: { node: 1 } }
  writeFileSync(file, JSON.stringify({ suites: list.map((suite) => ({ ...defaults, ...suite })) }))
  return file
}

const needy = { name: 'needy', needs: ['redis', 'mariadb'] }

test('where nothing can be fetched, npm test names the suite, what it needs and how to get it; CI=true fails', () => {
  const machine = bareMachine()
  const file = suites(machine, needy, { name: 'fine', testsMin: { node: 2 } })
  const { code, out, last } = machine.run('test.ts', ['--suites', file], { env: { PATH: '' } })
  expect({ code, last }).toEqual({ code: 0, last: '2 passed, 0 failed' })
  expect(out).toMatch(/needs redis, which is not on this machine; fetching it into the project's cache/)
  expect(out).toMatch(/redis-server can only be fetched where Debian's apt-get, dpkg, ldd can be run/)
  expect(out).toMatch(
    /LEFT OUT +needy +node +needs redis: npm run services -- install redis, or name a server of yours: SPILLWAY_TEST_REDIS_URL=….*needs mariadb: .*SPILLWAY_TEST_MYSQL_URL/,
  )
  expect(out).toMatch(/Left out for want of what they need \(a failure with CI=true\): needy on node/)
  const inCi = machine.run('test.ts', ['--suites', file], { env: { PATH: '', CI: 'true' } })
  expect({ code: inCi.code, last: inCi.last }).toEqual({ code: 1, last: '2 passed, 1 failed' })
  expect(inCi.out).toMatch(/FAIL +needy/)
})

test('a server that is named by URL needs no program', () => {
  const machine = bareMachine()
  const env = {
    SPILLWAY_TEST_REDIS_URL: 'redis://127.0.0.1:1/0',
    SPILLWAY_TEST_MYSQL_URL: 'mysql://root@127.0.0.1:1',
    CI: 'true',
  }
  const file = suites(machine, { ...needy, testsMin: { node: 2 } })
  const { code, out, last } = machine.run('test.ts', ['--suites', file], { env })
  expect({ code, last, out }).toEqual({ code: 0, last: '2 passed, 0 failed', out })
  expect(out).not.toContain('fetching')
})

/** An apt-get that knows packages and cannot download any; `install` puts the program on PATH. */
function failingAptGet(machine: Machine): void {
  const program = join(machine.folder, 'bin', 'redis-server')
  const install = `printf '#!/bin/sh\\necho "redis-server $*"\\n' > ${program}; chmod 755 ${program}`
  machine.command(
    'apt-get',
    `case "$*" in
      *--simulate*) echo "Inst redis-server (7.0)"; exit 0;;
      *download*) echo "E: Failed to fetch" >&2; exit 100;;
      *"install -q"*) ${install};;
      esac`,
  )
  machine.command('dpkg')
  machine.command('ldd')
  for (const name of ['cat', 'chmod', 'printf']) {
    const real = onPath(name, '/usr/bin:/bin')
    if (real !== undefined) symlinkSync(real, join(machine.folder, 'bin', name))
  }
}

test.runIf(hidden && isRoot)(
  'as root, apt-get install into the system is the last resort: only after fetching failed, and it is said',
  () => {
    const machine = bareMachine()
    failingAptGet(machine)
    const { code, out } = machine.run('services.ts', ['install', 'redis'])
    expect({ code, out }).toEqual({ code: 0, out })
    const verbs = machine.calls().map((call) => /update|--simulate|download|install -q/.exec(call)?.[0])
    expect(verbs.filter(Boolean)).toEqual(['update', '--simulate', 'download', 'update', 'install -q'])
    expect(out).toMatch(/could not be fetched: apt-get .*Failed to fetch/)
    expect(out).toMatch(
      /installing redis-server, redis-tools into the system \(apt-get install\), as we are root/,
    )
    expect(out).toMatch(/installed at \S+\/bin\/redis-server/)
  },
)

test.runIf(hidden && isRoot)('as another user the system is never touched: it fails, and says why', () => {
  const machine = bareMachine()
  failingAptGet(machine)
  const { code, err } = machine.run('services.ts', ['install', 'redis'], { uid: NOBODY })
  expect([code, err]).toEqual([1, expect.stringMatching(/redis: apt-get .*Failed to fetch/)])
  expect(machine.calls().filter((call) => call.includes('install -q'))).toEqual([])
  expect(existsSync(join(machine.folder, 'bin', 'redis-server'))).toBe(false)
})
