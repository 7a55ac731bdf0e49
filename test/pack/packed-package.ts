import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { bunPath, repoRoot } from '../../scripts/repo.ts'
import { onPath } from '../../scripts/services/tools.ts'

export type Ran = { code: number | null; out: string; err: string }
export type Runtime = 'node' | 'bun'

export type PackedPackage = {
  /** The files in the tarball, as npm lists them. */
  files: string[]
  tarballBytes: number
  /** The empty folder it was installed in. */
  folder: string
  /** Where the package itself lies in there. */
  packageFolder: string
  run: (runtime: Runtime, ...args: string[]) => Ran
  /** The `spillway` command as a user types it: through npx, or through Bun's own. */
  spillway: (runtime: Runtime, ...args: string[]) => Ran
  write: (file: string, text: string) => string
  remove: () => void
}

const stepTimeoutMs = 180_000

// npm tells scripts about itself in npm_* variables; inherited, they would point a second npm at this repository.
const keptSettings = /^npm_config_(registry|cache|cafile|userconfig|globalconfig|https?_proxy|noproxy)$/
const userEnvironment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_|SPILLWAY_|VITEST|NODE_ENV$|NODE_OPTIONS$)/.test(name) || keptSettings.test(name),
    ),
  ),
  PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
  NO_COLOR: '1',
})

const run = (program: string, args: string[], cwd: string): Ran => {
  const done = spawnSync(program, args, {
    cwd,
    env: userEnvironment(),
    encoding: 'utf8',
    timeout: stepTimeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return { code: done.status, out: done.stdout ?? '', err: `${done.stderr ?? ''}${done.error ?? ''}` }
}

const npm = (args: string[], cwd: string): string => {
  const { code, out, err } = run(onPath('npm') ?? 'npm', args, cwd)
  if (code !== 0) throw new Error(`npm ${args.join(' ')} ended with ${code}:\n${out}${err}`)
  return out
}

/** Whatever `npm pack` reads, in a folder of its own: a build beside this one must not change it on the way. */
const copyRepository = (to: string) => {
  const read = [
    'package.json',
    'LICENSE',
    'README.md',
    'tsconfig.json',
    'tsconfig.build.json',
    'src',
    'scripts',
  ]
  for (const name of read) {
    if (existsSync(join(repoRoot, name))) cpSync(join(repoRoot, name), join(to, name), { recursive: true })
  }
  symlinkSync(join(repoRoot, 'node_modules'), join(to, 'node_modules'))
}

/** Packs this repository and installs the tarball in an empty folder, with install scripts off, as a user would. */
export const packAndInstall = (): PackedPackage => {
  const root = mkdtempSync(join(tmpdir(), 'spillway-pack-'))
  const remove = () => rmSync(root, { recursive: true, force: true })
  try {
    const copy = join(root, 'repository')
    mkdirSync(copy)
    copyRepository(copy)
    const listing = npm(['pack', '--json', '--silent', '--pack-destination', root], copy)
    const [tarball] = Object.values(JSON.parse(listing.slice(listing.search(/^[[{]/m)))) as {
      filename: string
      size: number
      files: { path: string }[]
    }[]
    if (tarball === undefined) throw new Error(`npm pack listed no tarball: ${listing}`)

    const folder = join(root, 'user')
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
    npm(
      [
        'install',
        '--ignore-scripts',
        '--prefer-offline',
        '--no-audit',
        '--no-fund',
        join(root, tarball.filename),
      ],
      folder,
    )
    return {
      files: tarball.files.map(({ path }) => path),
      tarballBytes: tarball.size,
      folder,
      packageFolder: join(folder, 'node_modules', 'spillway'),
      run: (runtime, ...args) =>
        runtime === 'node'
          ? run(process.execPath, args, folder)
          : run(bunPath() ?? 'bun', ['--bun', ...args], folder),
      spillway: (runtime, ...args) =>
        runtime === 'node'
          ? run(onPath('npx') ?? 'npx', ['--no-install', 'spillway', ...args], folder)
          : run(bunPath() ?? 'bun', ['--bun', 'x', '--no-install', 'spillway', ...args], folder),
      write: (file, text) => {
        writeFileSync(join(folder, file), text)
        return join(folder, file)
      },
      remove,
    }
  } catch (error) {
    remove()
    throw error
  }
}

export type InstalledPackage = { path: string; resolved?: string; hasInstallScript?: boolean; link?: boolean }

/** What npm wrote down about the packages it installed, the production closure of Spillway with Spillway itself. */
export const installedClosure = (folder: string): InstalledPackage[] => {
  const lock = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8')) as {
    packages: Record<string, Omit<InstalledPackage, 'path'>>
  }
  return Object.entries(lock.packages).map(([path, entry]) => ({ path, ...entry }))
}
