/**
 * What a batch of journal entries does to the database: the landing plan, as a pure function.
 *
 * Entries are judged in journal order by the rules of `fold.ts`; then per key only the newest good write lands.
 * Writes that the database was found not to accept (`rejected`) are parked, a frame whole:
 *
 *   key's writes in the batch, oldest to newest      lands    parked    superseded
 *   good1 good2                                      good2    -         good1
 *   good1 bad2                                       good1    bad2      -
 *   bad1 good2                                       good2    -         bad1
 *   bad1 bad2                                        -        bad2      bad1
 *
 * Conditions see every write that was applied, parked ones too: what a store may not accept is still the truth.
 */
import type { EntryId, PlacedEntry, RecordRef, Write, WriteEntry } from './entry.ts'
import { isFrame } from './entry.ts'
import { advanceControl, judgeConditions, judgeControl } from './fold.ts'
import type { ControlState, Verdict } from './fold.ts'
import type { LedgerCounts } from './ledger.ts'
import { ABSENT, countOf, plus } from './position.ts'
import type { Position, Version } from './position.ts'
import type { Value } from './value.ts'

export interface PlannedRow extends RecordRef {
  readonly version: Version
  readonly value: Value | undefined
}

export interface PlannedPark extends PlannedRow {
  readonly cause: string
  /** First position of its frame; undefined for a single write. */
  readonly frame: Position | undefined
}

export interface LandingPlan {
  readonly rows: readonly PlannedRow[]
  readonly history: readonly PlannedRow[]
  readonly park: readonly PlannedPark[]
  readonly voids: readonly (readonly [EntryId, Position])[]
  readonly seals: readonly (readonly [string, Position])[]
  /** First positions of refused entries. */
  readonly refused: readonly Position[]
  readonly counts: LedgerCounts
  /** Of a key that it writes, as conditions after it see it; undefined: it does not write it. */
  versionAfter(ref: RecordRef): Version | undefined
}

export interface LandingInput {
  /** Of the database; is moved past the entries. Pass a copy where the plan may be made again. */
  readonly control: ControlState
  readonly entries: readonly PlacedEntry[]
  /** The database's version of a key, newest of table and parked; asked only for conditions. */
  versionOf(ref: RecordRef): Version
  /** True in the fused shape: what is in the journal was judged when it was appended. */
  readonly judged: boolean
  /** Versions that the database does not accept, with the cause. */
  readonly rejected: ReadonlyMap<Version, string>
  hasHistory(collection: string): boolean
}

/** One string per record; collection names have no NUL, so that no two records share one. */
export function refId(ref: RecordRef): string {
  return `${ref.collection}\0${ref.key}`
}

interface KeyPlan {
  good: PlannedRow | undefined
  bad: PlannedPark | undefined
  /** As conditions see the key after what was taken. */
  now: Version
}

/** Keys that a batch writes. A map for each collection: no name is put together for a key, only to be looked up. */
class KeyPlans {
  readonly #collections = new Map<string, Map<string, KeyPlan>>()
  /** Where the one before was: most often the next is there too. */
  #name = ''
  #keys: Map<string, KeyPlan> | undefined

  get({ collection, key }: RecordRef): KeyPlan | undefined {
    return this.#of(collection)?.get(key)
  }

  taken({ collection, key }: RecordRef): KeyPlan {
    let keys = this.#of(collection)
    if (keys === undefined) {
      keys = new Map()
      this.#collections.set(collection, keys)
      this.#keys = keys
    }
    let plan = keys.get(key)
    if (plan === undefined) {
      plan = { good: undefined, bad: undefined, now: ABSENT }
      keys.set(key, plan)
    }
    return plan
  }

  *all(): Iterable<KeyPlan> {
    for (const keys of this.#collections.values()) yield* keys.values()
  }

  #of(collection: string): Map<string, KeyPlan> | undefined {
    if (collection !== this.#name || this.#keys === undefined) {
      this.#name = collection
      this.#keys = this.#collections.get(collection)
    }
    return this.#keys
  }
}

export function planLanding(input: LandingInput): LandingPlan {
  const { control } = input
  const keys = new KeyPlans()
  const plan = {
    history: [] as PlannedRow[],
    voids: [] as [EntryId, Position][],
    seals: [] as [string, Position][],
    refused: [] as Position[],
  }
  const counts = { landed: 0, superseded: 0, refused: 0, parked: 0, voided: 0, control: 0 }
  const versionOf = (ref: RecordRef): Version => keys.get(ref)?.now ?? input.versionOf(ref)

  for (const placed of input.entries) {
    const { entry } = placed
    const verdict = judge(input, placed, versionOf)
    if (entry.kind !== 'write') {
      if (countOf(placed.first) > 0) counts.control += 1
      if (entry.kind === 'void') plan.voids.push([entry.target, placed.first])
      if (entry.kind === 'seal' && !control.seals.has(entry.collection))
        plan.seals.push([entry.collection, placed.first])
    } else if (verdict.kind === 'void') {
      counts.voided += entry.writes.length
    } else if (verdict.kind === 'refused') {
      counts.refused += entry.writes.length
      plan.refused.push(placed.first)
    } else {
      counts.superseded += take(input, placed, entry, keys, plan.history)
    }
    advanceControl(control, placed)
  }

  const rows: PlannedRow[] = []
  const park: PlannedPark[] = []
  // With history nothing that was good is superseded: all its versions land.
  for (const version of plan.history) {
    const landed = keys.get(version)?.good
    if (landed !== undefined && landed.version !== version.version) {
      counts.landed += 1
      counts.superseded -= 1
    }
  }
  for (const key of keys.all()) {
    if (key.good !== undefined) rows.push(key.good)
    if (key.bad !== undefined) park.push(key.bad)
    // Only versions are asked for later: values must not be kept for them.
    key.good = undefined
    key.bad = undefined
  }
  counts.landed += rows.length
  counts.parked += park.length
  rows.sort(byRecord)
  return { ...plan, rows, park, counts, versionAfter: (ref) => keys.get(ref)?.now }
}

function judge(input: LandingInput, placed: PlacedEntry, versionOf: (ref: RecordRef) => Version): Verdict {
  if (input.judged && placed.entry.kind === 'write') return { kind: 'applied' }
  const verdict = judgeControl(input.control, placed)
  if (verdict !== undefined) return verdict
  return judgeConditions(placed.entry as WriteEntry, versionOf)
}

/** Takes an applied entry into the plan; how many older writes of its keys it supersedes. */
function take(
  input: LandingInput,
  placed: PlacedEntry,
  entry: WriteEntry,
  keys: KeyPlans,
  history: PlannedRow[],
): number {
  let superseded = 0
  const cause = causeOf(input.rejected, placed, entry)
  const { writes } = entry
  for (let index = 0; index < writes.length; index += 1) {
    const write = writes[index] as Write
    const version = plus(placed.first, index)
    const key = keys.taken(write)
    key.now = write.value === undefined ? ABSENT : version
    const row = plannedRow(write, version)
    if (key.bad !== undefined) superseded += 1
    if (cause === undefined) {
      if (key.good !== undefined) superseded += 1
      key.good = row
      key.bad = undefined
      if (input.hasHistory(write.collection)) history.push(row)
    } else {
      key.bad = { ...row, cause, frame: isFrame(entry) ? placed.first : undefined }
    }
  }
  return superseded
}

function plannedRow(write: Write, version: Version): PlannedRow {
  return { collection: write.collection, key: write.key, version, value: write.value }
}

/** A frame is parked whole: one write that is not accepted parks all. */
function causeOf(
  rejected: ReadonlyMap<Version, string>,
  placed: PlacedEntry,
  entry: WriteEntry,
): string | undefined {
  if (rejected.size === 0) return undefined
  for (let index = 0; index < entry.writes.length; index += 1) {
    const cause = rejected.get(plus(placed.first, index))
    if (cause !== undefined) return cause
  }
  return undefined
}

/** By collection, then key, in code units: any total order that all landers share keeps locks in one order. */
function byRecord(a: RecordRef, b: RecordRef): number {
  if (a.collection !== b.collection) return a.collection < b.collection ? -1 : 1
  if (a.key === b.key) return 0
  return a.key < b.key ? -1 : 1
}

/** Keys whose versions in the database decide a condition of the batch: those not written earlier in the batch. */
export function keysToJudge(entries: readonly PlacedEntry[]): RecordRef[] {
  const asked = new Map<string, RecordRef>()
  for (const { entry } of entries) {
    if (entry.kind !== 'write') continue
    for (const write of entry.writes) {
      if (write.ifVersion === undefined) continue
      const id = refId(write)
      if (!asked.has(id)) asked.set(id, { collection: write.collection, key: write.key })
    }
  }
  return [...asked.values()]
}
