/**
 * The servers and processes of one round: Redis in a row of replicas, MariaDB, `spillway serve`s, and a proxy on
 * every connection between them. Everything lives in one folder and ends with `close`; where that is not reached
 * (a second Ctrl-C, a defect), when this process exits; and where that is not either (kill -9), servers and processes
 * end with it, and the next run removes the folder.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { bunFile, endAll, spillway } from '../../test/scenarios/served.ts'
import type { StatusBody } from '../../test/scenarios/sandbox.ts'
import type { Found } from '../../test/scenarios/verdict.ts'
import { startMariadb } from '../services/mariadb-server.ts'
import type { MariadbServer } from '../services/mariadb-server.ts'
import { startRedis } from '../services/redis-server.ts'
import type { RedisServer } from '../services/redis-server.ts'
import { isAlive } from '../services/server-process.ts'
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
/** Of a round's folder; the pid of its process and a few letters follow. */
const FOLDER_PREFIX = 'spillway-chaos-'
/** Longer than any round: another one that only looks dead from here, as from another container, keeps its own. */
const LEFT_MS_MIN = 600_000
/** A server that is being killed may still write. */
const REMOVAL = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const

const folders = new Set<string>()
process.on('exit', () => {
  if (folders.size === 0) return
  void endAll()
  for (const folder of folders) rmSync(folder, REMOVAL)
})

/** What runs have left that were killed. */
function sweep(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^spillway-chaos-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || isAlive(Number(pid))) continue
    const folder = join(tmpdir(), name)
    const made = statSync(folder, { throwIfNoEntry: false })
    if (made !== undefined && Date.now() - made.mtimeMs > LEFT_MS_MIN) rmSync(folder, REMOVAL)
  }
}

function makeFolder(): string {
  sweep()
  const folder = mkdtempSync(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`))
  folders.add(folder)
  return folder
}

function removeFolder(folder: string): void {
  rmSync(folder, REMOVAL)
  folders.delete(folder)
}

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
  /** Where processes share the stores, two of them land. */
  readonly needsRival: boolean
  /** Redis stops to write its append-only file once the processes have opened it: what the verdict has to find. */
  readonly forgetful?: boolean | undefined
  /** Of all processes; else each has one drawn. */
  readonly runtime?: RuntimeName | undefined
  /** Another copy of the sources, which the processes run. */
  readonly project?: string | undefined
  /** Ends the opening between two of its steps. */
  readonly signal?: AbortSignal | undefined
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
    const folder = makeFolder()
    undo.defer(() => removeFolder(folder))
    const proxied = async (target: number, protocol: Protocol): Promise<Proxy> => {
      const proxy = await Proxy.open(target, protocol)
      undo.defer(() => proxy.close())
      return proxy
    }
    const starting = startMariadb({ folder: join(folder, 'mariadb'), database: DATABASE })
    undo.defer(() => starting.then((server) => server.kill('SIGKILL')).catch(() => undefined))
    const redises: RedisServer[] = []
    const replicaLinks: Proxy[] = []
    for (let at = 0; at < redisCountOf(profile, options.needsReplica); at += 1) {
      const before = redises.at(-1)
      const link = before === undefined ? undefined : await proxied(before.port, 'bytes')
      if (link !== undefined) replicaLinks.push(link)
      const redis = await startRedis({
        folder: join(folder, `redis-${'abc'[at]}`),
        ...(link === undefined ? {} : { replicaOf: link.port }),
      })
      undo.defer(() => redis.kill('SIGKILL'))
      redises.push(redis)
      options.signal?.throwIfAborted()
    }
    const mariadb = await starting
    const nodes: ServerNode[] = []
    for (const [at, role] of rolesOf(profile, dice, options.needsRival).entries()) {
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
      const { project } = options
      const node = new ServerNode({ name, role, runtime, args, redis, mariadb: toMariadb, project })
      undo.defer(() => node.kill())
      nodes.push(node)
    }
    // One after the other: the first makes the tables.
    for (const node of nodes) {
      options.signal?.throwIfAborted()
      await node.start()
    }
    if (options.forgetful === true) for (const redis of redises) await redis.ask('CONFIG SET appendonly no')
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

  /** Transactions that have landed something. */
  async landings(): Promise<number> {
    const [row] = await this.mariadb.ask(
      `SELECT SUM(landings) AS landings FROM ${DATABASE}.spillway_position`,
    )
    return Number(row?.['landings'])
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
