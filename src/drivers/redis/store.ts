/**
 * One Redis (or cluster) as the partitions' store: runs scripts, and refuses answers that must not be believed.
 *
 * Two connections: writes have one of their own, because WAIT holds up whatever comes after it on a connection, and
 * because a long read of the stream must not delay a write. Every script answers with who answers and where its
 * partition stands; with `waitReplicas` an answer from a primary that has lost its replicas is not served at all,
 * which is how the lost side of a split shows.
 */
import { SpillwayError, invariant } from '../../errors.ts'
import type { Clock } from '../../kit/clock.ts'
import type { FrontSeen } from '../../ports/front.ts'
import type { PartitionSeen } from './layout.ts'
import { parseSeen, stateKey } from './layout.ts'
import { connectRedis, isCluster } from './connection.ts'
import type { RedisClient } from './connection.ts'
import { isUnknownScript, noAnswer, nothingHappened } from './redis-failures.ts'
import type { Script, ScriptName, Scripts } from './scripts.ts'
import { loadScripts } from './scripts.ts'

export interface RedisStoreOptions {
  /** `redis://[user:password@]host:port/db?namespace=…`; or `client`. */
  readonly url?: string
  /** A Redis or Cluster of ioredis that is already configured: its settings are taken, it is never closed. */
  readonly client?: RedisClient
  /** Before all keys; default `spillway`. */
  readonly namespace?: string
  readonly partitions: number
  readonly clock: Clock
  /** Replicas that must have a write before it is answered, and that must be live for any answer; default 0. */
  readonly waitReplicas?: number
  /** How long they may take; then the write's outcome is unknown. Default 1,000. */
  readonly waitMs?: number
  /** Default 10,000. */
  readonly connectTimeoutMs?: number
  /** Default 5,000. */
  readonly callTimeoutMs?: number
}

type Argument = string | number | Buffer
export type Reply = readonly unknown[]

const NAMESPACE = /^[A-Za-z0-9_.-]{1,64}$/

export class RedisStore {
  readonly partitions: number
  readonly cluster: boolean
  readonly waitReplicas: number
  readonly #writes: RedisClient
  readonly #reads: RedisClient
  readonly #scripts: Scripts
  readonly #stateKeys: readonly string[]
  readonly #waitMs: number
  readonly #last: { text: string; whole: PartitionSeen }[] = []
  #closed = false

  private constructor(
    writes: RedisClient,
    reads: RedisClient,
    scripts: Scripts,
    namespace: string,
    options: RedisStoreOptions,
  ) {
    this.#writes = writes
    this.#reads = reads
    this.#scripts = scripts
    this.partitions = options.partitions
    this.cluster = isCluster(writes)
    this.waitReplicas = options.waitReplicas ?? 0
    this.#waitMs = options.waitMs ?? 1_000
    this.#stateKeys = Array.from({ length: options.partitions }, (_, p) => stateKey(namespace, p))
  }

  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const { clock, client, connectTimeoutMs = 10_000, callTimeoutMs = 5_000 } = options
    const { url, namespace } = placeOf(options)
    if ((options.waitReplicas ?? 0) > 0 && client !== undefined && isCluster(client))
      throw new SpillwayError('invalid', 'waitReplicas cannot be used with a Redis Cluster.')
    const scripts = await loadScripts()
    const connect = (name: string): Promise<RedisClient> =>
      connectRedis({
        ...(url === undefined ? {} : { url }),
        ...(client === undefined ? {} : { client }),
        clock,
        connectTimeoutMs,
        callTimeoutMs,
        name,
      })
    const writes = await connect('spillway-writes')
    try {
      return new RedisStore(writes, await connect('spillway-reads'), scripts, namespace, options)
    } catch (error) {
      writes.disconnect()
      throw error
    }
  }

  /**
   * A call that changes the stream or the generation. With `waitReplicas` it is answered once they have it, unless
   * the answer says that nothing was written. Rejects
   * with `overloaded` or `unavailable` only when nothing happened; anything else is unknown.
   */
  async write(
    script: ScriptName,
    partitions: readonly number[],
    args: readonly Argument[],
    wrote: (answer: Reply) => boolean = () => true,
  ): Promise<Reply> {
    try {
      const keys = partitions.map((partition) => this.#stateKey(partition))
      const answer = await this.#run(this.#writes, script, keys, args)
      if (this.waitReplicas > 0 && wrote(answer)) await this.#replicated()
      return answer
    } catch (error) {
      throw nothingHappened(error) ?? error
    }
  }

  /** A call that may be repeated: any failure is `unavailable`. */
  async read(script: ScriptName, partitions: readonly number[], args: readonly Argument[]): Promise<Reply> {
    try {
      const keys = partitions.map((partition) => this.#stateKey(partition))
      return await this.#run(this.#reads, script, keys, args)
    } catch (error) {
      throw noAnswer(error)
    }
  }

  /** Where the partition stands, as two parts of an answer say it. */
  seen(partition: number, identity: unknown, text: unknown): FrontSeen {
    return this.whole(partition, identity, text).seen
  }

  /** The same with what only this driver needs. */
  whole(partition: number, identity: unknown, text: unknown): PartitionSeen {
    const who = String(identity)
    const where = String(text)
    const last = this.#last[partition]
    if (last?.text === where && last.whole.seen.identity === who) return last.whole
    const whole = parseSeen(who, where)
    this.#last[partition] = { text: where, whole }
    return whole
  }

  /** Of the last answer that spoke of this partition. */
  lastSeen(partition: number): PartitionSeen | undefined {
    return this.#last[partition]?.whole
  }

  /** Turns away an answer of a primary that has lost its replicas: it may be the wrong side of a split. */
  mustHaveReplicas(live: unknown): void {
    if (Number(live) < this.waitReplicas) throw this.lacksReplicas(live)
  }

  lacksReplicas(live: unknown): SpillwayError {
    return new SpillwayError(
      'unavailable',
      `The primary has ${String(live)} live replicas and waitReplicas is ${this.waitReplicas}: it is not believed.`,
    )
  }

  /** `INFO memory`, of each server where there are several. */
  async memory(): Promise<{ readonly used: number; readonly max: number }> {
    const nodes = isCluster(this.#reads) ? this.#reads.nodes('master') : [this.#reads]
    const infos = await Promise.all(nodes.map((node) => node.info('memory')))
    const sum = (field: string): number =>
      infos.reduce((all, info) => all + Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0), 0)
    return { used: sum('used_memory'), max: sum('maxmemory') }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#writes.disconnect()
    this.#reads.disconnect()
  }

  /** Waits until the replicas have all that this connection has written. */
  async #replicated(): Promise<void> {
    const replicas = await this.#writes.call('WAIT', this.waitReplicas, this.#waitMs)
    if (Number(replicas) >= this.waitReplicas) return
    throw new SpillwayError(
      'outcome-unknown',
      `Only ${String(replicas)} of ${this.waitReplicas} replicas confirmed the write within ${this.#waitMs} ms.`,
    )
  }

  async #run(
    client: RedisClient,
    name: ScriptName,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<Reply> {
    if (this.#closed)
      throw new SpillwayError('closed', 'The connection to Redis is closed: nothing has happened.')
    const script: Script = this.#scripts[name]
    const rest = [keys.length, ...keys, ...args]
    try {
      return (await client.callBuffer('EVALSHA', script.sha, ...rest)) as Reply
    } catch (error) {
      if (!isUnknownScript(error)) throw error
      // It did not run. EVAL makes it known to the very server that is asked.
      return (await client.callBuffer('EVAL', script.source, ...rest)) as Reply
    }
  }

  #stateKey(partition: number): string {
    const key = this.#stateKeys[partition]
    invariant(key !== undefined, `Partition ${partition} was asked for in a store of ${this.partitions}`)
    return key
  }
}

/** The address without what is ours in it, and the namespace. */
function placeOf({ url, client, namespace }: RedisStoreOptions): { url?: string; namespace: string } {
  if ((url === undefined) === (client === undefined))
    throw new SpillwayError('invalid', 'Redis is named either by url or by client.')
  if (url === undefined) return { namespace: named(namespace) }
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^rediss?:$/.test(parsed.protocol) || !/^(\/\d*)?$/.test(parsed.pathname))
    throw new SpillwayError('invalid', 'A Redis URL is redis://[user:password@]host:port/db?namespace=name.')
  const own = parsed.searchParams.get('namespace') ?? undefined
  parsed.searchParams.delete('namespace')
  return { url: parsed.href, namespace: named(namespace ?? own) }
}

function named(namespace: string = 'spillway'): string {
  if (NAMESPACE.test(namespace)) return namespace
  throw new SpillwayError(
    'invalid',
    `A namespace is 1 to 64 letters, digits, '_', '.' or '-'; "${namespace}" is not.`,
  )
}
