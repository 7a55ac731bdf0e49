/**
 * The servers and processes of one round: Redis in a row of replicas, MariaDB, `spillway serve`s, and a proxy on
 * every connection between them. Everything lives in one folder and ends with `close`.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { bunFile, spillway } from '../../test/scenarios/served.ts'
import type { StatusBody } from '../../test/scenarios/sandbox.ts'
import type { Found } from '../../test/scenarios/verdict.ts'
import { startMariadb } from '../services/mariadb-server.ts'
import type { MariadbServer } from '../services/mariadb-server.ts'
import { startRedis } from '../services/redis-server.ts'
import type { RedisServer } from '../services/redis-server.ts'
import type { Dice } from './dice.ts'
import { redisCountOf, rolesOf, storeFlags } from './profiles.ts'
import type { RuntimeName } from '../../test/scenarios/served.ts'
import type { ProfileName } from './profiles.ts'
import { Proxy } from './proxy.ts'
import type { Protocol } from './proxy.ts'
import { ServerNode } from './server-node.ts'
import { COLLECTION } from './sessions.ts'

const DATABASE = 'chaos'
const NAMESPACE = 'chaos'
const SYNC_MS_MAX = 10_000
const SYNC_POLL_MS = 5

interface Parts {
  readonly profile: ProfileName
  readonly folder: string
  readonly nodes: readonly ServerNode[]
  readonly redises: readonly RedisServer[]
  readonly mariadb: MariadbServer
  readonly replicaLinks: readonly Proxy[]
  readonly undo: AsyncDisposableStack
}

export interface WorldOptions {
  readonly needsReplica: boolean
  /** Default `always`. `none` is what the verdict has to find. */
  readonly appendfsync?: 'always' | 'none'
  /** Of all processes; else each has one drawn. */
  readonly runtime?: RuntimeName
}

export class World {
  readonly profile: ProfileName
  readonly folder: string
  readonly nodes: readonly ServerNode[]
  /** The first primary, then its replica, then the replica's replica. */
  readonly redises: readonly RedisServer[]
  readonly mariadb: MariadbServer
  /** Between a Redis and the one it follows; the first is that of the first replica. */
  readonly replicaLinks: readonly Proxy[]
  readonly #undo: AsyncDisposableStack

  private constructor(parts: Parts) {
    this.profile = parts.profile
    this.folder = parts.folder
    this.nodes = parts.nodes
    this.redises = parts.redises
    this.mariadb = parts.mariadb
    this.replicaLinks = parts.replicaLinks
    this.#undo = parts.undo
  }

  static async open(profile: ProfileName, dice: Dice, options: WorldOptions): Promise<World> {
    await using undo = new AsyncDisposableStack()
    const folder = mkdtempSync(join(tmpdir(), 'spillway-chaos-'))
    undo.defer(() => rmSync(folder, { recursive: true, force: true }))
    const proxied = async (target: number, protocol: Protocol): Promise<Proxy> => {
      const proxy = await Proxy.open(target, protocol)
      undo.defer(() => proxy.close())
      return proxy
    }
    const starting = startMariadb({ folder: join(folder, 'mariadb'), database: DATABASE })
    starting.catch(() => undefined)
    const redises: RedisServer[] = []
    const replicaLinks: Proxy[] = []
    for (let at = 0; at < redisCountOf(profile, options.needsReplica); at += 1) {
      const before = redises.at(-1)
      const link = before === undefined ? undefined : await proxied(before.port, 'bytes')
      if (link !== undefined) replicaLinks.push(link)
      const redis = await startRedis({
        folder: join(folder, `redis-${'abc'[at]}`),
        appendfsync: options.appendfsync ?? 'always',
        ...(link === undefined ? {} : { replicaOf: link.port }),
      })
      undo.defer(() => redis.kill('SIGKILL'))
      redises.push(redis)
    }
    const mariadb = await starting
    undo.defer(() => mariadb.kill('SIGKILL'))
    const nodes: ServerNode[] = []
    for (const [at, role] of rolesOf(profile, dice).entries()) {
      const name = `${role}-${'abc'[at]}`
      const own = join(folder, name)
      mkdirSync(own)
      const redis = redises[0] === undefined ? undefined : await proxied(redises[0].port, 'redis')
      const toMariadb = await proxied(mariadb.port, 'bytes')
      const args = storeFlags(profile, {
        redisPort: redis?.port,
        mariadbUrl: `mysql://root@127.0.0.1:${toMariadb.port}/${DATABASE}`,
        folder: own,
        namespace: NAMESPACE,
      })
      const drawn = bunFile === undefined ? 'node' : dice.pick(['node', 'bun'] as const)
      const runtime = options.runtime ?? drawn
      const node = new ServerNode({ name, role, runtime, args, redis, mariadb: toMariadb })
      undo.defer(() => node.kill())
      nodes.push(node)
    }
    // One after the other: the first makes the tables.
    for (const node of nodes) await node.start()
    return new World({ profile, folder, nodes, redises, mariadb, replicaLinks, undo: undo.move() })
  }

  /** Those that clients talk to. */
  get targets(): readonly ServerNode[] {
    return this.nodes.filter((node) => node.serves)
  }

  get landers(): readonly ServerNode[] {
    return this.nodes.filter((node) => node.role !== 'api')
  }

  get redisProxies(): readonly Proxy[] {
    return this.nodes.flatMap((node) => node.redis ?? [])
  }

  /** The one that is the primary at first. */
  get redis(): RedisServer {
    const [first] = this.redises
    if (first === undefined) throw new Error(`Profile ${this.profile} has no Redis`)
    return first
  }

  get replica(): RedisServer {
    const replica = this.redises[1]
    if (replica === undefined) throw new Error('This round was opened without a replica')
    return replica
  }

  /** Resolves once the replica has what the primary had when this was called. */
  async replicated(): Promise<void> {
    const target = offsetOf(await this.redis.ask('INFO replication'), 'master_repl_offset')
    const deadline = performance.now() + SYNC_MS_MAX
    while (offsetOf(await this.replica.ask('INFO replication'), 'slave_repl_offset') < target) {
      if (performance.now() > deadline) throw new Error('The replica never caught up')
      await sleep(SYNC_POLL_MS)
    }
  }

  /** Landing stands still, reads of SQL go on: another program's `FLUSH TABLES WITH READ LOCK`. */
  async holdLanding(): Promise<{ release(): Promise<void> }> {
    const connection = await createConnection({ host: '127.0.0.1', port: this.mariadb.port, user: 'root' })
    connection.on('error', () => undefined)
    await connection.query('FLUSH TABLES WITH READ LOCK')
    return {
      // A killed server has let go of it already.
      release: () => connection.end().catch(() => undefined),
    }
  }

  /** The rows that SQL has. */
  async rows(): Promise<Map<string, Found>> {
    const rows = await this.mariadb.ask(
      `SELECT record_key, spillway_version, value FROM ${DATABASE}.spillway_records WHERE collection = '${COLLECTION}'`,
    )
    return new Map(
      rows.map((row) => {
        const value = JSON.parse(String(row['value'])) as { n: number; counter?: number }
        const version = Number(row['spillway_version'])
        return [String(row['record_key']), { version, n: value.n, counter: value.counter }]
      }),
    )
  }

  /** What the processes that run say of themselves; undefined for one that does not answer. */
  async statuses(): Promise<(StatusBody | undefined)[]> {
    return Promise.all(
      this.nodes.map(async ({ url }) => {
        if (url === undefined) return undefined
        try {
          const response = await fetch(`${url}/v1/status`, { signal: AbortSignal.timeout(5_000) })
          return (await response.json()) as StatusBody
        } catch {
          return undefined
        }
      }),
    )
  }

  /** `spillway verify` on the stores themselves; for when no process of the round runs. */
  async verify(): Promise<{ code: number | null; out: string; err: string }> {
    const [node] = this.nodes
    return spillway([
      'verify',
      '--json',
      ...storeFlags(this.profile, {
        redisPort: node?.redis?.target,
        mariadbUrl: this.mariadb.url,
        folder: join(this.folder, node?.name ?? ''),
        namespace: NAMESPACE,
      }),
    ])
  }

  /** Ends everything and removes the folder. */
  async close(): Promise<void> {
    await this.#undo.disposeAsync()
  }
}

function offsetOf(info: string, field: string): number {
  return Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? -1)
}

/**
 * A copy of a server's folder as it is at one moment, which the server is stopped for: what a power cut then would
 * have left. Both stores start from such a folder.
 */
export async function copyFolder(
  server: { kill(signal: NodeJS.Signals): Promise<void> },
  folder: string,
  copy: string,
): Promise<void> {
  await server.kill('SIGSTOP')
  try {
    const made = spawnSync('cp', ['-a', '--sparse=always', folder, copy])
    if (made.status !== 0) cpSync(folder, copy, { recursive: true })
  } finally {
    await server.kill('SIGCONT')
  }
}

/** Puts the copy in the folder's place. */
export function restoreFolder(copy: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  cpSync(copy, folder, { recursive: true })
}

/** As a new disk. */
export function emptyFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
}

/** The append-only file that is being written. */
export function aofOf(redis: RedisServer): string {
  const folder = join(redis.folder, 'appendonlydir')
  const file = readdirSync(folder)
    .filter((name) => name.endsWith('.incr.aof'))
    .sort()
    .at(-1)
  if (file === undefined) throw new Error(`No append-only file in ${folder}`)
  return join(folder, file)
}

export function sizeOf(file: string): number {
  return statSync(file).size
}

export function cutTail(file: string, bytes: number): void {
  truncateSync(file, Math.min(bytes, sizeOf(file)))
}
