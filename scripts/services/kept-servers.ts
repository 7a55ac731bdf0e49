/**
 * The servers that `npm run services` keeps: one Redis and one MariaDB of the project's own, for work by hand.
 *
 *   .cache/services/<name>/running.json   pid, moment of its start, port, URL; there while it runs
 *   .cache/services/<name>/starting.json  who is starting it now
 *   .cache/services/<name>/…              its data and its log
 *
 * A pid alone is never believed: what it names must have been started at the moment that was written down.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from '../../src/runtime/make-folder.ts'
import { cacheFolder } from '../repo.ts'
import { askMariadb, startMariadb } from './mariadb-server.ts'
import { residentBytes, startedMark } from './process-identity.ts'
import { askRedis, startRedis } from './redis-server.ts'

const stopMsMax = 30_000
const askAgainToStopMs = 500
const lookEveryMs = 25

type Started = { url: string; port: number; pid: number; logFile: string; keep: () => void }

type Kind = {
  /** Outside the ranges from which systems and the tests take free ports, and not the server's usual one. */
  port: number
  logFile: string
  start: (folder: string, port: number) => Promise<Started>
  /** Asks the running server; rejects when it does not answer. */
  version: (port: number) => Promise<string>
}

export const kinds: Record<'redis' | 'mariadb', Kind> = {
  redis: {
    port: 6_479,
    logFile: 'redis.log',
    // A bound, as a Redis that is in use has: full, it refuses writes and is not killed.
    start: (folder, port) => startRedis({ folder, port, maxmemory: '1gb', detached: true }),
    version: async (port) =>
      /redis_version:(\S+)/.exec(await askRedis(port, 'INFO server'))?.[1] ?? 'unknown',
  },
  mariadb: {
    port: 3_406,
    logFile: 'mariadb.log',
    start: (folder, port) => startMariadb({ folder, port, detached: true }),
    version: async (port) => String((await askMariadb(port, ['SELECT @@version AS v']))[0]?.['v']),
  },
}

export type ServerName = keyof typeof kinds

export const serverNames = Object.keys(kinds) as ServerName[]

export const servicesFolder = join(cacheFolder, 'services')

/** What is written down of a server that was started. */
type Running = { pid: number; startedMark: string; port: number; url: string }

export type ServerStatus = {
  name: ServerName
  running: boolean
  pid?: number
  port?: number
  url?: string
  version?: string
  memoryBytes?: number
  /** Why a running one does not answer. */
  problem?: string
  logFile: string
}

export class KeptServer {
  readonly name: ServerName
  readonly folder: string
  readonly logFile: string
  readonly #kind: Kind

  constructor(name: ServerName, folder: string) {
    this.name = name
    this.#kind = kinds[name]
    this.folder = folder
    this.logFile = join(folder, this.#kind.logFile)
  }

  get #runningFile() {
    return join(this.folder, 'running.json')
  }

  /** What runs, if the process that was written down is still that one. */
  #running(): Running | undefined {
    const written = readJson<Running>(this.#runningFile)
    return written !== undefined && startedMark(written.pid) === written.startedMark ? written : undefined
  }

  /** Starts it on its own port, or on the one given; one that runs already is left as it is, or refused on another port. */
  async start(port?: number, say: (line: string) => void = () => undefined): Promise<ServerStatus> {
    const before = this.#running()
    if (before !== undefined) {
      if (port !== undefined && port !== before.port)
        throw new Error(`it runs already, on port ${before.port} (pid ${before.pid}); stop it first`)
      say(`already running on port ${before.port}, pid ${before.pid}`)
      return this.status()
    }
    makeFolder(this.folder)
    const release = this.#claimStart()
    try {
      const stale = readJson<Running>(this.#runningFile)
      if (stale !== undefined) {
        say(`pid ${stale.pid} of ${this.#runningFile} is not this server any more; starting a new one`)
        rmSync(this.#runningFile, { force: true })
      }
      const server = await this.#kind.start(this.folder, port ?? this.#kind.port)
      const mark = startedMark(server.pid)
      if (mark === undefined) throw new Error(`${this.name} ended right after its start; see ${this.logFile}`)
      const running: Running = { pid: server.pid, startedMark: mark, port: server.port, url: server.url }
      // Renamed into place, so that nobody ever reads half of it.
      writeFileSync(`${this.#runningFile}.new`, JSON.stringify(running))
      renameSync(`${this.#runningFile}.new`, this.#runningFile)
      server.keep()
      say(`started on port ${server.port}, pid ${server.pid}`)
      return await this.status()
    } finally {
      release()
    }
  }

  /** Two starts at the same time would fight for the folder: the second one is refused while the first one lives. */
  #claimStart(): () => void {
    const file = join(this.folder, 'starting.json')
    const claim = JSON.stringify({ pid: process.pid, startedMark: startedMark(process.pid) })
    for (let tries = 1; ; tries += 1) {
      try {
        writeFileSync(file, claim, { flag: 'wx' })
        return () => rmSync(file, { force: true })
      } catch (error) {
        const other = readJson<{ pid: number; startedMark: string }>(file)
        const alive = other !== undefined && startedMark(other.pid) === other.startedMark
        if (alive) throw new Error(`pid ${other.pid} is starting ${this.name} right now`, { cause: error })
        if (tries > 1) throw error
        rmSync(file, { force: true })
      }
    }
  }

  /** Ends exactly the process that was started; whether there was one. */
  async stop(say: (line: string) => void = () => undefined): Promise<boolean> {
    const running = this.#running()
    if (running === undefined) {
      rmSync(this.#runningFile, { force: true })
      say('not running')
      return false
    }
    const { pid } = running
    const begun = performance.now()
    let askedAt = -Infinity
    while (startedMark(pid) === running.startedMark) {
      const now = performance.now()
      if (now - begun > stopMsMax) signal(pid, 'SIGKILL')
      else if (now - askedAt > askAgainToStopMs) {
        signal(pid, 'SIGTERM')
        signal(pid, 'SIGCONT')
        askedAt = now
      }
      await sleep(lookEveryMs)
    }
    rmSync(this.#runningFile, { force: true })
    say(`stopped, pid ${pid}; its data stays in ${this.folder}`)
    return true
  }

  async status(): Promise<ServerStatus> {
    const running = this.#running()
    const { name, logFile } = this
    if (running === undefined) return { name, running: false, logFile }
    const { pid, port, url } = running
    const known = { name, running: true, pid, port, url, memoryBytes: residentBytes(pid), logFile }
    try {
      return { ...known, version: await this.#kind.version(port) }
    } catch (error) {
      return { ...known, problem: `does not answer: ${error instanceof Error ? error.message : error}` }
    }
  }
}

const signal = (pid: number, name: NodeJS.Signals) => {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended in between.
  }
}

const readJson = <Value>(file: string): Value | undefined => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Value
  } catch {
    return undefined
  }
}
