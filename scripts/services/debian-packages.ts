/**
 * Debian packages without root and without touching the system.
 *
 * apt is told to keep its lists and its archives in the project's cache folder, `apt-get download` takes the
 * files without installing them, `dpkg -x` unpacks them there. Shared libraries that the machine lacks are found
 * with ldd and come from the package's own dependencies. The program is then started by a two-line script that
 * gives the loader the library folder, so that nothing leaks into the environment of what it runs.
 *
 *   .cache/debian/lists, archives   apt's own files
 *   .cache/debian/root/<tool>       the unpacked packages
 *   .cache/debian/bin/<command>     the script to run
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { cacheFolder } from '../repo.ts'
import { debianFolder, inCache, onPath } from './tools.ts'
import type { Tool } from './tools.ts'

const listsMaxAgeMs = 24 * 3_600_000
const commandTimeoutMs = 180_000

const listsFolder = join(debianFolder, 'lists')
const archivesFolder = join(debianFolder, 'archives')

export class FetchFailed extends Error {}

const run = (program: string, args: string[], cwd = cacheFolder): string => {
  const done = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout: commandTimeoutMs,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (done.status === 0) return done.stdout
  const why = (done.stderr || String(done.error ?? `ended by ${done.signal}`)).trim()
  throw new FetchFailed(
    `${program} ${args.filter((arg) => !arg.includes('::') && arg !== '-o').join(' ')}: ${why}`,
  )
}

const aptOptions = () =>
  [
    `Dir::State::Lists=${listsFolder}`,
    `Dir::Cache=${archivesFolder}`,
    'Acquire::Retries=2',
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((option) => ['-o', option])

const refreshLists = (say: (line: string) => void) => {
  mkdirSync(join(listsFolder, 'partial'), { recursive: true })
  mkdirSync(join(archivesFolder, 'archives', 'partial'), { recursive: true })
  const known = readdirSync(listsFolder).some((file) => file.includes('Packages'))
  if (known && Date.now() - statSync(listsFolder).mtimeMs < listsMaxAgeMs) return
  say('reading the package lists (apt-get update, into the project only)')
  run('apt-get', [...aptOptions(), 'update', '-q'])
}

const unpack = (packageName: string, root: string) => {
  const folder = join(archivesFolder, packageName)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  run('apt-get', [...aptOptions(), 'download', '-q', packageName], folder)
  for (const file of globSync('*.deb', { cwd: folder })) run('dpkg', ['-x', join(folder, file), root])
}

const dependenciesOf = (packageName: string): string[] =>
  run('apt-cache', [
    ...aptOptions(),
    'depends',
    '--recurse',
    '--no-recommends',
    '--no-suggests',
    '--no-conflicts',
    '--no-breaks',
    '--no-replaces',
    '--no-enhances',
    packageName,
  ])
    .split('\n')
    .filter((line) => /^lib[a-z0-9]/.test(line) && !/^(libc6|libgcc-s1|libcrypt1)\b/.test(line))

const libraryFolders = (root: string): string[] => [
  ...new Set(globSync('**/*.so*', { cwd: root }).map((file) => resolve(root, file, '..'))),
]

const missingLibraries = (program: string, root: string): string[] => {
  const done = spawnSync('ldd', [program], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: libraryFolders(root).join(':') },
  })
  return [...done.stdout.matchAll(/^\s*(\S+) => not found/gm)].map(([, name = '']) => name)
}

const loader = () =>
  ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'].find((path) => existsSync(path))

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** Fetches a tool into the project's cache and returns the path to run it by; throws FetchFailed with the reason. */
export const fetchTool = (tool: Tool, say: (line: string) => void): string => {
  const lacking = ['apt-get', 'apt-cache', 'dpkg', 'ldd'].filter((command) => !onPath(command))
  if (lacking.length > 0) {
    throw new FetchFailed(
      `${tool.command} can only be fetched where Debian's ${lacking.join(', ')} can be run; install ${tool.command} with this system's own means`,
    )
  }
  mkdirSync(cacheFolder, { recursive: true })
  refreshLists(say)

  const root = join(debianFolder, 'root', tool.command)
  rmSync(root, { recursive: true, force: true })
  mkdirSync(root, { recursive: true })
  say(`fetching the Debian package ${tool.debianPackage} into ${root}`)
  unpack(tool.debianPackage, root)
  const [found] = globSync(`{usr/,}{bin,sbin}/${tool.command}`, { cwd: root })
  if (found === undefined) throw new FetchFailed(`the package ${tool.debianPackage} holds no ${tool.command}`)
  const program = join(root, found)

  if (missingLibraries(program, root).length > 0) {
    for (const library of dependenciesOf(tool.debianPackage)) unpack(library, root)
  }
  const missing = missingLibraries(program, root)
  if (missing.length > 0)
    throw new FetchFailed(`${tool.command} needs ${missing.join(', ')}, which no package brought`)

  const script = join(debianFolder, 'bin', tool.command)
  mkdirSync(join(debianFolder, 'bin'), { recursive: true })
  const folders = libraryFolders(root)
  const load = loader()
  const start = load && folders.length > 0 ? `${load} --library-path ${quoted(folders.join(':'))} ` : ''
  writeFileSync(script, `#!/bin/sh\nexec ${start}${quoted(program)} "$@"\n`)
  chmodSync(script, 0o755)
  const path = inCache(tool)
  if (path === undefined) throw new FetchFailed(`${script} was written but cannot be run from there`)
  return path
}
