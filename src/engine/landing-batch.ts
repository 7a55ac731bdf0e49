/** What the lander knows of a batch before it is sent, and while it is out. */
import { addLedger } from '../model/ledger.ts'
import type { LedgerCounts } from '../model/ledger.ts'
import type { LandingPlan } from '../model/batch.ts'
import { spanOf } from '../model/entry.ts'
import type { Mark, PlacedEntry, RecordRef } from '../model/entry.ts'
import type { ControlState } from '../model/fold.ts'
import type { Version } from '../model/position.ts'
import type { LandResult } from '../ports/database.ts'

/** Where the database is, or will be when what is out has landed. */
export interface Base {
  readonly mark: Mark
  readonly control: ControlState
}

export interface DatabaseFold extends Base {
  readonly counts: LedgerCounts
}

/** Entries that are to land together. */
export interface Batch {
  readonly from: Base
  readonly to: Mark
  readonly entries: readonly PlacedEntry[]
  /** Versions of keys before it, which decide conditions. */
  readonly versions: ReadonlyMap<string, Version>
}

/** What is kept of a batch that is out: not its entries, which the garbage collector would carry along meanwhile. */
export interface Sent {
  readonly from: Mark
  readonly to: Mark
  /** Of the database once it has landed. */
  readonly after: ControlState
  readonly plan: Pick<LandingPlan, 'counts' | 'park' | 'versionAfter'>
  readonly refused: number
  readonly sentAt: number
  readonly result: Promise<LandResult>
}

/** All of them have an outcome, whatever it is. */
export async function settled(out: readonly Sent[]): Promise<void> {
  await Promise.allSettled(out.map((one) => one.result))
}

/** As many whole entries as have so many rows, but at least one: a frame lands whole, however many rows it has. */
export function ofRows(entries: readonly PlacedEntry[], rowsMax: number): readonly PlacedEntry[] {
  let rows = 0
  for (let index = 0; index < entries.length; index += 1) {
    rows += spanOf((entries[index] as PlacedEntry).entry)
    if (rows > rowsMax && index > 0) return entries.slice(0, index)
  }
  return entries
}

export function countsAfter(
  before: LedgerCounts,
  plan: Pick<LandingPlan, 'counts'>,
  cleared: number,
): LedgerCounts {
  const added = addLedger(before, plan.counts)
  return { ...added, parked: added.parked - cleared, superseded: added.superseded + cleared }
}

/** Of a key once all that is out has landed; undefined: nothing that is out writes it. */
export function versionAfter(out: readonly Sent[], ref: RecordRef): Version | undefined {
  for (let index = out.length - 1; index >= 0; index -= 1) {
    const version = (out[index] as Sent).plan.versionAfter(ref)
    if (version !== undefined) return version
  }
  return undefined
}
