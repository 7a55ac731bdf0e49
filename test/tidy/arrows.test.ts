import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { repoRoot } from '../../scripts/repo.ts'

// A tiny tree of files whose imports are all wrong, one for each rule: a rule that no longer fires is a wish.
const wrongImports: Record<string, string[]> = {
  'src/errors.ts': ['./kit/clock.ts'],
  'src/kit/clock.ts': ['../model/fold.ts'],
  'src/model/fold.ts': ['../ports/front.ts', 'node:fs'],
  'src/ports/front.ts': ['../engine/land.ts'],
  'src/engine/land.ts': ['../drivers/memory/front.ts'],
  'src/runtime/listen.ts': ['../model/fold.ts'],
  'src/options/tier.ts': ['../engine/land.ts'],
  'src/drivers/memory/front.ts': ['../sqlite/journal.ts', '../../engine/land.ts'],
  'src/drivers/sqlite/journal.ts': ['fast-check', './nowhere.ts'],
  'src/open.ts': ['./server/routes.ts'],
  'src/index.ts': ['./testing/index.ts'],
  'src/testing/index.ts': ['../drivers/sqlite/journal.ts'],
  'src/server/routes.ts': ['../open.ts', '../drivers/memory/front.ts'],
  'src/client/index.ts': ['../index.ts'],
  'src/cli/main.ts': ['../engine/land.ts', '../../test/scenarios/kill-verdict.ts'],
  'test/scenarios/kill-verdict.ts': ['../../src/index.ts'],
  'bench/save.ts': ['../src/engine/land.ts'],
  'apps/registration/checker/check.ts': ['../src/main.ts'],
  'apps/registration/src/main.ts': ['../../../src/kit/clock.ts'],
}

let root = ''

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'spillway-arrows-'))
  for (const [file, imports] of Object.entries(wrongImports)) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), imports.map((path) => `import '${path}'\n`).join(''))
  }
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.mjs']) {
    copyFileSync(join(repoRoot, file), join(root, file))
  }
  symlinkSync(join(repoRoot, 'node_modules'), join(root, 'node_modules'))
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

const depcruise = (cwd: string) =>
  spawnSync(
    process.execPath,
    [
      join(repoRoot, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
      '--config',
      '.dependency-cruiser.mjs',
      '--output-type',
      'json',
      'src',
      'test',
      'bench',
      'apps',
    ],
    { cwd, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  )

test('every rule about imports fires on an import that breaks it, and says why', () => {
  const { summary } = JSON.parse(depcruise(root).stdout) as {
    summary: {
      violations: { rule: { name: string } }[]
      ruleSetUsed: { forbidden: { name: string; comment: string }[] }
    }
  }
  const fired = new Set(summary.violations.map(({ rule }) => rule.name))
  const rules = summary.ruleSetUsed.forbidden
  expect(rules.length).toBeGreaterThan(20)
  expect(rules.map(({ name }) => name).filter((name) => !fired.has(name))).toEqual([])
  expect(rules.filter(({ comment }) => comment.length < 40).map(({ name }) => name)).toEqual([])
})
