/** Lands rows in one partition, one batch after the other, and reads them back as JSON. */
import type { Mark } from '../../../src/model/entry.ts'
import { EMPTY_LEDGER } from '../../../src/model/ledger.ts'
import { position } from '../../../src/model/position.ts'
import type { TableSpec } from '../../../src/model/table.ts'
import { plainValue } from '../../../src/model/value.ts'
import type { Database, LandBatch, LandResult, LandRow } from '../../../src/ports/database.ts'

export type Sent = Omit<LandRow, 'version'>

export function markAt(at: number): Mark {
  return { journal: 'j', position: position(1, at), offset: at, digest: String(at) }
}

export function row(collection: string, key: string, value: unknown): Sent {
  return {
    collection,
    key,
    value: value === undefined ? undefined : plainValue(Buffer.from(JSON.stringify(value))),
  }
}

export function batchOf(
  partition: number,
  from: number,
  rows: readonly LandRow[],
  more: Partial<LandBatch> = {},
): LandBatch {
  return {
    partition,
    from: markAt(from),
    to: markAt(from + Math.max(1, rows.length)),
    rows,
    history: [],
    park: [],
    voids: [],
    seals: [],
    refused: [],
    counts: { ...EMPTY_LEDGER, landed: rows.length },
    ...more,
  }
}

export class Landings {
  readonly database: Database
  readonly partition: number
  count = 0

  constructor(database: Database, partition = 0) {
    this.database = database
    this.partition = partition
  }

  /** Prepares the tables and begins generation 1 in one partition. */
  static async begin(database: Database, specs: readonly TableSpec[] = []): Promise<Landings> {
    await database.prepare(specs, 1)
    await database.beginGeneration(1, [markAt(0)], [undefined])
    return new Landings(database)
  }

  /** Only a landed batch moves the partition on. */
  async land(rows: readonly Sent[], more: { readonly history?: boolean } = {}): Promise<LandResult> {
    const from = this.count
    const versioned = rows.map((one, index) => ({ ...one, version: position(1, from + index + 1) }))
    const batch = batchOf(
      this.partition,
      from,
      versioned,
      more.history === true ? { history: versioned } : {},
    )
    const result = await this.database.land(batch)
    if (result.kind === 'landed') this.count = from + Math.max(1, rows.length)
    return result
  }

  async rejected(rows: readonly Sent[]): Promise<[string, string][]> {
    const result = await this.land(rows)
    if (result.kind !== 'rejects') throw new Error(`Expected rejects, got ${JSON.stringify(result)}`)
    return result.rejects.map((one) => [one.ref.key, one.cause])
  }

  async read(collection: string, key: string): Promise<unknown> {
    const { held } = await this.database.read(this.partition, [{ collection, key }])
    const value = held[0]?.value
    return value === undefined ? undefined : (JSON.parse(Buffer.from(value.bytes).toString()) as unknown)
  }

  async checks(collection: string): Promise<[string, string][]> {
    const { rows } = await this.database.scan(collection, undefined, 1_000)
    return rows.map((one) => [one.key, one.check])
  }
}
