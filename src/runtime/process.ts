/** Which runtime this is, where the other one can be found, and how to become it. */
import { execFileSync, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { constants as osConstants } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { SpillwayError } from '../errors.ts'

export type RuntimeName = 'node' | 'bun'

export const runtimeName: RuntimeName = process.versions.bun === undefined ? 'node' : 'bun'
export const runtimeVersion: string = process.versions.bun ?? process.versions.node

/** The oldest versions that Spillway runs on: Node strips types and has execve, Bun has node:sqlite. */
const OLDEST: Readonly<Record<RuntimeName, readonly [major: number, minor: number]>> = {
  node: [24, 6],
  bun: [1, 4],
}

/** How long another runtime may take to say its version before it counts as broken. */
const VERSION_TIMEOUT_MS = 5_000

const EXECUTABLE = process.platform === 'win32' ? '.exe' : ''

/** The absolute path of a Bun that is recent enough: this one, else on the PATH, else the npm package's. */
export function findBun(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const arch = process.arch === 'arm64' ? 'aarch64' : process.arch
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return find('bun', env, `@oven/bun-${platform}-${arch}`)
}

/** The absolute path of a Node that is recent enough: this one, else on the PATH, else the npm package's. */
export function findNode(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return find('node', env, `node-${process.platform}-${process.arch}`)
}

function find(name: RuntimeName, env: NodeJS.ProcessEnv, packageName: string): string | undefined {
  if (name === runtimeName) return process.execPath
  const folders = (env.PATH ?? '').split(delimiter).filter(isAbsolute)
  const candidates = [
    ...folders.map((folder) => join(folder, name + EXECUTABLE)),
    inPackage(packageName, name),
  ]
  return candidates.find((file) => file !== undefined && isExecutable(file) && isRecent(name, file))
}

function inPackage(packageName: string, name: string): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${packageName}/package.json`)
    return join(manifest, '..', 'bin', name + EXECUTABLE)
  } catch {
    return undefined
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function isRecent(name: RuntimeName, file: string): boolean {
  let said: string
  try {
    said = execFileSync(file, ['--version'], {
      encoding: 'utf8',
      timeout: VERSION_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return false
  }
  const [, major, minor] = /^v?(\d+)\.(\d+)\./.exec(said) ?? []
  const [oldestMajor, oldestMinor] = OLDEST[name]
  return Number(major) > oldestMajor || (Number(major) === oldestMajor && Number(minor) >= oldestMinor)
}

/**
 * Becomes `file` with `args`: same process, same pid, so that whoever started this one can end that one. Does not
 * return then. Call it before anything is opened or printed: nothing is flushed or closed, exit handlers do not run.
 *
 * Where a process cannot be replaced (Windows, a worker thread), `file` runs as a child on the same stdio; SIGTERM,
 * SIGINT and SIGHUP are passed on to it, and its exit code is resolved, 128 + n for one that signal n ended.
 *
 * Rejects with `invalid` when `file` cannot be executed; Node itself would abort.
 */
export function execInto(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  if (!isAbsolute(file) || !isExecutable(file)) {
    return Promise.reject(
      new SpillwayError(
        'invalid',
        `${file} cannot be executed: it has to be the absolute path of a program.`,
      ),
    )
  }
  const execve = canReplace() ? process.execve : undefined
  // Node 24.6 passes an empty environment by default.
  if (execve !== undefined) execve.call(process, file, [file, ...args], env)
  return runAsChild(file, args, env)
}

function canReplace(): boolean {
  return process.platform !== 'win32' && isMainThread
}

const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

function runAsChild(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', env })
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal)
    const settle = (): void => {
      for (const signal of FORWARDED) process.off(signal, forward)
    }
    for (const signal of FORWARDED) process.on(signal, forward)
    child.once('error', (error) => {
      settle()
      reject(new SpillwayError('invalid', `${file} cannot be started: ${error.message}`, { cause: error }))
    })
    child.once('exit', (code, signal) => {
      settle()
      resolve(code ?? 128 + (signal === null ? 0 : osConstants.signals[signal]))
    })
  })
}
