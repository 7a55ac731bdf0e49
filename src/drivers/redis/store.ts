/**
 * One Redis (or cluster) as the partitions' store: runs scripts, and refuses answers that must not be believed.
 *
 * Two connections: writes have one of their own, because WAIT holds up whatever comes after it on a connection, and
 * because a long read of the stream must not delay a write. Every script answers with who answers and where its
 * partition stands; with `waitReplicas` an answer from a primary that has lost its replicas is not served at all,
 * which is how the lost side of a split shows.
 */
import { SpillwayError, invariant } from '../../errors.ts'
import type { Command, Redis } from 'ioredis'
import type { Clock } from '../../kit/clock.ts'
import { formatPosition } from '../../model/position.ts'
import type { Position } from '../../model/position.ts'
import type { FrontSeen } from '../../ports/front.ts'
import { CommandBytes } from './command-bytes.ts'
import type { PartitionSeen } from './layout.ts'
import { parseSeen, stateKey } from './layout.ts'
import { connectRedis, importIoredis, isCluster } from './connection.ts'
import type { RedisClient } from './connection.ts'
import { placeOf } from './place.ts'
import type { RedisPlace } from './place.ts'
import { isReadOnly, isUnknownScript, noAnswer, nothingHappened } from './redis-failures.ts'
import type { Script, ScriptName, Scripts } from './scripts.ts'
import { loadScripts } from './scripts.ts'

export interface RedisStoreOptions extends RedisPlace {
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
/** Its id, and its fields and their values in turn. */
export type StreamBlock = readonly [id: Buffer, fields: readonly Buffer[]]

export interface ManyArguments {
  /** How many `write` writes. */
  readonly args: number
  write(out: CommandBytes): void
}

const STATE = 'state'
/** How often a connection to a replica is given up for a new one, at most. */
const LEAVE_MS = 1_000
/** Of `replica-`, which no run id begins with: those are hexadecimal. */
const LETTER_R = 0x72
const BUFFERS_KEPT = 4
const BUFFER_BYTES_FIRST = 256 * 1024
const BUFFER_BYTES_KEPT = 4 * 2 ** 20

export class RedisStore {
  readonly partitions: number
  readonly cluster: boolean
  readonly waitReplicas: number
  readonly #writes: RedisClient
  readonly #reads: RedisClient
  readonly #scripts: Scripts
  readonly #Command: typeof Command
  readonly #stateKeys: readonly string[]
  readonly #waitMs: number
  readonly #clock: Clock
  /** When each connection was given up last. */
  readonly #left = new Map<RedisClient, number>()
  readonly #last: { text: string; whole: PartitionSeen }[] = []
  /** For commands that are written by us; of answered ones. */
  readonly #buffers: Buffer[] = []
  #closed = false

  private constructor(
    writes: RedisClient,
    reads: RedisClient,
    scripts: Scripts,
    command: typeof Command,
    namespace: string,
    options: RedisStoreOptions,
  ) {
    this.#writes = writes
    this.#reads = reads
    this.#scripts = scripts
    this.#Command = command
    this.partitions = options.partitions
    this.cluster = isCluster(writes)
    this.waitReplicas = options.waitReplicas ?? 0
    this.#waitMs = options.waitMs ?? 1_000
    this.#clock = options.clock
    this.#stateKeys = Array.from({ length: options.partitions }, (_, p) => stateKey(namespace, p))
  }

  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const { clock, client, connectTimeoutMs = 10_000, callTimeoutMs = 5_000 } = options
    const { url, namespace } = placeOf(options)
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
      const { Command } = await importIoredis()
      return new RedisStore(writes, await connect('spillway-reads'), scripts, Command, namespace, options)
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
      if (this.waitReplicas > 0 && wrote(answer)) await this.#replicated(keys[0] as string, answer)
      return answer
    } catch (error) {
      throw nothingHappened(error) ?? error
    }
  }

  /** The same for many arguments with many bytes. */
  async writeMany(
    name: ScriptName,
    partitions: readonly number[],
    many: ManyArguments,
    wrote: (answer: Reply) => boolean,
  ): Promise<Reply> {
    this.#mustBeOpen()
    const script: Script = this.#scripts[name]
    const keys = partitions.map((partition) => this.#stateKey(partition))
    try {
      const answer = await this.#sendMany('EVALSHA', script.sha, keys, many).catch((error: unknown) => {
        if (!isUnknownScript(error)) throw error
        return this.#sendMany('EVAL', script.source, keys, many)
      })
      if (this.waitReplicas > 0 && wrote(answer)) await this.#replicated(keys[0] as string, answer)
      return answer
    } catch (error) {
      if (isReadOnly(error)) this.#leave(this.#writes)
      throw nothingHappened(error) ?? error
    }
  }

  async #sendMany(
    name: string,
    script: string,
    keys: readonly string[],
    many: ManyArguments,
  ): Promise<Reply> {
    const out = new CommandBytes(this.#buffers.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES_FIRST))
    out
      .count(3 + keys.length + many.args)
      .text(name)
      .bytes(Buffer.from(script))
      .text(keys.length)
    for (const key of keys) out.text(key)
    many.write(out)
    const bytes = out.done()
    // The client routes it by its keys and matches it with its reply; the bytes are ours.
    const command = new this.#Command(name, [script, String(keys.length), ...keys], { replyEncoding: null })
    command.toWritable = () => bytes
    const answer = (await this.#writes.sendCommand(command)) as Reply
    // Whoever answered has read all of it; without an answer it may still be on its way.
    if (this.#buffers.length < BUFFERS_KEPT && out.buffer.byteLength <= BUFFER_BYTES_KEPT)
      this.#buffers.push(out.buffer)
    return answer
  }

  /** Blocks of a partition's stream after a position, and, as of right after it, what was trimmed and where it ends. */
  async blocks(partition: number, after: Position, count: number): Promise<[StreamBlock[], number, number]> {
    this.#mustBeOpen()
    const stateKey = this.#stateKey(partition)
    const log = `${stateKey.slice(0, -STATE.length)}log`
    try {
      // In this order, on one connection: what was not trimmed afterwards was there when the blocks were read.
      const [blocks, [trimmed, end]] = (await Promise.all([
        this.#reads.callBuffer('XRANGE', log, `(${formatPosition(after)}`, '+', 'COUNT', count),
        this.#reads.hmget(stateKey, 'trimmed', 'position'),
      ])) as [StreamBlock[], [string | null, string | null]]
      return [blocks, Number(trimmed ?? 0), Number(end ?? trimmed ?? 0)]
    } catch (error) {
      throw noAnswer(error)
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

  /** What the keys of a partition's values begin with. */
  valuePrefix(partition: number, epoch: string): Buffer {
    return Buffer.from(`${this.#stateKey(partition).slice(0, -STATE.length)}v${epoch}:`)
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

  /** What the stream of a partition takes, about; 0 where nobody may ask. */
  async logBytes(partition: number): Promise<number> {
    this.#mustBeOpen()
    const log = `${this.#stateKey(partition).slice(0, -STATE.length)}log`
    return Number(await this.#reads.call('MEMORY', 'USAGE', log).catch(() => 0))
  }

  /** `INFO memory`, of each server where there are several. */
  async memory(): Promise<{ readonly used: number; readonly max: number; readonly policy: string }> {
    const nodes = isCluster(this.#reads) ? this.#reads.nodes('master') : [this.#reads]
    const infos = await Promise.all(nodes.map((node) => node.info('memory')))
    const sum = (field: string): number =>
      infos.reduce((all, info) => all + Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)?.[1] ?? 0), 0)
    const policy = /^maxmemory_policy:(\S+)/m.exec(infos[0] ?? '')?.[1] ?? 'noeviction'
    return { used: sum('used_memory'), max: sum('maxmemory'), policy }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#writes.disconnect()
    this.#reads.disconnect()
  }

  /**
   * Waits until the replicas have all that this connection has written. The connection may lead to another server by
   * now, whose WAIT would confirm what it never had: so it is asked who it is right behind, and must be who answered
   * the write. Whatever fails here, the write has happened: its outcome is unknown.
   */
  async #replicated(key: string, answer: unknown): Promise<void> {
    const node = this.#nodeOf(key)
    const [replicas, info] = await Promise.all([
      node?.call('WAIT', this.waitReplicas, this.#waitMs) ?? 0,
      node?.call('INFO', 'server', 'replication') ?? '',
    ]).catch((cause: unknown) => {
      throw new SpillwayError('outcome-unknown', 'The replicas did not say whether they have the write.', {
        cause,
      })
    })
    if (Number(replicas) < this.waitReplicas)
      throw new SpillwayError(
        'outcome-unknown',
        `Only ${String(replicas)} of ${this.waitReplicas} replicas confirmed the write within ${this.#waitMs} ms.`,
      )
    if (Array.isArray(answer) && String(answer[0]) !== identityIn(String(info)))
      throw new SpillwayError(
        'outcome-unknown',
        'The connection was led to another server before the replicas of the first one had confirmed the write.',
      )
  }

  /** The connection on which a key is written: WAIT speaks of what came over its own. */
  #nodeOf(key: string): Redis | undefined {
    const client = this.#writes
    if (!isCluster(client)) return client
    const slot = new this.#Command('GET', [key]).getSlot()
    const address = client.slots[slot]?.[0]
    return client.nodes('master').find(({ options }) => `${options.host}:${options.port}` === address)
  }

  async #run(
    client: RedisClient,
    name: ScriptName,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<Reply> {
    this.#mustBeOpen()
    const script: Script = this.#scripts[name]
    const rest = [keys.length, ...keys, ...args]
    try {
      const answer = (await client.callBuffer('EVALSHA', script.sha, ...rest)) as Reply
      const who = answer[0]
      if (Buffer.isBuffer(who) && who[0] === LETTER_R) this.#leave(client)
      return answer
    } catch (error) {
      if (isReadOnly(error)) this.#leave(client)
      if (!isUnknownScript(error)) throw error
      // It did not run. EVAL makes it known to the very server that is asked.
      return (await client.callBuffer('EVAL', script.source, ...rest)) as Reply
    }
  }

  /** A primary that is demoted may keep its connections while its address leads elsewhere: only a new one finds out. */
  #leave(client: RedisClient): void {
    const now = this.#clock.monotonic()
    if (isCluster(client) || now - (this.#left.get(client) ?? -LEAVE_MS) < LEAVE_MS) return
    this.#left.set(client, now)
    client.disconnect(true)
  }

  #mustBeOpen(): void {
    if (this.#closed)
      throw new SpillwayError('closed', 'The connection to Redis is closed: nothing has happened.')
  }

  #stateKey(partition: number): string {
    const key = this.#stateKeys[partition]
    invariant(key !== undefined, `Partition ${partition} was asked for in a store of ${this.partitions}`)
    return key
  }
}

/** As `identity` of shared.lua says it of a master; of anything else nothing that it could say. */
function identityIn(info: string): string {
  const [runId, role, replid] = ['run_id', 'role', 'master_replid'].map(
    (field) => new RegExp(`^${field}:(\\w+)`, 'm').exec(info)?.[1],
  )
  return role === 'master' ? `${runId}-${replid}` : ''
}
