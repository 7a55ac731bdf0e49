/**
 * Debian packages without root and without touching the system.
 *
 * apt is told to keep its lists and its archives in the project's cache folder; what a package needs and the machine
 * lacks is learned by letting apt *simulate* the installation; `apt-get download` takes the files without installing
 * them, and `dpkg -x` unpacks them side by side. Each program is then started by a short script that tells the
 * loader where the libraries are.
 *
 *   .cache/debian/lists, archives   apt's own files
 *   .cache/debian/root/<tool>       the unpacked packages
 *   .cache/debian/bin/<command>     the script to run
 *
 * Where that fails and we are root, the packages are installed into the system instead, and it is said.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  globSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { cacheFolder } from '../repo.ts'
import { debianFolder, inCache, onPath, toolRoot } from './tools.ts'
import type { Tool } from './tools.ts'

const listsMaxAgeMs = 24 * 3_600_000
const commandTimeoutMs = 600_000

const listsFolder = join(debianFolder, 'lists')
const archivesFolder = join(debianFolder, 'archives')

export class FetchFailed extends Error {}

const run = (program: string, args: string[], cwd = cacheFolder): string => {
  const done = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout: commandTimeoutMs,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  })
  if (done.status === 0) return done.stdout
  const why = (done.stderr || String(done.error ?? `ended by ${done.signal}`)).trim()
  throw new FetchFailed(
    `${program} ${args.filter((arg) => !arg.includes('::') && arg !== '-o').join(' ')}: ${why}`,
  )
}

const isRoot = () => process.getuid?.() === 0

const aptOptions = () =>
  [
    `Dir::State::Lists=${listsFolder}`,
    `Dir::Cache=${archivesFolder}`,
    'Acquire::Retries=2',
    ...(isRoot() ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((option) => ['-o', option])

const refreshLists = (say: (line: string) => void) => {
  mkdirSync(join(listsFolder, 'partial'), { recursive: true })
  mkdirSync(join(archivesFolder, 'archives', 'partial'), { recursive: true })
  const known = readdirSync(listsFolder).some((file) => file.includes('Packages'))
  if (known && Date.now() - statSync(listsFolder).mtimeMs < listsMaxAgeMs) return
  say('reading the package lists (apt-get update, into the project only)')
  run('apt-get', [...aptOptions(), 'update', '-q'])
}

/** The loader and the C library are the machine's own: a second copy of them beside the first one crashes programs. */
const machinesOwn = /^(libc6|libc-bin|libgcc-s1|libcrypt1|libstdc\+\+6)$/

/** The packages themselves, though the machine may have them installed, and what they need that it lacks. */
const closureOf = (packages: string[]): string[] => {
  const plan = run('apt-get', [
    ...aptOptions(),
    'install',
    '--simulate',
    '--no-install-recommends',
    ...packages,
  ])
  const needed = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name.replace(/:.*$/, ''))
  return [...new Set([...packages, ...needed])].filter((name) => !machinesOwn.test(name))
}

const unpack = (packages: string[], root: string) => {
  const folder = join(archivesFolder, packages[0] ?? 'none')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  run('apt-get', [...aptOptions(), 'download', '-q', ...packages], folder)
  for (const file of globSync('*.deb', { cwd: folder })) run('dpkg', ['-x', join(folder, file), root])
  rmSync(folder, { recursive: true, force: true })
}

const libraryFolders = (root: string): string[] => [
  ...new Set(globSync('**/lib*.so*', { cwd: root }).map((file) => resolve(root, file, '..'))),
]

const missingLibraries = (program: string, folders: string[]): string[] => {
  const done = spawnSync('ldd', [program], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: folders.join(':') },
  })
  return [...done.stdout.matchAll(/^\s*(\S+) => not found/gm)].map(([, name = '']) => name)
}

const isScript = (file: string): boolean => {
  const start = Buffer.alloc(2)
  const handle = openSync(file, 'r')
  try {
    readSync(handle, start, 0, 2, 0)
  } finally {
    closeSync(handle)
  }
  return start.toString('latin1') === '#!'
}

const loader = () =>
  ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'].find((path) => existsSync(path))

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** Shell lines that let a program find what it would look for under the fixed paths of an installation. */
const environmentOf = (root: string, libraryPaths: string | undefined): string =>
  [
    ...(libraryPaths === undefined ? [] : [`export LD_LIBRARY_PATH=${libraryPaths}\n`]),
    // Fetched only where the machine has no fonts set up, and then a browser would show none.
    ...(existsSync(join(root, 'etc', 'fonts', 'fonts.conf'))
      ? [`export FONTCONFIG_SYSROOT=${quoted(root)}\n`]
      : []),
  ].join('')

const writeStarter = (tool: Tool, command: string, program: string, folders: string[]) => {
  const load = tool.startsOthers && !isScript(program) ? loader() : undefined
  const paths = quoted(folders.join(':'))
  const environment = environmentOf(
    toolRoot(tool),
    load === undefined && folders.length > 0 ? paths : undefined,
  )
  const start = load !== undefined && folders.length > 0 ? `${load} --library-path ${paths} ` : ''
  const script = join(debianFolder, 'bin', command)
  mkdirSync(join(debianFolder, 'bin'), { recursive: true })
  writeFileSync(script, `#!/bin/sh\n${environment}exec ${start}${quoted(program)} "$@"\n`)
  chmodSync(script, 0o755)
}

/** Fetches a tool into the project's cache and returns the path to run it by; throws FetchFailed with the reason. */
const fetchIntoCache = (tool: Tool, say: (line: string) => void): string => {
  const lacking = ['apt-get', 'dpkg', 'ldd'].filter((command) => !onPath(command))
  if (lacking.length > 0) {
    throw new FetchFailed(
      `${tool.command} can only be fetched where Debian's ${lacking.join(', ')} can be run; install ${tool.command} with this system's own means`,
    )
  }
  mkdirSync(cacheFolder, { recursive: true })
  refreshLists(say)

  const root = toolRoot(tool)
  const fresh = `${root}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  const packages = closureOf(tool.debianPackages)
  const more = packages.length - tool.debianPackages.length
  say(
    `fetching ${tool.debianPackages.join(', ')}${more > 0 ? ` and ${more} packages that they need` : ''} into ${root}`,
  )
  unpack(packages, fresh)
  rmSync(root, { recursive: true, force: true })
  renameSync(fresh, root)

  const folders = libraryFolders(root)
  for (const command of [tool.command, ...(tool.alsoCommands ?? [])]) {
    const [found] =
      command === tool.command && tool.programPath !== undefined
        ? [tool.programPath]
        : globSync(`{usr/,}{bin,sbin}/${command}`, { cwd: root })
    if (found === undefined || !existsSync(join(root, found)))
      throw new FetchFailed(`the packages ${tool.debianPackages.join(', ')} hold no ${command}`)
    const program = join(root, found)
    const missing = isScript(program) ? [] : missingLibraries(program, folders)
    if (missing.length > 0)
      throw new FetchFailed(`${command} needs ${missing.join(', ')}, which no package brought`)
    writeStarter(tool, command, program, folders)
  }
  const path = inCache(tool)
  if (path === undefined) throw new FetchFailed(`${tool.command} was fetched but cannot be run from ${root}`)
  return path
}

const installIntoSystem = (tool: Tool, say: (line: string) => void): string => {
  say(`installing ${tool.debianPackages.join(', ')} into the system (apt-get install), as we are root`)
  run('apt-get', ['update', '-q'])
  run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...tool.debianPackages])
  const path = onPath(tool.command)
  if (path === undefined) throw new FetchFailed(`${tool.command} was installed but is not on PATH`)
  return path
}

/**
 * Fetches a tool into the project's cache, or where that fails and we are root, installs it into the system. Returns
 * the path to run it by; throws FetchFailed with the reasons.
 */
export const fetchTool = (tool: Tool, say: (line: string) => void): string => {
  try {
    return fetchIntoCache(tool, say)
  } catch (error) {
    rmSync(toolRoot(tool), { recursive: true, force: true })
    if (!(error instanceof FetchFailed) || !isRoot() || onPath('apt-get') === undefined) throw error
    say(`could not be fetched: ${error.message}`)
    return installIntoSystem(tool, say)
  }
}
