/**
 * A MariaDB of one's own: loopback only, durable (`innodb_flush_log_at_trx_commit=1`, `sync_binlog=1`, binary log
 * on), root without a password, small buffers. Its folder holds everything; a second start on it continues where
 * the first one ended.
 *
 * Making a data folder takes seconds, so it is made once, as a template in the cache, and copied for each server.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder } from '../../src/runtime/make-folder.ts'
import { freePort, isFree } from './free-port.ts'
import { copyTemplate } from './mariadb-template.ts'
import { ServerFailed, launch } from './server-process.ts'
import type { ServerProcess } from './server-process.ts'
import { programOf } from './tools.ts'

const startMsMax = 60_000
const portTriesMax = 4
const databaseDefault = 'spillway'

export type MariadbOptions = {
  folder: string
  /** Default: a free one. It stays the same over restarts. */
  port?: number
  /** The database that is made, and named in the URL; default `spillway`. */
  database?: string
  /** More arguments, such as `['--innodb-buffer-pool-size=1G']`; they come last and therefore win. */
  args?: string[]
  /** In a session of its own, so that it may be kept beyond this process. */
  detached?: boolean
}

export type MariadbServer = {
  /** `mysql://root@127.0.0.1:port/database` */
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly folder: string
  readonly dataFolder: string
  readonly logFile: string
  running: () => boolean
  /** Runs statements as root on a connection of its own, and returns the rows of the last one. */
  ask: (...statements: string[]) => Promise<Record<string, unknown>[]>
  /** Makes an empty database of that name, dropping one that is there, and returns its URL. */
  emptyDatabase: (name: string) => Promise<string>
  /** An orderly end: SIGTERM, then SIGKILL after 30 s. Again or after a kill it does nothing. */
  stop: () => Promise<void>
  /** Default SIGKILL, after which it resolves when the process is gone. SIGSTOP and SIGCONT pause and resume. */
  kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Starts it again on its port and folder, with other `args` if some are given; stops it first if it runs. */
  restart: (changes?: { args?: string[] }) => Promise<void>
  /** Lets a detached one outlive this process. */
  keep: () => void
  [Symbol.asyncDispose]: () => Promise<void>
}

const argsOf = (options: MariadbOptions, port: number, dataFolder: string, home: string | undefined) => [
  '--no-defaults',
  ...(process.getuid?.() === 0 ? ['--user=root'] : []),
  ...(home === undefined ? [] : [`--basedir=${home}`]),
  `--datadir=${dataFolder}`,
  `--port=${port}`,
  '--bind-address=127.0.0.1',
  // Relative to the data folder, for a socket's path may have no more than 107 bytes.
  '--socket=mariadb.sock',
  '--pid-file=mariadb.pid',
  '--skip-name-resolve',
  '--character-set-server=utf8mb4',
  '--innodb-flush-log-at-trx-commit=1',
  '--log-bin=binlog',
  '--sync-binlog=1',
  '--server-id=1',
  '--innodb-buffer-pool-size=96M',
  '--innodb-log-file-size=48M',
  '--key-buffer-size=1M',
  '--max-connections=200',
  ...(options.args ?? []),
]

export const askMariadb = async (port: number, statements: string[]): Promise<Record<string, unknown>[]> => {
  // Loaded on use: of the verbs of `npm run services`, most never ask.
  const { createConnection } = await import('mysql2/promise')
  const connection = await createConnection({
    host: '127.0.0.1',
    port,
    user: 'root',
    connectTimeout: 2_000,
    supportBigNumbers: true,
  })
  try {
    let rows: unknown = []
    for (const statement of statements) [rows] = await connection.query(statement)
    return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
  } finally {
    connection.destroy()
  }
}

/** Starts a MariaDB and resolves when it answers a query over TCP and its database is there. */
export const startMariadb = async (options: MariadbOptions): Promise<MariadbServer> => {
  const { folder } = options
  const database = options.database ?? databaseDefault
  const dataFolder = join(folder, 'data')
  const logFile = join(folder, 'mariadb.log')
  makeFolder(folder)
  const { program, home } = programOf('mariadb')
  if (!existsSync(join(dataFolder, 'mysql'))) copyTemplate(dataFolder)
  let now = options

  const launchOn = (port: number) =>
    launch(
      {
        name: `MariaDB on port ${port}`,
        program,
        args: argsOf(now, port, dataFolder, home),
        cwd: folder,
        logFile,
        startMsMax,
        probe: async () => {
          const [row] = await askMariadb(port, ['SELECT @@datadir AS folder'])
          if (row?.['folder'] !== `${dataFolder}/`) throw new Error(`another server answers on port ${port}`)
        },
      },
      options.detached,
    )

  const first = async (): Promise<{ server: ServerProcess; port: number }> => {
    if (options.port !== undefined && options.port !== 0) {
      const { port } = options
      if (!(await isFree(port))) throw new ServerFailed(`port ${port} is taken by another program`, true)
      return { server: await launchOn(port), port }
    }
    for (let tries = 1; ; tries += 1) {
      const port = await freePort()
      try {
        return { server: await launchOn(port), port }
      } catch (error) {
        const raced = error instanceof ServerFailed && error.portTaken
        if (!raced || tries === portTriesMax) throw error
      }
    }
  }

  const { server, port } = await first()
  let current = server
  const urlOf = (name: string) => `mysql://root@127.0.0.1:${port}/${name}`
  const stop = () => current.stop()
  await askMariadb(port, [`CREATE DATABASE IF NOT EXISTS \`${database}\``])
  return {
    url: urlOf(database),
    port,
    get pid() {
      return current.pid
    },
    folder,
    dataFolder,
    logFile,
    running: () => current.running(),
    ask: (...statements) => askMariadb(port, statements),
    emptyDatabase: async (name) => {
      await askMariadb(port, [`DROP DATABASE IF EXISTS \`${name}\``, `CREATE DATABASE \`${name}\``])
      return urlOf(name)
    },
    stop,
    kill: (signal) => current.kill(signal),
    restart: async (changes = {}) => {
      await stop()
      now = { ...now, ...changes }
      current = await launchOn(port)
    },
    keep: () => current.keep(),
    [Symbol.asyncDispose]: stop,
  }
}
