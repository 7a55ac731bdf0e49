/**
 * Makes dist/, which is what the package ships: Node refuses `.ts` files inside node_modules.
 * tsc rewrites the `.ts` of relative imports; whatever else lies in src (Lua scripts) is copied beside it.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { repoRoot } from './repo.ts'

const dist = join(repoRoot, 'dist')
rmSync(dist, { recursive: true, force: true })

const tsc = spawnSync(join(repoRoot, 'node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: repoRoot,
  stdio: 'inherit',
})
if (tsc.status !== 0) process.exit(1)

for (const file of globSync('**/*.{lua,sql,json}', { cwd: join(repoRoot, 'src') })) {
  cpSync(join(repoRoot, 'src', file), join(dist, file))
}
const command = join(dist, 'cli', 'main.js')
if (existsSync(command)) chmodSync(command, 0o755)
