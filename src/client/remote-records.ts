/** The record methods over HTTP. */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { memberOf } from '../kit/json-text.ts'
import { RemoteReceipt } from './receipt.ts'
import { errorFrom } from './transport.ts'
import { jsonText, parsed, queryOf, recordPath, segment } from './wire.ts'
import type { AskTrace, ReceiptBody } from './receipt.ts'
import type {
  BatchWrite,
  JsonRecord,
  ReadOptions,
  Receipt,
  RecordOf,
  SealReceipt,
  Trace,
  WriteOptions,
} from '../index.ts'
import type { Records, SignalOptions } from './remote-tier.ts'
import type { Transport } from './transport.ts'

const UPDATES_MAX = 64
const READ_WAIT_MS = 5_000

/** The server waits for `atLeast` and for what it has to fetch. */
function waitOf({ timeoutMs = READ_WAIT_MS }: ReadOptions): number {
  return timeoutMs
}

function readQuery({ atLeast, stale, timeoutMs }: ReadOptions): string {
  return queryOf({ atLeast, stale, timeoutMs })
}

/** An outcome in a batch's answer. */
export type ResultBody = ReceiptBody | Parameters<typeof errorFrom>[0]

/** The answer of a batch, as receipts and errors in order. */
export function outcomesOf(results: readonly ResultBody[], trace: AskTrace): (Receipt | SpillwayError)[] {
  return results.map((result) => ('version' in result ? new RemoteReceipt(result, trace) : errorFrom(result)))
}

/** The body of a batch; values are put in as the text that they are. */
export function batchBody(writes: readonly BatchWrite<unknown>[], atomic: boolean): string {
  const items = writes.map((write) => {
    const condition = write.ifVersion === undefined ? '' : `,"ifVersion":${jsonText(write.ifVersion)}`
    const what = 'delete' in write ? '"delete":true' : `"value":${jsonText(write.value)}`
    return `{"key":${jsonText(write.key)},${what}${condition}}`
  })
  return `{"writes":[${items.join(',')}]${atomic ? ',"atomic":true' : ''}}`
}

export class RemoteRecords<T> implements Records<T> {
  readonly collection: string
  readonly #transport: Transport
  readonly #trace: AskTrace

  constructor(collection: string, transport: Transport, trace: AskTrace) {
    this.collection = collection
    this.#transport = transport
    this.#trace = trace
  }

  async put(key: string, value: T, options?: WriteOptions): Promise<Receipt> {
    return this.#write('PUT', key, jsonText(value), options)
  }

  async putJson(key: string, json: Uint8Array, options?: WriteOptions): Promise<Receipt> {
    return this.#write('PUT', key, json, options)
  }

  async delete(key: string, options?: WriteOptions): Promise<Receipt> {
    return this.#write('DELETE', key, undefined, options)
  }

  async update(
    key: string,
    fn: (current: T | undefined) => T | undefined | Promise<T | undefined>,
    { signal }: SignalOptions = {},
  ): Promise<Receipt> {
    const given = signal === undefined ? {} : { signal }
    for (let tries = 1; ; tries += 1) {
      const current = await this.get(key, given)
      const next = await fn(current?.value)
      const options = { ...given, ifVersion: current?.version ?? 0 }
      try {
        return await (next === undefined ? this.delete(key, options) : this.put(key, next, options))
      } catch (error) {
        if (!isSpillwayError(error, 'version-mismatch') || tries === UPDATES_MAX) throw error
      }
    }
  }

  async get(key: string, options: ReadOptions = {}): Promise<RecordOf<T> | undefined> {
    const bytes = await this.#read(key, options)
    if (bytes === undefined) return undefined
    const { version, value } = parsed<RecordOf<T>>(bytes)
    return { key, version, value }
  }

  async getJson(key: string, options: ReadOptions = {}): Promise<JsonRecord | undefined> {
    const bytes = await this.#read(key, options)
    if (bytes === undefined) return undefined
    const { version } = parsed<RecordOf<T>>(bytes)
    const value = memberOf(bytes, 'value')
    if (value === undefined)
      throw new SpillwayError('internal', 'The server answered a read without a value.')
    return { key, version, json: bytes.slice(value.start, value.end) }
  }

  async getMany(keys: readonly string[], options: ReadOptions = {}): Promise<(RecordOf<T> | undefined)[]> {
    const bytes = await this.#transport.send({
      method: 'POST',
      path: `/v1/records/${segment(this.collection, 'The collection')}/get${readQuery(options)}`,
      writes: false,
      body: JSON.stringify({ keys }),
      waitMs: waitOf(options),
      signal: options.signal,
    })
    const { records } = parsed<{ records: (RecordOf<T> | null)[] }>(bytes)
    return records.map((record) =>
      record === null ? undefined : { key: record.key, version: record.version, value: record.value },
    )
  }

  async putMany(
    writes: readonly BatchWrite<T>[],
    { signal }: SignalOptions = {},
  ): Promise<(Receipt | SpillwayError)[]> {
    const bytes = await this.#transport.send({
      method: 'POST',
      path: `/v1/records/${segment(this.collection, 'The collection')}/batch`,
      writes: true,
      body: batchBody(writes, false),
      signal,
    })
    return outcomesOf(parsed<{ results: ResultBody[] }>(bytes).results, this.#trace)
  }

  async seal(): Promise<SealReceipt> {
    const path = `/v1/collections/${segment(this.collection, 'The collection')}/seal`
    return parsed(await this.#transport.send({ method: 'POST', path, writes: true }))
  }

  async trace(key: string): Promise<Trace> {
    return this.#trace(this.collection, key, undefined)
  }

  async #read(key: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    try {
      return await this.#transport.send({
        method: 'GET',
        path: recordPath(this.collection, key) + readQuery(options),
        writes: false,
        waitMs: waitOf(options),
        signal: options.signal,
      })
    } catch (error) {
      if (isSpillwayError(error, 'not-found')) return undefined
      throw error
    }
  }

  async #write(
    method: 'PUT' | 'DELETE',
    key: string,
    body: string | Uint8Array | undefined,
    { ifVersion, signal }: WriteOptions = {},
  ): Promise<Receipt> {
    const bytes = await this.#transport.send({
      method,
      path: recordPath(this.collection, key),
      writes: true,
      signal,
      ...(body === undefined ? {} : { body }),
      ...(ifVersion === undefined ? {} : { headers: { 'if-match': `"${ifVersion}"` } }),
    })
    return new RemoteReceipt(parsed<ReceiptBody>(bytes), this.#trace)
  }
}
