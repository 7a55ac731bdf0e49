/**
 * `npm run check`: everything that can be said about the code without running it, one line a step.
 * All steps run even after one failed, so that one round shows all there is to mend; exit 1 if any did.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { repoRoot, seconds } from './repo.ts'

const bin = (name: string) => join(repoRoot, 'node_modules', '.bin', name)
const cruised = ['src', 'test', 'scripts', 'bench', 'apps'].filter((folder) =>
  existsSync(join(repoRoot, folder)),
)

const steps = [
  { name: 'format', proves: 'oxfmt has nothing to change', command: ['oxfmt', '--check', '.'] },
  {
    name: 'lint',
    proves: 'no clock, timer, randomness or id outside src/kit, among other rules',
    command: ['oxlint', '--quiet'],
  },
  {
    name: 'types',
    proves: 'tsc, strict',
    command: ['tsc', '-p', 'tsconfig.json', '--incremental', '--tsBuildInfoFile', '.cache/tsc.tsbuildinfo'],
  },
  {
    name: 'arrows',
    proves: 'the imports follow the structure and have no cycle',
    command: ['depcruise', '--config', '.dependency-cruiser.mjs', '--output-type', 'err-long', ...cruised],
  },
  {
    name: 'dead code',
    proves: 'every file, export and dependency is used',
    command: ['knip', '--no-progress', '--no-config-hints'],
  },
]

const only = process.argv.slice(2)
const unknown = only.filter((name) => !steps.some((step) => step.name === name))
if (unknown.length > 0) {
  console.error(
    `check: no step is called ${unknown.join(', ')}; the steps are ${steps.map((step) => step.name).join(', ')}`,
  )
  process.exit(2)
}

let failed = 0
for (const { name, proves, command } of steps) {
  if (only.length > 0 && !only.includes(name)) continue
  const [program = '', ...args] = command
  const from = performance.now()
  const run = spawnSync(bin(program), args, {
    cwd: repoRoot,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  })
  const took = seconds(performance.now() - from)
  if (run.status === 0) {
    console.log(`ok    ${name.padEnd(10)} ${took}  ${proves}`)
    continue
  }
  failed += 1
  console.log(`FAIL  ${name.padEnd(10)} ${took}  ${proves}`)
  const output =
    `${run.stdout ?? ''}${run.stderr ?? ''}`.trim() || String(run.error ?? `ended with ${run.signal}`)
  console.log(stripVTControlCharacters(output).replace(/^/gm, '      '))
  if (name === 'format') console.log('      To mend it: npm run format')
}
if (failed > 0) console.log(`${failed} of ${steps.length} checks failed`)
process.exit(failed > 0 ? 1 : 0)
