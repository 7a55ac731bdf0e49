/**
 * Parked writes from the outside: looked at, landed again, or overtaken by a newer entry.
 *
 * There is no discard: a store edited by hand would no longer equal the others. `resolve` writes a newer entry
 * through the journal, on the condition that the parked write is still the key's newest.
 */
import { SpillwayError } from '../errors.ts'
import type { RecordRef, Write } from '../model/entry.ts'
import type { Version } from '../model/position.ts'
import { jsonOf } from './collection-runtime.ts'
import { asked } from './asked.ts'
import type { Engine } from './engine.ts'
import { EngineReceipt } from './receipt.ts'
import type { Parked, ParkedInfo, Receipt } from './tier.ts'
import type { ParkedItem } from '../ports/database.ts'

const LIST_MAX = 1_000

export class ParkedWrites implements Parked {
  readonly #engine: Engine
  /** Checks names and keys; the partition of a key. */
  readonly #locate: (collection: string, key: string) => number

  constructor(engine: Engine, locate: (collection: string, key: string) => number) {
    this.#engine = engine
    this.#locate = locate
  }

  async list(
    options: { readonly collection?: string; readonly after?: string; readonly limit?: number } = {},
  ): Promise<{ items: ParkedInfo[]; next: string | null }> {
    const limit = options.limit ?? 100
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= LIST_MAX))
      throw new SpillwayError('invalid', `limit must be from 1 to ${LIST_MAX}.`)
    const page = await asked(this.#engine.context.database.parked.list({ ...options, limit }))
    return { items: page.items.map((item) => infoOf(item)), next: page.next ?? null }
  }

  async get(
    collection: string,
    key: string,
  ): Promise<(ParkedInfo & { readonly json: Uint8Array | undefined }) | undefined> {
    this.#locate(collection, key)
    const item = await asked(this.#engine.context.database.parked.get({ collection, key }))
    return item === undefined
      ? undefined
      : { ...infoOf(item), json: item.value === undefined ? undefined : jsonOf(item.value) }
  }

  async retry(collection: string, key: string): Promise<Receipt> {
    const partition = this.#locate(collection, key)
    const { database } = this.#engine.context
    const item = await asked(database.parked.get({ collection, key }))
    if (item === undefined) throw nothingParked(collection, key)
    const rows = item.frame === undefined ? [item] : await this.#frame(item)
    // By key and version: a retry that was carried out without an answer finds nothing the second time.
    const outcomes = await asked(
      database.parked.retry(
        partition,
        rows.map((row) => ({ ref: { collection: row.collection, key: row.key }, version: row.version })),
      ),
    )
    await this.#engine.refreshLanded(partition)
    const rejected = outcomes.find((outcome) => typeof outcome === 'object')
    if (rejected !== undefined)
      throw new SpillwayError(
        'parked',
        `Still not accepted by the database: ${(rejected as { rejected: string }).rejected}. Resolve it, or mend the table and retry.`,
      )
    return new EngineReceipt(this.#engine, partition, item, item.version, 'landed')
  }

  async resolve(
    collection: string,
    key: string,
    how: { readonly with: 'delete' | 'table'; readonly version: number },
  ): Promise<Receipt> {
    const partition = this.#locate(collection, key)
    const item = await asked(this.#engine.context.database.parked.get({ collection, key }))
    if (item === undefined) throw nothingParked(collection, key)
    if (item.version !== how.version) {
      throw new SpillwayError(
        'version-mismatch',
        `Version ${item.version} is parked, not ${how.version}; look at it before you resolve it.`,
      )
    }
    const value = how.with === 'table' ? item.table.value : undefined
    const condition = item.value === undefined ? (0 as Version) : item.version
    const write: Write = { collection, key, value, ifVersion: condition }
    const written = await this.#engine.write(partition, [write])
    return new EngineReceipt(this.#engine, partition, write, written.first, written.stage)
  }

  /** All parked writes of an item's frame, as a frame lands whole. Bounded by how many may be parked. */
  async #frame(item: ParkedItem): Promise<readonly ParkedItem[]> {
    const found: ParkedItem[] = []
    let after: string | undefined
    do {
      const page = await asked(
        this.#engine.context.database.parked.list({
          limit: LIST_MAX,
          ...(after === undefined ? {} : { after }),
        }),
      )
      found.push(...page.items.filter((one) => one.partition === item.partition && one.frame === item.frame))
      after = page.next
    } while (after !== undefined)
    return found
  }
}

function nothingParked(collection: string, key: string): SpillwayError {
  return new SpillwayError(
    'not-found',
    `Nothing is parked under ${collection}/${key}: it landed, or a newer write overtook it.`,
  )
}

function infoOf(item: ParkedItem & RecordRef): ParkedInfo {
  const { collection, key, version, cause, attempts, bytes } = item
  return { collection, key, version, cause, attempts, bytes, at: new Date(item.at).toISOString() }
}
