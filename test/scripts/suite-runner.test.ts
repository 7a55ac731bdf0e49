import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { cacheFolder, repoRoot } from '../../scripts/repo.ts'
import type { Suite } from '../../scripts/suites/suite-list.ts'

const made: string[] = []

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const listOf = (...suites: Partial<Suite>[]): string => {
  mkdirSync(cacheFolder, { recursive: true })
  const folder = mkdtempSync(join(cacheFolder, 'runner-'))
  made.push(folder)
  const file = join(folder, 'suites.json')
  const defaults = { proves: 'x', folder: 'test/scripts/repo', testsMin: { node: 1 } }
  writeFileSync(file, JSON.stringify({ suites: suites.map((suite) => ({ ...defaults, ...suite })) }))
  return file
}

const runner = (args: string[], env: Record<string, string | undefined> = {}) => {
  const done = spawnSync(process.execPath, [join(repoRoot, 'scripts', 'test.ts'), ...args], {
    cwd: repoRoot,
    encoding: 'utf8',
    env: { ...process.env, CI: undefined, ...env },
  })
  return {
    code: done.status,
    out: done.stdout,
    err: done.stderr,
    last: done.stdout.trim().split('\n').at(-1),
  }
}

test('a suite that runs what it owes is green, and the last line counts it', () => {
  const { code, last } = runner(['--suites', listOf({ name: 'enough', testsMin: { node: 2 } })])
  expect({ code, last }).toEqual({ code: 0, last: '2 passed, 0 failed' })
})

test('a suite that runs fewer tests than its least number fails', () => {
  const { code, out, last } = runner(['--suites', listOf({ name: 'short', testsMin: { node: 3 } })])
  expect({ code, last }).toEqual({ code: 1, last: '2 passed, 1 failed' })
  expect(out).toContain('ran 2 tests, but owes at least 3')
})

test('a suite whose folder holds no test fails', () => {
  const { code, last } = runner(['--suites', listOf({ name: 'empty', folder: 'test/scripts/nothing' })])
  expect({ code, last }).toEqual({ code: 1, last: '0 passed, 1 failed' })
})

test('a suite that is not done in its time is ended and fails', () => {
  const { code, out } = runner(['--suites', listOf({ name: 'slow', deadlineSeconds: 0.01 })])
  expect(code).toBe(1)
  expect(out).toContain('not done after its 0.01 s')
})

test('a missing need is named with how to get it, left out by hand and a failure with CI=true', () => {
  const file = listOf({ name: 'needy', needs: ['never'] }, { name: 'fine', testsMin: { node: 2 } })
  const byHand = runner(['--suites', file])
  expect({ code: byHand.code, last: byHand.last }).toEqual({ code: 0, last: '2 passed, 0 failed' })
  expect(byHand.out).toMatch(/LEFT OUT +needy +node +needs never: /)
  expect(byHand.out).toMatch(/Left out .*needy on node/)
  const inCi = runner(['--suites', file], { CI: 'true' })
  expect({ code: inCi.code, last: inCi.last }).toEqual({ code: 1, last: '2 passed, 1 failed' })
})

test('an unknown suite, runtime or option is a usage error', () => {
  expect(runner(['--suite', 'nope']).code).toBe(2)
  expect(runner(['--runtime', 'deno']).code).toBe(2)
  expect(runner(['--zap']).code).toBe(2)
})
