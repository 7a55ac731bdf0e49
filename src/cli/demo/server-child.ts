/**
 * `spillway serve` as a child process: started, killed and stopped as an operator would.
 */
import { spawn } from 'node:child_process'
import { SpillwayError } from '../../errors.ts'
import { systemClock, withDeadline } from '../../kit/clock.ts'
import { programFile } from '../program-file.ts'

const READY_MS_MAX = 30_000
const STDERR_KEPT = 8_192

export interface ServerChild {
  readonly url: string
  /** Of the process that serves. */
  readonly pid: number
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  /** What it has said on stderr, the last 8 KiB. */
  said(): string
  signal(name: 'SIGKILL' | 'SIGTERM'): void
}

interface ReadyLine {
  readonly ready: true
  readonly url: string
  readonly pid: number
}

/** Resolves once it serves. Rejects with what it said when it does not. */
export async function startServer(args: readonly string[]): Promise<ServerChild> {
  const child = spawn(process.execPath, [programFile(), 'serve', '--port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  let out = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said = (said + chunk).slice(-STDERR_KEPT)
  })
  const ended = new Promise<number | string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? signal ?? 1))
  })
  const ready = new Promise<ReadyLine>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
      const end = out.indexOf('\n')
      if (end !== -1) resolve(JSON.parse(out.slice(0, end)) as ReadyLine)
    })
    ended.then(
      (how) =>
        reject(new SpillwayError('unavailable', `The server ended (${how}) before it was ready:\n${said}`)),
      reject,
    )
  })
  const line = await withDeadline(systemClock, READY_MS_MAX, ready, () => {
    child.kill('SIGKILL')
    return new SpillwayError('unavailable', `The server was not ready within ${READY_MS_MAX} ms:\n${said}`)
  })
  return {
    url: line.url,
    pid: line.pid,
    ended,
    said: () => said,
    signal(name) {
      // Once it has ended its pid may be somebody else's.
      if (child.exitCode === null && child.signalCode === null) process.kill(line.pid, name)
    },
  }
}
