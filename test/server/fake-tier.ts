/**
 * A tier in a map, for tests of what stands in front of one. It keeps what a tier promises of a single process:
 * versions that grow in write order, conditions, frames that are all or nothing, seals, parking; it lands only when
 * told to, and a test can make its next write end as it likes.
 */
import { SpillwayError } from '../../src/errors.ts'
import { checkNesting, parseJson } from '../../src/kit/json-text.ts'
import { checkCollectionName } from '../../src/options/collection.ts'
import type { Collection } from '../../src/options/collection.ts'
import type {
  CloseReport,
  AtomicWrite,
  BatchWrite,
  JsonRecord,
  JsonWrite,
  Parked,
  ParkedInfo,
  ReadOptions,
  Receipt,
  RecordOf,
  Records,
  SealReceipt,
  Stage,
  Status,
  Tier,
  Trace,
  WaitOptions,
  WriteOptions,
} from '../../src/index.ts'

interface Row {
  readonly version: number
  readonly json: Uint8Array | undefined
}

const BASE = 2 ** 37
const encoder = new TextEncoder()
const encode = (value: unknown): Uint8Array => {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new SpillwayError('invalid', 'undefined is not JSON')
  return encoder.encode(text)
}
const decode = (json: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(json))
const settled = (error: unknown): SpillwayError => {
  if (error instanceof SpillwayError) return error
  throw error
}

export class FakeTier implements Tier {
  readonly rows = new Map<string, Map<string, Row>>()
  readonly #parked = new Map<string, ParkedInfo & { readonly json: Uint8Array | undefined }>()
  readonly #sealed = new Set<string>()
  readonly #entries = new Map<string, Receipt | SpillwayError>()
  #end = BASE
  #landed = BASE
  /** What the next write rejects with, after it took effect if `effect`. */
  failNext: { readonly error: SpillwayError; readonly effect: boolean } | undefined
  /** What `ready` rejects with. */
  notReady: SpillwayError | undefined
  /** What the next trace rejects with. */
  failTrace: SpillwayError | undefined
  stage: Stage = 'visible'
  /** How long an answer of `get` takes to be there. */
  getGate: Promise<void> | undefined
  readonly aborted: string[] = []

  #collection(name: string): Map<string, Row> {
    let rows = this.rows.get(name)
    if (rows === undefined) this.rows.set(name, (rows = new Map()))
    return rows
  }

  #check(collection: string, key: string, json: Uint8Array | undefined): void {
    const bytes = Buffer.byteLength(key)
    if (bytes < 1 || bytes > 512)
      throw new SpillwayError('invalid', `A key has 1 to 512 bytes; this one has ${bytes}.`)
    if (!key.isWellFormed() || key === '.' || key === '..')
      throw new SpillwayError('invalid', 'This is not a key.')
    if (json === undefined) return
    if (json.length > 2 ** 20)
      throw new SpillwayError(
        'too-large',
        `The value has ${json.length} bytes; at most 1048576 are taken (valueBytesMax).`,
      )
    checkNesting(json, 512)
    parseJson(json, 512)
    if (this.#sealed.has(collection)) throw new SpillwayError('sealed', `${collection} is sealed.`)
  }

  #write(
    collection: string,
    key: string,
    json: Uint8Array | undefined,
    ifVersion: number | undefined,
  ): Receipt {
    this.#check(collection, key, json)
    const rows = this.#collection(collection)
    const current = rows.get(key)
    const version = current?.json === undefined ? 0 : current.version
    if (ifVersion !== undefined && ifVersion !== version)
      throw new SpillwayError('version-mismatch', `The record has version ${version}, not ${ifVersion}.`)
    const fail = this.failNext
    this.failNext = undefined
    if (fail !== undefined && !fail.effect) {
      if (fail.error.entry !== undefined)
        this.#entries.set(fail.error.entry, new SpillwayError('void', 'It never counted.'))
      throw fail.error
    }
    this.#end += 1
    rows.set(key, { version: this.#end, json: json?.slice() })
    const receipt = this.#receipt(collection, key, this.#end)
    if (fail !== undefined) {
      if (fail.error.entry !== undefined) this.#entries.set(fail.error.entry, receipt)
      throw fail.error
    }
    return receipt
  }

  #receipt(collection: string, key: string, version: number): Receipt {
    const landed = async ({ timeoutMs = 5_000, signal }: WaitOptions = {}): Promise<Stage> => {
      const until = performance.now() + timeoutMs
      for (;;) {
        const parked = this.#parked.get(`${collection}/${key}`)
        if (parked?.version === version) throw new SpillwayError('parked', `Parked: ${parked.cause}`)
        if (this.#landed >= version) return 'landed'
        if (performance.now() >= until) return this.stage
        if (signal?.aborted === true) {
          this.aborted.push('landed')
          throw signal.reason as Error
        }
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    }
    return { collection, key, version, stage: this.stage, landed, visible: async () => 'visible' }
  }

  /** Everything written so far is in the database. */
  land(): void {
    this.#landed = this.#end
  }

  /** The present value of the key was not accepted. */
  park(collection: string, key: string, cause: string): void {
    const row = this.#collection(collection).get(key)
    if (row === undefined) throw new Error('nothing to park')
    const at = '2026-01-02T03:04:05.006Z'
    this.#parked.set(`${collection}/${key}`, {
      collection,
      key,
      version: row.version,
      cause,
      attempts: 1,
      bytes: row.json?.length ?? 0,
      at,
      json: row.json,
    })
  }

  records<T>(collection: Collection<T>): Records<T>
  records(collection: string): Records<unknown>
  records<T>(of: Collection<T> | string): Records<T> {
    const collection = typeof of === 'string' ? of : of.name
    checkCollectionName(collection)
    const putJson = async (
      key: string,
      json: Uint8Array,
      { ifVersion }: WriteOptions = {},
    ): Promise<Receipt> => this.#write(collection, key, json, ifVersion)
    const getJson = async (key: string, options: ReadOptions = {}): Promise<JsonRecord | undefined> => {
      this.#check(collection, key, undefined)
      options.signal?.addEventListener('abort', () => this.aborted.push('get'))
      await this.getGate
      const { atLeast = 0, timeoutMs = 5_000 } = options
      if (atLeast > this.#end)
        throw new SpillwayError('invalid', `atLeast is above the end of the journal, ${this.#end}.`)
      if (atLeast > 0 && this.stage === 'journaled')
        throw new SpillwayError('catching-up', `Not there after ${timeoutMs} ms.`)
      const row = this.#collection(collection).get(key)
      return row?.json === undefined ? undefined : { key, version: row.version, json: row.json }
    }
    const typed = (record: JsonRecord | undefined): RecordOf<T> | undefined =>
      record === undefined
        ? undefined
        : { key: record.key, version: record.version, value: decode(record.json) as T }
    const remove = async (key: string, { ifVersion }: WriteOptions = {}): Promise<Receipt> =>
      this.#write(collection, key, undefined, ifVersion)
    const putManyJson = (writes: readonly JsonWrite[]): Promise<(Receipt | SpillwayError)[]> =>
      Promise.all(
        writes.map((write) =>
          ('json' in write ? putJson(write.key, write.json, write) : remove(write.key, write)).catch(settled),
        ),
      )
    const getManyJson = (
      keys: readonly string[],
      options?: ReadOptions,
    ): Promise<(JsonRecord | undefined)[]> => Promise.all(keys.map((key) => getJson(key, options)))
    return {
      collection,
      putJson,
      put: (key, value, options) => putJson(key, encode(value), options),
      delete: remove,
      update: async (key, fn) => {
        const current = await getJson(key)
        const next = await fn(typed(current)?.value)
        const ifVersion = current?.version ?? 0
        return next === undefined ? remove(key, { ifVersion }) : putJson(key, encode(next), { ifVersion })
      },
      getJson,
      get: async (key, options) => typed(await getJson(key, options)),
      getManyJson,
      getMany: async (keys, options) => (await getManyJson(keys, options)).map(typed),
      putManyJson,
      putMany: (writes: readonly BatchWrite<T>[]) =>
        putManyJson(
          writes.map((write) => ('value' in write ? { ...write, json: encode(write.value) } : write)),
        ),
      invalidate: async () => {},
      seal: async (): Promise<SealReceipt> => {
        this.#sealed.add(collection)
        this.#end += 1
        return { collection, positions: [this.#end] }
      },
      trace: async (key): Promise<Trace> => {
        const fail = this.failTrace
        this.failTrace = undefined
        if (fail !== undefined) throw fail
        this.#check(collection, key, undefined)
        const row = this.#collection(collection).get(key)
        const parked = this.#parked.get(`${collection}/${key}`)
        const version = row?.version ?? null
        return {
          collection,
          key,
          partition: 0,
          front:
            row === undefined
              ? { state: 'miss', version: null }
              : { state: row.json === undefined ? 'absent' : 'held', version },
          journal: { end: this.#end, landed: this.#landed, pending: this.#end - this.#landed },
          database: { version: row !== undefined && row.version <= this.#landed ? row.version : null },
          parked: parked === undefined ? null : { version: parked.version, cause: parked.cause },
        }
      },
    }
  }

  async atomic(writes: readonly AtomicWrite[]): Promise<Receipt[]> {
    const before = new Map([...this.rows].map(([name, rows]) => [name, new Map(rows)]))
    try {
      return writes.map((write) => {
        const name = typeof write.collection === 'string' ? write.collection : write.collection.name
        checkCollectionName(name)
        const json = 'json' in write ? write.json : 'value' in write ? encode(write.value) : undefined
        return this.#write(name, write.key, json, write.ifVersion)
      })
    } catch (error) {
      this.rows.clear()
      for (const [name, rows] of before) this.rows.set(name, rows)
      throw error
    }
  }

  async settle(entry: string): Promise<Receipt> {
    const known = this.#entries.get(entry)
    if (known === undefined) throw new SpillwayError('invalid', 'This is not an entry.')
    if (known instanceof SpillwayError) throw known
    return known
  }

  readonly parked: Parked = {
    list: async ({ collection, after = '', limit = 100 } = {}) => {
      const all = [...this.#parked.values()]
        .filter((one) => (collection === undefined || one.collection === collection) && one.key > after)
        .sort((a, b) => (a.key < b.key ? -1 : 1))
      const items = all.slice(0, limit).map(({ json: _json, ...info }) => info)
      return { items, next: all.length > limit ? (items.at(-1)?.key ?? null) : null }
    },
    get: async (collection, key) => this.#parked.get(`${collection}/${key}`),
    retry: async (collection, key) => {
      const parked = this.#parkedOf(collection, key)
      if (parked.cause === 'for ever') throw new SpillwayError('parked', 'Still not accepted.')
      this.#parked.delete(`${collection}/${key}`)
      return this.#receipt(collection, key, parked.version)
    },
    resolve: async (collection, key, { with: how, version }) => {
      if (this.#parkedOf(collection, key).version !== version)
        throw new SpillwayError('version-mismatch', 'Another version is parked.')
      this.#parked.delete(`${collection}/${key}`)
      return this.#write(collection, key, how === 'delete' ? undefined : encode('table'), undefined)
    },
  }

  #parkedOf(collection: string, key: string): ParkedInfo {
    const parked = this.#parked.get(`${collection}/${key}`)
    if (parked === undefined) throw new SpillwayError('not-found', 'Nothing is parked there.')
    return parked
  }

  async status(): Promise<Status> {
    const accepted = this.#end - BASE
    const pending = this.#end - this.#landed
    const totals = { accepted, landed: accepted - pending, superseded: 0, refused: 0, parked: 0, pending }
    return {
      profile: 'fake',
      promise: 'Nothing survives the test.',
      ready: this.notReady === undefined,
      generation: 1,
      totals,
      partitions: [{ partition: 0, ...totals, lagMs: 0 }],
      drainSeconds: pending === 0 ? 0 : null,
      notes: [],
      bounds: { valueBytesMax: 2 ** 20 },
      usage: { frontBytes: 0, journalBytes: 0 },
    }
  }

  async ready(): Promise<void> {
    if (this.notReady !== undefined) throw this.notReady
  }

  async verify(): Promise<never> {
    throw new SpillwayError('internal', 'A fake cannot be verified.')
  }

  async close(): Promise<CloseReport> {
    return { pending: this.#end - this.#landed, confirmed: true, where: 'nowhere' }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
