/** The tier: the public API over one engine. */
import { SpillwayError } from '../errors.ts'
import type { Write } from '../model/entry.ts'
import { plus } from '../model/position.ts'
import type { Value } from '../model/value.ts'
import type { Collection } from '../options/collection.ts'
import { checkCollectionName } from '../options/collection.ts'
import { CollectionRuntime, jsonOf } from './collection-runtime.ts'
import type { CollectionSpec } from './collection-runtime.ts'
import type { Engine } from './engine.ts'
import { ParkedWrites } from './park.ts'
import { EngineReceipt } from './receipt.ts'
import { EngineRecords, ifVersion, isDeletion } from './records.ts'
import { StatusBoard } from './status.ts'
import type { Profile } from './status.ts'
import type {
  AtomicWrite,
  CloseReport,
  Parked,
  Receipt,
  Records,
  Status,
  Tier,
  VerifyReport,
} from './tier.ts'
import { verify } from './verify.ts'

/** Undeclared collections that are remembered; beyond it the oldest is compiled again when it comes back. */
const UNDECLARED_MAX = 1_000
const DRAIN_MS = 10_000

export interface SpillwayOptions {
  readonly engine: Engine
  readonly profile: Profile
  /** Empty: every good name is taken. */
  readonly collections: readonly CollectionRuntime[]
  /** Where journaled writes are safe, for the report at close. */
  readonly where: string
}

export class Spillway implements Tier {
  readonly parked: Parked
  readonly #engine: Engine
  readonly #options: SpillwayOptions
  readonly #declared: ReadonlyMap<string, CollectionRuntime>
  readonly #undeclared = new Map<string, CollectionRuntime>()
  readonly #board: StatusBoard

  constructor(options: SpillwayOptions) {
    this.#options = options
    this.#engine = options.engine
    this.#declared = new Map(options.collections.map((one) => [one.name, one]))
    this.#board = new StatusBoard(options.engine, options.profile)
    this.parked = new ParkedWrites(options.engine, (collection, key) => {
      const runtime = this.#runtime(collection)
      runtime.checkKey(key)
      return runtime.partitionOf(key)
    })
  }

  records<T = unknown>(collection: Collection<T> | string): Records<T> {
    return new EngineRecords<T>(this.#engine, this.#runtime(nameOf(collection)))
  }

  async atomic(
    writes: readonly AtomicWrite[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Receipt[]> {
    this.#checkLength(writes.length)
    const admitted = await Promise.all(writes.map((write) => this.#admit(write)))
    const partition = this.#partitionOfFrame(admitted)
    const written = await this.#engine.write(partition, admitted, options.signal)
    return admitted.map(
      (write, index) =>
        new EngineReceipt(this.#engine, partition, write, plus(written.first, index), written.stage),
    )
  }

  async settle(entry: string, options: { readonly signal?: AbortSignal } = {}): Promise<Receipt> {
    const settled = await this.#engine.settle(entry, options.signal)
    const { handle } = settled
    if (settled.kind === 'void')
      throw new SpillwayError(
        'void',
        'The entry never counted and never will; it is safe to send the write again.',
      )
    if (settled.kind === 'refused')
      throw new SpillwayError(settled.code, 'The entry was refused in journal order; nothing was changed.')
    return new EngineReceipt(this.#engine, handle.partition, handle.ref, settled.first, settled.stage)
  }

  async status(): Promise<Status> {
    let why: string | undefined
    await this.#engine.ready().catch((error: unknown) => {
      why = error instanceof SpillwayError ? error.detail : String(error)
    })
    return this.#board.read(why === undefined, why)
  }

  ready(): Promise<void> {
    return this.#engine.ready()
  }

  verify(
    options: { readonly signal?: AbortSignal; readonly onProgress?: (rows: number) => void } = {},
  ): Promise<VerifyReport> {
    const partitionOf = (collection: string, key: string): number | undefined =>
      this.#declared.size > 0 && !this.#declared.has(collection)
        ? undefined
        : this.#runtime(collection).partitionOf(key)
    const landedJson = (collection: string, key: string, value: Value): Uint8Array =>
      this.#declared.get(collection)?.landedJson(key, value) ?? jsonOf(value)
    return verify(this.#engine, { ...options, partitionOf, landedJson })
  }

  async close(options: { readonly drainMs?: number } = {}): Promise<CloseReport> {
    const closed = await this.#engine.close(options.drainMs ?? DRAIN_MS)
    return { ...closed, where: this.#options.where }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #runtime(name: string): CollectionRuntime {
    const declared = this.#declared.get(name)
    if (declared !== undefined) return declared
    if (this.#declared.size > 0) {
      throw new SpillwayError(
        'invalid',
        `Collection ${JSON.stringify(name)} is not declared; there are ${[...this.#declared.keys()].join(', ')}.`,
      )
    }
    checkCollectionName(name)
    let runtime = this.#undeclared.get(name)
    if (runtime === undefined) {
      runtime = this.#compile({ name, options: {} })
      if (this.#undeclared.size >= UNDECLARED_MAX)
        this.#undeclared.delete(this.#undeclared.keys().next().value as string)
      this.#undeclared.set(name, runtime)
    }
    return runtime
  }

  #compile(spec: CollectionSpec): CollectionRuntime {
    return new CollectionRuntime(spec, this.#engine.partitions, this.#engine.context.settings.nestingMax)
  }

  async #admit(write: AtomicWrite): Promise<Write & { readonly partition: number }> {
    const collection = nameOf(write.collection)
    const runtime = this.#runtime(collection)
    const { key } = write
    runtime.checkKey(key)
    const value = isDeletion(write)
      ? undefined
      : await ('json' in write ? runtime.admitJson(key, write.json) : runtime.admit(key, write.value))
    return {
      collection,
      key,
      value,
      ifVersion: ifVersion(write.ifVersion),
      partition: runtime.partitionOf(key),
    }
  }

  #checkLength(writes: number): void {
    const { batchMax } = this.#engine.context.settings
    const { frameWritesMax = batchMax } = this.#engine.shape
    if (writes > 0 && writes <= Math.min(batchMax, frameWritesMax)) return
    const bound =
      frameWritesMax < batchMax
        ? `${frameWritesMax} writes, the most that this journal takes as a whole`
        : `${batchMax} writes (batchMax)`
    throw new SpillwayError(
      'invalid',
      `A frame has 1 to ${bound}; this one has ${writes}. Send several frames, or single writes.`,
    )
  }

  #partitionOfFrame(writes: readonly (Write & { readonly partition: number })[]): number {
    const partition = (writes[0] as { partition: number }).partition
    const seen = new Set<string>()
    for (const write of writes) {
      if (write.partition !== partition) {
        throw new SpillwayError(
          'invalid',
          `A frame must be in one partition: ${JSON.stringify(write.key)} is in ${write.partition}, the first key in ${partition}. Use equal keys, or partitionBy.`,
        )
      }
      const id = `${write.collection}\0${write.key}`
      if (seen.has(id))
        throw new SpillwayError(
          'invalid',
          `A frame may hold a key once: ${write.collection}/${write.key} is in it twice.`,
        )
      seen.add(id)
    }
    return partition
  }
}

function nameOf(collection: { readonly name: string } | string): string {
  return typeof collection === 'string' ? collection : collection.name
}
