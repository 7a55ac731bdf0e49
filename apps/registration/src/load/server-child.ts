/** The application in a process of its own, as `load` and `evening` start, kill and stop it. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))

export class ServerChild {
  readonly url: string
  readonly #child: ChildProcess
  readonly #told: () => string

  private constructor(url: string, child: ChildProcess, told: () => string) {
    this.url = url
    this.#child = child
    this.#told = told
  }

  /** Ready when it resolves. `entry`: another program that prints such a ready line. */
  static async start(
    args: readonly string[],
    entry = MAIN,
    runtime = process.execPath,
  ): Promise<ServerChild> {
    const child = spawn(runtime, ['--conditions=spillway-source', entry, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let told = ''
    child.stderr?.on('data', (chunk: Buffer) => (told = (told + chunk.toString()).slice(-8_000)))
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      const { ready, url } = JSON.parse(line) as { readonly ready: boolean; readonly url: string }
      if (ready) return new ServerChild(url, child, () => told)
    }
    throw new Error(`The server did not start:\n${told}`)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** What it said last, for people. */
  get told(): string {
    return this.#told()
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** Resolves when it has landed what it could and is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await gone
  }
}
