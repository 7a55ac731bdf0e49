/** One `spillway serve` of a round, over its lives; its connections to the stores go through proxies of its own. */
import { serve } from '../../test/scenarios/served.ts'
import type { Ended, RuntimeName, Served } from '../../test/scenarios/served.ts'
import { startGuard } from '../services/server-process.ts'
import type { Role } from './profiles.ts'
import type { Proxy } from './proxy.ts'
import type { Target } from './sessions.ts'

const READY_MS_MAX = 60_000

export interface NodeOptions {
  readonly name: string
  readonly role: Role
  readonly runtime: RuntimeName
  readonly args: readonly string[]
  readonly redis: Proxy | undefined
  readonly mariadb: Proxy
  /** Another copy of the sources. */
  readonly project?: string | undefined
}

/** A line of the log that the server writes. */
export interface LogLine {
  readonly level: number
  readonly event?: string
  readonly detail?: string
}

const LEVEL_ERROR = 50

export class ServerNode implements Target {
  readonly name: string
  readonly role: Role
  readonly runtime: RuntimeName
  readonly redis: Proxy | undefined
  readonly mariadb: Proxy
  readonly #args: readonly string[]
  readonly #project: string | undefined
  readonly #lives: Served[] = []
  #running: Served | undefined

  constructor(options: NodeOptions) {
    this.name = options.name
    this.role = options.role
    this.runtime = options.runtime
    this.redis = options.redis
    this.mariadb = options.mariadb
    this.#args = options.args
    this.#project = options.project
  }

  get url(): string | undefined {
    return this.#running?.url
  }

  get serves(): boolean {
    return this.role !== 'lander'
  }

  async start(): Promise<void> {
    const served = await serve({
      args: [...this.#args, '--role', this.role],
      runtime: this.runtime,
      readyMs: READY_MS_MAX,
      ...(this.#project === undefined ? {} : { project: this.#project }),
    })
    const guard = startGuard(served.pid)
    this.#lives.push(served)
    this.#running = served
    void served.ended.then(() => {
      guard.stdin?.end('done\n')
      if (this.#running === served) this.#running = undefined
    })
  }

  async kill(): Promise<void> {
    await this.#running?.kill()
    this.#running = undefined
  }

  /** SIGTERM; undefined when it was not running. */
  async stop(): Promise<Ended | undefined> {
    return this.#running?.stop()
  }

  pause(): void {
    if (this.#running !== undefined) process.kill(this.#running.pid, 'SIGSTOP')
  }

  resume(): void {
    if (this.#running !== undefined) process.kill(this.#running.pid, 'SIGCONT')
  }

  /** Everything that its lives said on stderr. */
  said(): string {
    return this.#lives.map((life) => life.err()).join('\n---- next life\n')
  }

  log(): LogLine[] {
    return this.said()
      .split('\n')
      .flatMap((line) => {
        if (!line.startsWith('{')) return []
        try {
          return [JSON.parse(line) as LogLine]
        } catch {
          return []
        }
      })
  }

  errors(): LogLine[] {
    return this.log().filter(({ level }) => level >= LEVEL_ERROR)
  }
}
