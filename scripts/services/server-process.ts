/**
 * One server process: start it, wait until it really answers, and end exactly it.
 *
 *   absent ──launch──▶ starting ──the probe answers──▶ running ──stop, kill──▶ gone
 *                         └── exits, or is late: it is ended, and the error shows the tail of its log
 *
 * A server of a test must not outlive the test, whatever ends that. So a shell is started beside each one, which
 * reads from a pipe that only the starting process holds: `done` on it means that the server is gone, its end
 * means that the starting process died, and then the shell kills the server. A *detached* server has a session of its
 * own, which a Ctrl-C in the terminal does not reach, and may be *kept*: its guard is sent home, and it outlives this
 * process (`npm run services`). Until then an interrupted start leaves nothing behind.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../../src/runtime/make-folder.ts'

const probeEveryMs = 25
const probeMsMax = 2_000
const stopMsMax = 30_000
const askAgainToStopMs = 500
const logTailLines = 12

export type ServerSpec = {
  name: string
  program: string
  args: string[]
  cwd: string
  logFile: string
  startMsMax: number
  /**
   * Resolves once this very process answers as its clients need it; rejects while it does not. It must compare the
   * pid or the folder with what the server says: another program may listen on the port.
   */
  probe: (pid: number) => Promise<void>
}

export type ServerProcess = {
  pid: number
  /** Whether it still runs; a paused one does. */
  running: () => boolean
  /** SIGTERM, then SIGKILL after 30 s; resolves when the process is gone, also when it was already. */
  stop: () => Promise<void>
  /** Sends the signal; after SIGKILL it resolves when the process is gone. */
  kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Lets a detached server outlive this process. */
  keep: () => void
}

/** The server did not come up; `portTaken` is set when another program listens on its port. */
export class ServerFailed extends Error {
  readonly portTaken: boolean
  constructor(message: string, portTaken: boolean, options?: ErrorOptions) {
    super(message, options)
    this.portTaken = portTaken
  }
}

/** Whether a process of that pid runs; one that has ended and is not yet collected by its parent does not. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    // No /proc on this system: the signal's word holds.
    return true
  }
}

export const logTail = (logFile: string): string => {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-logTailLines).join('\n')
  } catch {
    return ''
  }
}

const within = async (promise: Promise<void>, ms: number) => {
  const abort = new AbortController()
  const late = async () => {
    await sleep(ms, undefined, { signal: abort.signal })
    throw new Error(`no answer within ${ms} ms`)
  }
  try {
    await Promise.race([promise, late()])
  } finally {
    abort.abort()
    promise.catch(() => undefined)
  }
}

/** Kills that process when this one dies, unless `done` is written to it before. */
export const startGuard = (pid: number): ChildProcess => {
  const guard = spawn('/bin/sh', ['-c', `read -r word || kill -9 ${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.on('error', () => undefined)
  guard.stdin?.on('error', () => undefined)
  guard.unref()
  if (guard.stdin instanceof Socket) guard.stdin.unref()
  return guard
}

/** Starts the server and resolves when it answers. */
export const launch = async (spec: ServerSpec, detached = false): Promise<ServerProcess> => {
  makeFolder(dirname(spec.logFile))
  const log = openSync(spec.logFile, 'a')
  const child = spawn(spec.program, spec.args, {
    cwd: spec.cwd,
    stdio: ['ignore', log, log],
    detached,
    env: { ...process.env, LC_ALL: 'C' },
  })
  closeSync(log)

  let gone: string | undefined
  const exited = new Promise<void>((resolve) => {
    const end = (how: string) => {
      gone ??= how
      resolve()
    }
    child.once('error', (error) => end(`could not be started: ${error.message}`))
    child.once('exit', (code, signal) =>
      end(signal ? `was ended by ${signal}` : `ended with exit code ${code}`),
    )
  })
  // Its pid is known from here on, or never.
  const pid = child.pid ?? -1
  const guard = pid < 0 ? undefined : startGuard(pid)
  const keep = () => void guard?.stdin?.end('done\n')
  void exited.then(keep)
  child.unref()

  const send = (signal: NodeJS.Signals) => {
    if (gone === undefined) child.kill(signal)
  }
  // A running server keeps no program alive, but waiting for its end does.
  const ended = async () => {
    if (gone === undefined) child.ref()
    await exited
  }
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    send(signal)
    if (signal === 'SIGKILL') await ended()
  }
  const stop = async () => {
    // Again and again: a Redis that is writing its first append-only file refuses SIGTERM and forgets it.
    const ask = () => {
      send('SIGTERM')
      // A paused process handles SIGTERM only once it runs again.
      send('SIGCONT')
    }
    ask()
    const asking = setInterval(ask, askAgainToStopMs)
    const late = setTimeout(() => send('SIGKILL'), stopMsMax)
    await ended()
    clearInterval(asking)
    clearTimeout(late)
  }

  const deadline = performance.now() + spec.startMsMax
  let lastAnswer: unknown
  for (;;) {
    if (gone !== undefined) break
    try {
      await within(spec.probe(pid), probeMsMax)
      return { pid, running: () => gone === undefined, stop, kill, keep }
    } catch (error) {
      lastAnswer = error
    }
    if (performance.now() > deadline) break
    await sleep(probeEveryMs)
  }
  const why = gone ?? `did not answer within ${spec.startMsMax / 1_000} s`
  await kill()
  const tail = logTail(spec.logFile)
  throw new ServerFailed(
    `${spec.name} ${why}. The end of its log, ${spec.logFile}:\n${tail.replace(/^/gm, '  ')}`,
    /address already in use/i.test(tail),
    { cause: lastAnswer },
  )
}
