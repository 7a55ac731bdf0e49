/**
 * The real engine as the clients of a simulation use it: by collection and key, with JSON text.
 *
 * Keys tell their partition (`p2k1` is in partition 2), so that the simulation can aim; everything else is passed
 * on as it is.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import type { Engine } from '../engine/engine.ts'
import type { RecordRef, Write } from '../model/entry.ts'
import type { Position, Version } from '../model/position.ts'
import { plainValue } from '../model/value.ts'
import type { Database, ParkedItem } from '../ports/database.ts'
import type { Held } from '../ports/front.ts'
import type { AskedWrite } from './history.ts'

export interface Receipt {
  readonly versions: readonly number[]
  readonly stage: string
}

export type TextRecord = { readonly version: number; readonly text: string } | undefined

const UPDATES_MAX = 64

export function partitionOfKey(key: string): number {
  return Number(key.slice(1, key.indexOf('k')))
}

export class Subject {
  readonly engine: Engine
  readonly #database: Database

  constructor(engine: Engine, database: Database) {
    this.engine = engine
    this.#database = database
  }

  async write(writes: readonly AskedWrite[], signal?: AbortSignal): Promise<Receipt> {
    const partition = partitionOfKey((writes[0] as AskedWrite).key)
    const { first, stage } = await this.engine.write(partition, writes.map(writeOf), signal)
    return { versions: versionsOf(first, writes.length), stage }
  }

  /** Reads, and writes on the condition that nothing came between, until it did not. */
  async update(ref: RecordRef, make: () => string): Promise<Receipt> {
    for (let tries = 1; ; tries += 1) {
      const [record] = await this.get(ref.collection, [ref.key], undefined)
      try {
        return await this.write([{ ...ref, text: make(), ifVersion: record?.version ?? 0 }])
      } catch (error) {
        if (!isSpillwayError(error, 'version-mismatch') || tries >= UPDATES_MAX) throw error
      }
    }
  }

  /** In the order of the keys; those of one partition with one call. */
  async get(collection: string, keys: readonly string[], atLeast: number | undefined): Promise<TextRecord[]> {
    const limits = {
      timeoutMs: this.engine.context.settings.waitMs,
      atLeast: atLeast as Position | undefined,
    }
    const records = new Map<string, TextRecord>()
    await Promise.all(
      [...new Set(keys.map(partitionOfKey))].map(async (partition) => {
        const refs = keys
          .filter((key) => partitionOfKey(key) === partition)
          .map((key) => ({ collection, key }))
        const held = await this.engine.get(partition, refs, limits)
        held.forEach((one, index) => records.set((refs[index] as RecordRef).key, textOf(one)))
      }),
    )
    return keys.map((key) => records.get(key))
  }

  /** Rejects with `void`, with the refusal, or with `outcome-unknown`. */
  async settle(entry: string): Promise<Receipt> {
    const settled = await this.engine.settle(entry)
    if (settled.kind === 'void') throw new SpillwayError('void', 'The entry never counted.')
    if (settled.kind === 'refused') throw new SpillwayError(settled.code, 'The entry was refused.')
    return { versions: versionsOf(settled.first, settled.handle.writes), stage: settled.stage }
  }

  async landed(write: AskedWrite, version: number, timeoutMs: number): Promise<boolean> {
    const ref = { collection: write.collection, key: write.key }
    return this.engine.landed(partitionOfKey(write.key), ref, version as Position, timeoutMs)
  }

  async seal(collection: string): Promise<void> {
    await this.engine.seal(collection)
  }

  async invalidate(ref: RecordRef): Promise<void> {
    await this.engine.invalidate(partitionOfKey(ref.key), ref)
  }

  async parked(): Promise<readonly ParkedItem[]> {
    return (await orUnavailable(this.#database.parked.list({ limit: 100 }))).items
  }

  /** Lands a parked write now, with its frame. */
  async retry(item: ParkedItem): Promise<void> {
    const { items } = await orUnavailable(this.#database.parked.list({ limit: 1_000 }))
    const frame = items.filter(
      (one) => one.partition === item.partition && one.frame !== undefined && one.frame === item.frame,
    )
    const rows = (frame.length > 0 ? frame : [item]).map(({ collection, key, version }) => ({
      ref: { collection, key },
      version,
    }))
    await orUnavailable(this.#database.parked.retry(item.partition, rows))
  }

  /** Writes a newer entry over a parked write: a delete, or what the table has. */
  async resolve(item: ParkedItem, how: 'delete' | 'table'): Promise<void> {
    const ref = { collection: item.collection, key: item.key }
    const found = await orUnavailable(this.#database.parked.get(ref))
    if (found === undefined || found.version !== item.version) return
    const value = how === 'delete' ? undefined : found.table.value
    await this.engine.write(item.partition, [{ ...ref, value, ifVersion: item.version }])
  }
}

function textOf({ version, value }: Held): TextRecord {
  return value === undefined ? undefined : { version, text: Buffer.from(value.bytes).toString() }
}

/** What asks the database on its own account tells its callers about outages as the engine does. */
async function orUnavailable<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw isSpillwayError(error)
      ? error
      : new SpillwayError('unavailable', 'The database does not answer.', { cause: error })
  }
}

/** Of a frame's writes, given the first. */
function versionsOf(first: number, writes: number): number[] {
  return Array.from({ length: writes }, (_, index) => first + index)
}

function writeOf({ collection, key, text, ifVersion }: AskedWrite): Write {
  const value = text === undefined ? undefined : plainValue(Buffer.from(text))
  return { collection, key, value, ifVersion: ifVersion as Version | undefined }
}
