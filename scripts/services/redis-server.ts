/**
 * A Redis of one's own: loopback only, and durable as Spillway's promise needs it (`appendfsync always`, no
 * snapshots by time). Its folder holds everything; a second start on it continues where the first one ended.
 */
import { connect } from 'node:net'
import { join } from 'node:path'
import { makeFolder } from '../../src/runtime/make-folder.ts'
import { freePort, isFree } from './free-port.ts'
import { ServerFailed, launch } from './server-process.ts'
import type { ServerProcess } from './server-process.ts'
import { programOf } from './tools.ts'

const startMsMax = 30_000
const answerMsMax = 2_000
const portTriesMax = 4

export type RedisOptions = {
  folder: string
  /** Default: a free one. It stays the same over restarts. */
  port?: number
  /** Default `always`; `none` is a Redis without an append-only file, which forgets everything. */
  appendfsync?: 'always' | 'everysec' | 'no' | 'none'
  /** As Redis writes it, such as `64mb`; default: no limit. */
  maxmemory?: string
  maxmemoryPolicy?: string
  /** The port, on this machine, of the server to follow; ready then means in sync with it. */
  replicaOf?: number
  /** A node of a cluster, without slots as yet: see redis-cluster.ts. */
  cluster?: boolean
  /** More arguments, such as `['--databases', '1']`; they come last and therefore win. */
  args?: string[]
  /** In a session of its own, so that it may be kept beyond this process. */
  detached?: boolean
}

export type RedisServer = {
  readonly url: string
  readonly port: number
  /** Where the other nodes of a cluster reach it. */
  readonly busPort: number
  readonly pid: number
  readonly folder: string
  readonly logFile: string
  running: () => boolean
  /** Sends one command on a connection of its own and returns the raw answer as text; arguments without spaces. */
  ask: (command: string) => Promise<string>
  /** An orderly end: SIGTERM, then SIGKILL after 30 s. Again or after a kill it does nothing. */
  stop: () => Promise<void>
  /** Default SIGKILL, after which it resolves when the process is gone. SIGSTOP and SIGCONT pause and resume. */
  kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Starts it again on its port and folder, with changed options if some are given; stops it first if it runs. */
  restart: (changes?: Partial<Omit<RedisOptions, 'folder' | 'port' | 'detached'>>) => Promise<void>
  /** Lets a detached one outlive this process. */
  keep: () => void
  [Symbol.asyncDispose]: () => Promise<void>
}

/** Sends an inline command to a Redis on loopback and returns its answer as it came, at most a few kilobytes. */
export const askRedis = (port: number, command: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: answerMsMax })
    let answer = ''
    const settle = () => {
      socket.destroy()
      resolve(answer.trimEnd())
    }
    socket.on('connect', () => socket.write(`${command}\r\nQUIT\r\n`))
    socket.on('data', (chunk) => {
      answer += chunk.toString('utf8')
    })
    // QUIT is answered with +OK, then Redis closes.
    socket.on('end', () => {
      answer = answer.replace(/\+OK\r\n$/, '')
      settle()
    })
    socket.on('timeout', () => socket.destroy(new Error(`no answer to ${command} within ${answerMsMax} ms`)))
    socket.on('error', reject)
  })

const argsOf = (options: RedisOptions, port: number, busPort: number): string[] => {
  const fsync = options.appendfsync ?? 'always'
  return [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', options.folder, '--daemonize', 'no'],
    ...['--save', '', '--appendonly', fsync === 'none' ? 'no' : 'yes'],
    ...(fsync === 'none' ? [] : ['--appendfsync', fsync]),
    ...(options.maxmemory === undefined ? [] : ['--maxmemory', options.maxmemory]),
    ...(options.maxmemoryPolicy === undefined ? [] : ['--maxmemory-policy', options.maxmemoryPolicy]),
    ...(options.replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', String(options.replicaOf)]),
    ...(options.cluster
      ? ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-port', String(busPort)]
      : []),
    // A replica that joins needs its first copy at once, not after the five seconds that gather others.
    ...['--repl-diskless-sync-delay', '0'],
    // Nor does a stop wait ten seconds for a replica that was killed or paused.
    ...['--shutdown-timeout', '0'],
    ...(options.args ?? []),
  ]
}

/** `master`: the port that it replicates from; both must say that it is in sync, and they do not at the same time. */
const probe = async (port: number, pid: number, master: number | undefined) => {
  const info = await askRedis(port, 'INFO')
  // A server with a password answers, but says nothing of itself.
  if (info.startsWith('-NOAUTH')) return
  if (!info.includes(`process_id:${pid}\r`)) throw new Error(`another program answers on port ${port}`)
  const pong = await askRedis(port, 'PING')
  if (!pong.startsWith('+PONG') && !pong.startsWith('-MASTERDOWN')) throw new Error(pong)
  if (master === undefined) return
  if (!info.includes('master_link_status:up')) throw new Error('not yet in sync with its master')
  const replicas = await askRedis(master, 'INFO replication')
  if (!replicas.includes(`port=${port},state=online`)) throw new Error('not yet online to its master')
}

/** Starts a Redis and resolves when it answers PING and, as a replica, is in sync. */
export const startRedis = async (options: RedisOptions): Promise<RedisServer> => {
  const folder = options.folder
  const logFile = join(folder, 'redis.log')
  makeFolder(folder)
  let now = options
  const { program } = programOf('redis')

  const launchOn = (port: number, busPort: number) =>
    launch(
      {
        name: `Redis on port ${port}`,
        program,
        args: argsOf(now, port, busPort),
        cwd: folder,
        logFile,
        startMsMax,
        probe: (pid) => probe(port, pid, now.replicaOf),
      },
      options.detached,
    )

  const first = async (): Promise<{ server: ServerProcess; port: number; busPort: number }> => {
    if (options.port !== undefined && options.port !== 0) {
      const { port } = options
      if (!(await isFree(port))) throw new ServerFailed(`port ${port} is taken by another program`, true)
      const busPort = await freePort()
      return { server: await launchOn(port, busPort), port, busPort }
    }
    for (let tries = 1; ; tries += 1) {
      const [port, busPort] = [await freePort(), await freePort()]
      try {
        return { server: await launchOn(port, busPort), port, busPort }
      } catch (error) {
        const raced = error instanceof ServerFailed && error.portTaken
        if (!raced || tries === portTriesMax) throw error
      }
    }
  }

  const { server, port, busPort } = await first()
  let current = server
  const stop = () => current.stop()
  return {
    url: `redis://127.0.0.1:${port}/0`,
    port,
    busPort,
    get pid() {
      return current.pid
    },
    folder,
    logFile,
    running: () => current.running(),
    ask: (command) => askRedis(port, command),
    stop,
    kill: (signal) => current.kill(signal),
    restart: async (changes = {}) => {
      await stop()
      now = { ...now, ...changes }
      current = await launchOn(port, busPort)
    },
    keep: () => current.keep(),
    [Symbol.asyncDispose]: stop,
  }
}
