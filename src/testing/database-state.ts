/**
 * What a simulated database holds, as a plain state machine: every verb is one transaction, done or not done.
 */
import { invariant } from '../errors.ts'
import type { EntryId, Mark, RecordRef } from '../model/entry.ts'
import { EMPTY_LEDGER, addLedger } from '../model/ledger.ts'
import type { LedgerCounts } from '../model/ledger.ts'
import { ABSENT, ORIGIN, laterOf } from '../model/position.ts'
import type { Position, Version } from '../model/position.ts'
import type { Value } from '../model/value.ts'
import type {
  DatabaseRead,
  LandBatch,
  LandResult,
  LandRow,
  ParkRow,
  PartitionRow,
} from '../ports/database.ts'
import type { FoldSnapshot, Held } from '../ports/front.ts'
import { HELD_ABSENT } from '../ports/front.ts'
import { nameOf, sameMark } from './front-partition.ts'

export interface TableRow extends RecordRef {
  readonly version: Version
  readonly value: Value
}

export interface ParkedRow extends ParkRow {
  readonly partition: number
  readonly attempts: number
  readonly at: number
}

interface PartitionState {
  generation: number
  mark: Mark
  voids: Map<EntryId, Position>
  seals: Map<string, Position>
  refused: Set<Position>
  refusedFrom: Position
  counts: LedgerCounts
}

export interface Bounds {
  readonly parkedMax: number
  readonly ageMax: number
}

/** Undefined: the row is accepted; else the cause why its data is not. */
export type Judge = (row: LandRow) => string | undefined

export class DatabaseState {
  rows = new Map<string, TableRow>()
  parked = new Map<string, ParkedRow>()
  history: LandRow[] = []
  /** Collections that keep every version. */
  withHistory = new Set<string>()
  partitions: PartitionState[] = []

  copy(): DatabaseState {
    const twin = new DatabaseState()
    twin.rows = new Map(this.rows)
    twin.parked = new Map(this.parked)
    twin.history = [...this.history]
    twin.withHistory = new Set(this.withHistory)
    twin.partitions = this.partitions.map((one) => ({
      ...one,
      voids: new Map(one.voids),
      seals: new Map(one.seals),
      refused: new Set(one.refused),
    }))
    return twin
  }

  at(partition: number): PartitionState {
    const found = this.partitions[partition]
    if (found === undefined)
      throw new Error(`The simulated database has no partition ${partition} (no generation was begun)`)
    return found
  }

  partitionRows(): PartitionRow[] {
    return this.partitions.map((one, partition) => ({
      partition,
      generation: one.generation,
      ...this.snapshot(partition),
      counts: one.counts,
    }))
  }

  snapshot(partition: number): FoldSnapshot {
    const at = this.at(partition)
    return {
      mark: at.mark,
      voids: [...at.voids].sort((a, b) => a[1] - b[1]),
      seals: [...at.seals].sort((a, b) => a[1] - b[1]),
      refused: [...at.refused].sort((a, b) => a - b),
      refusedFrom: at.refusedFrom,
    }
  }

  beginGeneration(
    generation: number,
    marks: readonly Mark[],
    expected: readonly (Mark | undefined)[],
  ): 'begun' | 'moved' {
    if (this.partitions.some((one) => one.generation >= generation)) return 'moved'
    for (let at = 0; at < marks.length; at += 1) {
      const here = this.partitions[at]?.mark
      const there = expected[at]
      if (here === undefined ? there !== undefined : there === undefined || !sameMark(here, there))
        return 'moved'
    }
    marks.forEach((mark, at) => {
      const state = this.partitions[at]
      if (state !== undefined) {
        state.mark = mark
        state.generation = generation
      } else {
        this.partitions[at] = {
          generation,
          mark,
          voids: new Map(),
          seals: new Map(),
          refused: new Set(),
          refusedFrom: ORIGIN,
          counts: EMPTY_LEDGER,
        }
      }
    })
    return 'begun'
  }

  read(partition: number, refs: readonly RecordRef[]): DatabaseRead {
    return {
      position: this.partitions[partition]?.mark.position ?? ORIGIN,
      held: refs.map((ref) => this.newest(ref)),
    }
  }

  tableHeld(ref: RecordRef): Held {
    const row = this.rows.get(nameOf(ref))
    return row === undefined ? HELD_ABSENT : { version: row.version, value: row.value }
  }

  /** Newest of table and parked. */
  newest(ref: RecordRef): Held {
    const row = this.rows.get(nameOf(ref))
    const parked = this.parked.get(nameOf(ref))
    if (parked !== undefined && parked.version > (row?.version ?? ABSENT)) {
      return parked.value === undefined ? HELD_ABSENT : { version: parked.version, value: parked.value }
    }
    return this.tableHeld(ref)
  }

  land(batch: LandBatch, judge: Judge, bounds: Bounds, now: number): LandResult {
    const at = this.partitions[batch.partition]
    if (at === undefined || !sameMark(at.mark, batch.from)) return { kind: 'moved', mark: at?.mark }
    const rejects = [...batch.rows, ...batch.history].flatMap(({ collection, key, version, value }) => {
      const cause = judge({ collection, key, version, value })
      return cause === undefined ? [] : [{ ref: { collection, key }, version, cause }]
    })
    if (rejects.length > 0) return { kind: 'rejects', rejects: uniqueRejects(rejects) }
    if (this.#parkedAfter(batch) > bounds.parkedMax)
      return { kind: 'parked-full', bound: `parkedMax ${bounds.parkedMax}` }
    invariant(batch.to.position >= at.mark.position, 'A landing goes back')
    const newer: RecordRef[] = []
    let cleared = 0
    for (const row of batch.rows) {
      if (!this.#upsert(row)) newer.push({ collection: row.collection, key: row.key })
      cleared += this.#clearParked(row)
    }
    for (const row of batch.park) {
      cleared += this.#clearParked(row)
      this.parked.set(nameOf(row), { ...row, partition: batch.partition, attempts: 1, at: now })
    }
    this.history.push(...batch.history)
    const counts = addLedger(at.counts, batch.counts)
    at.counts = { ...counts, superseded: counts.superseded + cleared, parked: counts.parked - cleared }
    at.mark = batch.to
    for (const [id, position] of batch.voids) if (!at.voids.has(id)) at.voids.set(id, position)
    for (const [id, position] of at.voids)
      if (batch.to.position - position > bounds.ageMax) at.voids.delete(id)
    for (const [name, position] of batch.seals) if (!at.seals.has(name)) at.seals.set(name, position)
    for (const position of batch.refused) at.refused.add(position)
    return { kind: 'landed', cleared, newer }
  }

  /** How many will be parked: what the batch overtakes or parks again makes room for itself. */
  #parkedAfter(batch: LandBatch): number {
    const names = new Set(this.parked.keys())
    for (const row of batch.rows) names.delete(nameOf(row))
    for (const row of batch.park) names.add(nameOf(row))
    return names.size
  }

  #upsert(row: LandRow): boolean {
    const name = nameOf(row)
    if ((this.rows.get(name)?.version ?? ABSENT) >= row.version) return false
    if (row.value === undefined) this.rows.delete(name)
    else
      this.rows.set(name, {
        collection: row.collection,
        key: row.key,
        version: row.version,
        value: row.value,
      })
    return true
  }

  /** A newer write of its key has overtaken what is parked there. */
  #clearParked(by: LandRow): number {
    const parked = this.parked.get(nameOf(by))
    if (parked === undefined || parked.version >= by.version) return 0
    this.parked.delete(nameOf(by))
    return 1
  }

  forgetRefused(partition: number, upTo: Position): void {
    const at = this.at(partition)
    for (const position of at.refused) if (position <= upTo) at.refused.delete(position)
    at.refusedFrom = laterOf(at.refusedFrom, upTo)
  }

  retry(
    partition: number,
    rows: readonly { readonly ref: RecordRef; readonly version: Version }[],
    judge: Judge,
  ): ('landed' | 'superseded' | 'gone' | { readonly rejected: string })[] {
    const mine = rows.map(({ ref, version }) => {
      const parked = this.parked.get(nameOf(ref))
      return parked?.version === version ? parked : undefined
    })
    const causes = mine.map((parked) => (parked === undefined ? undefined : judge(parked)))
    if (causes.some((cause) => cause !== undefined)) {
      // One transaction: where one is not accepted, none lands, and each tells its own reason.
      for (const parked of mine) {
        if (parked !== undefined)
          this.parked.set(nameOf(parked), { ...parked, attempts: parked.attempts + 1 })
      }
      return mine.map((parked, index) =>
        parked === undefined
          ? 'gone'
          : { rejected: causes[index] ?? 'another write of its frame is not accepted' },
      )
    }
    const at = this.at(partition)
    return mine.map((parked) => {
      if (parked === undefined) return 'gone'
      this.parked.delete(nameOf(parked))
      const landed = this.#upsert(parked)
      if (this.withHistory.has(parked.collection)) {
        this.history.push({
          collection: parked.collection,
          key: parked.key,
          version: parked.version,
          value: parked.value,
        })
      }
      at.counts = addLedger(at.counts, { ...EMPTY_LEDGER, parked: -1, [landed ? 'landed' : 'superseded']: 1 })
      return landed ? 'landed' : 'superseded'
    })
  }
}

function uniqueRejects<T extends { readonly ref: RecordRef; readonly version: Version }>(
  rejects: readonly T[],
): T[] {
  return [...new Map(rejects.map((one) => [`${nameOf(one.ref)} ${one.version}`, one])).values()]
}
