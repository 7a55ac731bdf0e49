/** The records of one collection: the public methods, from JavaScript values and JSON text to the engine's bytes. */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { Backoff } from '../kit/backoff.ts'
import type { RecordRef, Write } from '../model/entry.ts'
import { PREEXISTING, versionFrom } from '../model/position.ts'
import type { Position, Version } from '../model/position.ts'
import type { Value } from '../model/value.ts'
import type { Held } from '../ports/front.ts'
import { jsonOf, parseJson } from './collection-runtime.ts'
import type { CollectionRuntime } from './collection-runtime.ts'
import type { Engine } from './engine.ts'
import { asked } from './asked.ts'
import { ReceiptOutcome, waitMs } from './receipt.ts'
import type {
  BatchWrite,
  JsonCopy,
  JsonRecord,
  JsonWrite,
  ReadOptions,
  Receipt,
  RecordOf,
  Records,
  SealReceipt,
  Trace,
  WriteOptions,
} from './tier.ts'

/** Starts of `update` before it gives up. */
const UPDATE_ATTEMPTS_MAX = 64
/** How long a read with `stale: 'ok'` tries to be exact. */
const STALE_MS = 250

/** Of a write that says nothing more. */
const UNCONDITIONAL: WriteOptions = {}

export class EngineRecords<T> implements Records<T> {
  readonly collection: string
  readonly #engine: Engine
  readonly #runtime: CollectionRuntime

  constructor(engine: Engine, runtime: CollectionRuntime) {
    this.collection = runtime.name
    this.#engine = engine
    this.#runtime = runtime
  }

  put(key: string, value: T, options: WriteOptions = UNCONDITIONAL): Promise<Receipt> {
    let admitted: Value | Promise<Value>
    try {
      this.#runtime.checkKey(key)
      admitted = this.#runtime.admit(key, value)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#admitted(key, admitted, options)
  }

  putJson(key: string, json: Uint8Array, options: WriteOptions = UNCONDITIONAL): Promise<Receipt> {
    let admitted: Value | Promise<Value>
    try {
      this.#runtime.checkKey(key)
      admitted = this.#runtime.admitJson(key, json)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#admitted(key, admitted, options)
  }

  delete(key: string, options: WriteOptions = UNCONDITIONAL): Promise<Receipt> {
    try {
      this.#runtime.checkKey(key)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#write(key, undefined, options)
  }

  async update(
    key: string,
    fn: (current: T | undefined) => T | undefined | Promise<T | undefined>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Receipt> {
    const { clock, random } = this.#engine.context
    const backoff = new Backoff({ clock, random, baseMs: 1, pauseMsMax: 50 })
    for (let attempt = 1; ; attempt += 1) {
      const record = await this.get(key, options)
      const next = await fn(record?.value)
      const condition = { ...options, ifVersion: record?.version ?? 0 }
      try {
        return next === undefined ? await this.delete(key, condition) : await this.put(key, next, condition)
      } catch (error) {
        if (!isSpillwayError(error, 'version-mismatch') || attempt >= UPDATE_ATTEMPTS_MAX) throw error
        await backoff.pause(options.signal)
      }
    }
  }

  async get(key: string, options: ReadOptions = {}): Promise<RecordOf<T> | undefined> {
    const record = await this.getJson(key, options)
    return record && { key, version: record.version, value: parseJson(record.json) as T }
  }

  getJson(key: string, options: ReadOptions = {}): Promise<JsonRecord | undefined> {
    try {
      this.#runtime.checkKey(key)
      const partition = this.#runtime.partitionOf(key)
      const ref = this.#ref(key)
      if (options.atLeast === undefined && options.signal === undefined && options.timeoutMs === undefined) {
        const held = this.#engine.peek(partition, ref)
        if (held !== undefined) return Promise.resolve(jsonRecord(key, held))
        if (options.stale === undefined) return this.#usual(partition, ref)
      }
      return this.#read(partition, [ref], options).then((held) => jsonRecord(key, held[0]))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A read that asks for nothing special. */
  #usual(partition: number, ref: RecordRef): Promise<JsonRecord | undefined> {
    const limits = { timeoutMs: this.#engine.context.settings.waitMs }
    return this.#engine.get(partition, [ref], limits).then((held) => jsonRecord(ref.key, held[0]))
  }

  peekInto(key: string, target: Uint8Array, at: number): JsonCopy | undefined {
    this.#runtime.checkKey(key)
    return this.#engine.peekInto(this.#runtime.partitionOf(key), this.#ref(key), target, at)
  }

  async getMany(keys: readonly string[], options: ReadOptions = {}): Promise<(RecordOf<T> | undefined)[]> {
    const records = await this.getManyJson(keys, options)
    return records.map(
      (record) => record && { key: record.key, version: record.version, value: parseJson(record.json) as T },
    )
  }

  async getManyJson(keys: readonly string[], options: ReadOptions = {}): Promise<(JsonRecord | undefined)[]> {
    const { batchMax } = this.#engine.context.settings
    if (keys.length > batchMax)
      throw new SpillwayError(
        'invalid',
        `${keys.length} keys are more than one call takes (batchMax = ${batchMax}).`,
      )
    const byPartition = new Map<number, number[]>()
    keys.forEach((key, index) => {
      this.#runtime.checkKey(key)
      const partition = this.#runtime.partitionOf(key)
      const indexes = byPartition.get(partition)
      if (indexes === undefined) byPartition.set(partition, [index])
      else indexes.push(index)
    })
    const records: (JsonRecord | undefined)[] = new Array(keys.length).fill(undefined)
    await Promise.all(
      [...byPartition].map(async ([partition, indexes]) => {
        const refs = indexes.map((index) => this.#ref(keys[index] as string))
        const held = await this.#read(partition, refs, options)
        indexes.forEach((index, n) => (records[index] = jsonRecord(keys[index] as string, held[n])))
      }),
    )
    return records
  }

  putMany(
    writes: readonly BatchWrite<T>[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<(Receipt | SpillwayError)[]> {
    return this.#each<{ readonly key: string; readonly value: T }>(writes, options, (write) =>
      this.#runtime.admit(write.key, write.value),
    )
  }

  putManyJson(
    writes: readonly JsonWrite[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<(Receipt | SpillwayError)[]> {
    return this.#each<{ readonly key: string; readonly json: Uint8Array }>(writes, options, (write) =>
      this.#runtime.admitJson(write.key, write.json),
    )
  }

  async invalidate(key: string): Promise<void> {
    this.#runtime.checkKey(key)
    await this.#engine.invalidate(this.#runtime.partitionOf(key), this.#ref(key))
  }

  async seal(): Promise<SealReceipt> {
    return { collection: this.collection, positions: await this.#engine.seal(this.collection) }
  }

  async trace(key: string): Promise<Trace> {
    this.#runtime.checkKey(key)
    const partition = this.#runtime.partitionOf(key)
    const ref = this.#ref(key)
    const { shape, context } = this.#engine
    const one = shape.partitions[partition]
    const front = await shape.front.read(partition, [ref]).catch(() => undefined)
    const held = front?.held[0]
    // The position before the parked: what was parked in between is then above the position that is reported.
    const row = await context.database.read(partition, [ref]).catch(() => undefined)
    const parked = row === undefined ? undefined : await asked(context.database.parked.get(ref))
    const table = parked?.table ?? row?.held[0]
    const landed = row?.position ?? one?.landed.position ?? 0
    return {
      collection: this.collection,
      key,
      partition,
      front: {
        state: front === undefined ? 'away' : frontState(held),
        version: held === undefined ? null : held.version,
      },
      journal: { end: one?.end ?? 0, landed, pending: this.#engine.pendingOf(partition) },
      database: { version: table === undefined || table.version === 0 ? null : table.version },
      parked: parked === undefined ? null : { version: parked.version, cause: parked.cause },
    }
  }

  #ref(key: string): RecordRef {
    return { collection: this.collection, key }
  }

  #admitted(key: string, admitted: Value | Promise<Value>, options: WriteOptions): Promise<Receipt> {
    if (!(admitted instanceof Promise)) return this.#write(key, admitted, options)
    return admitted.then((value) => this.#write(key, value, options))
  }

  /** One promise from the call to the receipt: each further one costs every write a turn and garbage. */
  #write(key: string, value: Value | undefined, options: WriteOptions): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const partition = this.#runtime.partitionOf(key)
      const write: Write = {
        collection: this.collection,
        key,
        value,
        ifVersion: ifVersion(options.ifVersion),
      }
      const outcome = new ReceiptOutcome(this.#engine, partition, write, resolve, reject)
      this.#engine.begin({ partition, writes: [write], signal: options.signal }, outcome)
    })
  }

  async #read(partition: number, refs: readonly RecordRef[], options: ReadOptions): Promise<readonly Held[]> {
    const timeoutMs = waitMs(this.#engine, options.timeoutMs)
    const limits = {
      // Who takes an older value does not want to wait for a newer one, unless a version was asked for.
      timeoutMs:
        options.stale === 'ok' && options.atLeast === undefined ? Math.min(timeoutMs, STALE_MS) : timeoutMs,
      atLeast: options.atLeast === undefined ? undefined : this.#atLeast(partition, options.atLeast),
      signal: options.signal,
    }
    try {
      return await this.#engine.get(partition, refs, limits)
    } catch (error) {
      if (
        options.stale !== 'ok' ||
        !(isSpillwayError(error, 'catching-up') || isSpillwayError(error, 'unavailable'))
      )
        throw error
      return this.#engine.getStale(partition, refs)
    }
  }

  /** A version that this partition's journal has not reached is of another key or deployment: no wait would end. */
  #atLeast(partition: number, given: number): Position | undefined {
    const version = versionFrom(given, 'atLeast')
    if (version <= PREEXISTING) return undefined
    const end = this.#engine.shape.partitions[partition]?.end ?? 0
    if (version > end && !this.#engine.mayGrowElsewhere) {
      throw new SpillwayError(
        'invalid',
        `atLeast ${given} is above the end of the journal (${end}); pass a version that a receipt of this key gave.`,
      )
    }
    return version
  }

  /** Writes of different keys go together; those of one key one after the other, in the order given. */
  async #each<W extends { readonly key: string }>(
    writes: readonly (W | Deletion)[],
    options: { readonly signal?: AbortSignal },
    admit: (write: W) => Value | Promise<Value>,
  ): Promise<(Receipt | SpillwayError)[]> {
    const { batchMax } = this.#engine.context.settings
    if (writes.length > batchMax)
      throw new SpillwayError(
        'invalid',
        `${writes.length} writes are more than one call takes (batchMax = ${batchMax}).`,
      )
    if (options.signal?.aborted === true) throw givenUp(options.signal)
    const before = new Map<string, Promise<unknown>>()
    const outcomes = await Promise.allSettled(
      writes.map((write) => {
        const one = this.#one(write, options, admit, before.get(write.key))
        before.set(write.key, one)
        return one
      }),
    )
    return outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : asSpillwayError(outcome.reason, options.signal),
    )
  }

  async #one<W extends { readonly key: string }>(
    write: W | Deletion,
    options: { readonly signal?: AbortSignal },
    admit: (write: W) => Value | Promise<Value>,
    before: Promise<unknown> | undefined,
  ): Promise<Receipt> {
    this.#runtime.checkKey(write.key)
    const value = isDeletion(write) ? undefined : await admit(write)
    await before?.catch(() => undefined)
    return this.#write(write.key, value, { ...options, ...condition(write) })
  }
}

interface Deletion {
  readonly key: string
  readonly delete: true
}

export function isDeletion(write: object): write is Deletion {
  return 'delete' in write && write.delete === true
}

export function ifVersion(given: number | undefined): Version | undefined {
  return given === undefined ? undefined : versionFrom(given, 'ifVersion')
}

function condition(write: object): { ifVersion?: number } {
  const given = 'ifVersion' in write ? write.ifVersion : undefined
  return given === undefined ? {} : { ifVersion: given as number }
}

function frontState(held: Held | undefined): 'held' | 'absent' | 'miss' {
  if (held === undefined) return 'miss'
  return held.value === undefined ? 'absent' : 'held'
}

function jsonRecord(key: string, held: Held | undefined): JsonRecord | undefined {
  return held?.value === undefined ? undefined : { key, version: held.version, json: jsonOf(held.value) }
}

/** What is no SpillwayError is a defect, and says so. */
export function asSpillwayError(error: unknown, signal?: AbortSignal): SpillwayError {
  if (isSpillwayError(error)) return error
  // What was sent and given up has a handle; a bare reason is of a write that was not sent.
  if (signal?.aborted === true) return givenUp(signal)
  return new SpillwayError(
    'internal',
    `Unexpected: ${error instanceof Error ? error.message : String(error)}. Please report this.`,
    { cause: error },
  )
}

function givenUp(signal: AbortSignal): SpillwayError {
  return new SpillwayError('unavailable', 'Given up before it was sent; nothing has happened.', {
    cause: signal.reason,
  })
}
