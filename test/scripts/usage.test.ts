import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repoRoot } from '../../scripts/repo.ts'

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: repoRoot, encoding: 'utf8' })
  return { status, stdout, stderr }
}

test.each(['chaos', 'sim'])('npm run %s -- --help says how it is used, and a typo is one line', (name) => {
  const script = join('scripts', `${name}.ts`)
  expect(run(script, '--help')).toEqual({
    status: 0,
    stdout: expect.stringMatching(new RegExp(`^\`npm run ${name} --.*--seed`, 's')),
    stderr: '',
  })
  expect(run(script, '--seeed', '1')).toEqual({
    status: 2,
    stdout: '',
    stderr: expect.stringMatching(new RegExp(`^${name}: .*--seeed[^]*--help\n$`)),
  })
})
