/**
 * Connections to Redis that never do anything twice: no offline queue, no resending after a reconnect, RESP2 replies.
 *
 * A user's own client is only a pattern: its address, credentials, TLS, Sentinels or cluster nodes are taken over by
 * connections of ours (`duplicate`), because a client that resends would append a write twice. It is never closed.
 */
import type { Cluster, Command, Redis } from 'ioredis'
import { SpillwayError } from '../../errors.ts'
import { withDeadline } from '../../kit/clock.ts'
import type { Clock } from '../../kit/clock.ts'

export type RedisClient = Redis | Cluster

export interface ConnectionOptions {
  /** `redis://[user:password@]host:port/db`, or `rediss://`. */
  readonly url?: string
  readonly client?: RedisClient
  readonly clock: Clock
  /** How long the first connection may take. */
  readonly connectTimeoutMs: number
  /** A connection that brings nothing for so long, while something was asked, is given up. */
  readonly callTimeoutMs: number
  readonly name: string
}

type ClusterOverrides = NonNullable<Parameters<Cluster['duplicate']>[1]>

const RECONNECT_MS_MAX = 1_000

export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster
}

/** Connects, or rejects with `unavailable`, or with `invalid` what the URL has wrong; what is returned is ours to close. */
export async function connectRedis(options: ConnectionOptions): Promise<RedisClient> {
  const client = await create(options)
  let failure: unknown
  client.on('error', (error: unknown) => {
    failure = error
  })
  try {
    await withDeadline(options.clock, options.connectTimeoutMs, ready(client))
    await requireDatabase(client)
    return client
  } catch (error) {
    client.disconnect()
    if (error instanceof SpillwayError && error.code === 'invalid') throw error
    const cause = failure ?? error
    if (isPasswordRefused(cause))
      throw new SpillwayError(
        'invalid',
        `Redis at ${whereOf(options)} does not let us in: ${cause.message}. Correct user and password in the URL.`,
        { cause },
      )
    throw new SpillwayError(
      'unavailable',
      `Redis at ${whereOf(options)} does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}

function isPasswordRefused(cause: unknown): cause is Error {
  return cause instanceof Error && /^(?:WRONGPASS|NOAUTH)\b/.test(cause.message)
}

/** The client forgets that its SELECT was refused, and all would be in database 0. */
async function requireDatabase(client: RedisClient): Promise<void> {
  const db = isCluster(client) ? 0 : (client.options.db ?? 0)
  if (db === 0) return
  await client.select(db).catch((cause: unknown) => {
    if (!(cause instanceof Error) || !/DB index|not allowed/i.test(cause.message)) throw cause
    throw new SpillwayError('invalid', `Redis has no database ${db}: ${cause.message}. Correct the URL.`, {
      cause,
    })
  })
}

function ready(client: RedisClient): Promise<void> {
  return new Promise((resolve) => {
    client.once('ready', () => resolve())
    // The first attempt may fail while the server starts: the client tries again until the deadline.
    client.connect().catch(() => undefined)
  })
}

interface Ioredis {
  readonly Redis: typeof Redis
  readonly Command: typeof Command
}

/** The client's package, which is an optional peer. */
export async function importIoredis(): Promise<Ioredis> {
  return import('ioredis').catch((cause: unknown) => {
    throw new SpillwayError('invalid', 'A redis:// store needs the package ioredis: npm install ioredis.', {
      cause,
    })
  })
}

async function create(options: ConnectionOptions): Promise<RedisClient> {
  const { url, client, connectTimeoutMs, callTimeoutMs, name } = options
  const one = {
    protocol: 2,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    reconnectOnError: null,
    retryStrategy: (times: number) => Math.min(50 * times, RECONNECT_MS_MAX),
    connectTimeout: connectTimeoutMs,
    socketTimeout: callTimeoutMs,
    connectionName: name,
    // Of a user's own client: what would change commands or replies.
    keyPrefix: '',
    stringNumbers: false,
    readOnly: false,
    enableAutoPipelining: false,
  } as const
  if (client === undefined) {
    const { Redis } = await importIoredis()
    return new Redis(url as string, one)
  }
  if (!isCluster(client)) return client.duplicate(one)
  return client.duplicate([], {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    scaleReads: 'master',
    // What was sent and brought no answer is unknown; only redirections are followed, which did nothing.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    redisOptions: { ...client.options.redisOptions, ...one } as NonNullable<ClusterOverrides['redisOptions']>,
  })
}

function whereOf({ url, client }: ConnectionOptions): string {
  if (url !== undefined) return new URL(url).host
  if (client === undefined || isCluster(client)) return 'the cluster'
  return `${client.options.host ?? 'localhost'}:${client.options.port ?? 6379}`
}
