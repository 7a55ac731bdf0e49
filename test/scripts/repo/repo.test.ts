import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bunPath, repoRoot } from '../../../scripts/repo.ts'

// suite-runner.test.ts runs this folder as its sample suite: two tests, quick and real.
test('the root of the repository is where its package.json is', () => {
  const { name } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as { name: string }
  expect(name).toBe('spillway')
})

test("Bun's binary lies in the project's own node_modules, or there is none", () => {
  expect(bunPath() ?? join(repoRoot, 'node_modules')).toContain(join(repoRoot, 'node_modules'))
})
