/**
 * `spillway serve` as a real process: started, killed, stopped and looked at from outside. Imports nothing of src.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'

export const projectFolder = fileURLToPath(new URL('../..', import.meta.url))

/** The processes of this run that may still live; ended by `endAll`. */
const living = new Set<ChildProcess>()

export const bunFile: string | undefined = ['linux-x64', 'linux-aarch64', 'darwin-aarch64']
  .map((platform) => join(projectFolder, 'node_modules', '@oven', `bun-${platform}`, 'bin', 'bun'))
  .find((file) => existsSync(file))

export type RuntimeName = 'node' | 'bun'

export interface ServeOptions {
  readonly args: readonly string[]
  /** Default serve. */
  readonly verb?: 'serve' | 'dev'
  readonly runtime?: RuntimeName
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  /** Another copy of the project. */
  readonly project?: string
  /** Put before the runtime's own command: strace and its arguments. */
  readonly wrapper?: readonly string[]
  readonly readyMs?: number
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Process {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  out(): string
  err(): string
}

export interface Served extends Process {
  readonly url: string
  /** Of the process that serves, as its ready line says. */
  readonly pid: number
  readonly role: string
  kill(): Promise<Ended>
  /** SIGTERM. */
  stop(): Promise<Ended>
}

/** The runtime's command line for the program, without a second start in between. */
export function commandOf(options: Pick<ServeOptions, 'runtime' | 'project'>): string[] {
  const program = join(options.project ?? projectFolder, 'src', 'cli', 'main.ts')
  if (options.runtime !== 'bun') return [nodeFile(), program]
  if (bunFile === undefined) throw new Error('Bun is not installed here')
  return [bunFile, program]
}

/** Node of this project, also when the tests themselves run on Bun. */
export function nodeFile(): string {
  return process.versions.bun === undefined
    ? process.execPath
    : join(projectFolder, 'node_modules', '.bin', 'node')
}

export function start(
  command: readonly string[],
  options: {
    env?: Readonly<Record<string, string>> | undefined
    uid?: number | undefined
    cwd?: string
  } = {},
): Process {
  const [file = '', ...args] = command
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
  living.add(child)
  let out = ''
  let err = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (err += chunk))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      living.delete(child)
      resolve({ code, signal })
    })
  })
  ended.catch(() => undefined)
  return { child, ended, out: () => out, err: () => err }
}

/** Runs a verb to its end. */
export async function spillway(
  args: readonly string[],
  options: Omit<ServeOptions, 'args' | 'readyMs'> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const process_ = start([...(options.wrapper ?? []), ...commandOf(options), ...args], options)
  const { code } = await process_.ended
  return { code, out: process_.out(), err: process_.err() }
}

/** Starts a server and waits for its ready line; rejects with what it said when it ends before. */
export async function serve(options: ServeOptions): Promise<Served> {
  const runtime = options.runtime ?? 'node'
  const command = [
    ...(options.wrapper ?? []),
    ...commandOf({ ...options, runtime }),
    options.verb ?? 'serve',
    '--port',
    '0',
    '--runtime',
    runtime,
    ...options.args,
  ]
  const process_ = start(command, options)
  const line = await new Promise<{ url: string; pid: number; role: string }>((resolve, reject) => {
    const timer = setTimeout(() => {
      process_.child.kill('SIGKILL')
      reject(new Error(`Not ready in time:\n${process_.err()}`))
    }, options.readyMs ?? 20_000)
    process_.child.stdout?.on('data', () => {
      const end = process_.out().indexOf('\n')
      if (end === -1) return
      clearTimeout(timer)
      resolve(JSON.parse(process_.out().slice(0, end)) as { url: string; pid: number; role: string })
    })
    process_.ended.then(({ code, signal }) => {
      clearTimeout(timer)
      reject(new Error(`Ended (${code ?? signal}) before it was ready:\n${process_.err()}`))
    }, reject)
  })
  const send = (name: NodeJS.Signals): Promise<Ended> => {
    if (living.has(process_.child)) process.kill(line.pid, name)
    return process_.ended
  }
  return { ...process_, ...line, kill: () => send('SIGKILL'), stop: () => send('SIGTERM') }
}

/** For afterEach: nothing that a test started lives on. */
export async function endAll(): Promise<void> {
  const ends = [...living].map(
    (child) =>
      new Promise<void>((resolve) => {
        child.once('close', () => resolve())
        child.kill('SIGKILL')
      }),
  )
  await Promise.all(ends)
}
