import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repoRoot = fileURLToPath(new URL('..', import.meta.url))

/** Everything that scripts fetch or write for themselves lives here, outside git and inside the project. */
export const cacheFolder = join(repoRoot, '.cache')

/** Bun's package links no command, so its binary is called by path; undefined where the platform has none. */
export const bunPath = (): string | undefined =>
  ['linux-x64', 'linux-aarch64', 'darwin-aarch64']
    .map((platform) => join(repoRoot, 'node_modules', '@oven', `bun-${platform}`, 'bin', 'bun'))
    .find((path) => existsSync(path))

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`.padStart(7)
