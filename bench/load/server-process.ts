/** Starts a program that serves HTTP and says where as its first line, as `spillway serve` does; ends it by its pid. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface ServerProcess extends AsyncDisposable {
  readonly url: string
  /** CPU time that the process has used so far, in seconds; undefined where there is no /proc. */
  cpuSeconds(): Promise<number | undefined>
}

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const EMPTY = fileURLToPath(new URL('../baselines/empty-server.ts', import.meta.url))
/** Of /proc/PID/stat; it is 100 on every Linux that Node or Bun run on. */
const TICKS_PER_SECOND = 100

/** `spillway serve` on the runtime that runs this, with its data in `folder`. */
export function startSpillway(folder: string): Promise<ServerProcess> {
  const runtime = process.versions['bun'] === undefined ? 'node' : 'bun'
  return startProgram([CLI, 'serve', '--port', '0', '--data', folder, '--runtime', runtime])
}

export function startEmpty(getBody: string, otherBody: string): Promise<ServerProcess> {
  return startProgram([EMPTY, getBody, otherBody])
}

export async function startProgram(args: readonly string[]): Promise<ServerProcess> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_096)))
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text)),
    ended.then(() => undefined),
  ])
  if (line === undefined) throw new Error(`${args.join(' ')} ended before it served:\n${said}`)
  const { url, pid = child.pid } = JSON.parse(line) as { url: string; pid?: number }
  return {
    url,
    cpuSeconds: () =>
      readFile(`/proc/${pid}/stat`, 'utf8').then(
        (text) => {
          const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
          return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
        },
        () => undefined,
      ),
    async [Symbol.asyncDispose]() {
      // What it holds is gone with its folder: there is nothing to land.
      if (pid !== undefined && child.exitCode === null) process.kill(pid, 'SIGKILL')
      await ended
    },
  }
}
