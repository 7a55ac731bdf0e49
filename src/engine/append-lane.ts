/**
 * Appends of one lane of a journal: what arrives while an append is out goes with the next one.
 *
 * One append at a time, so that offsets follow the order of arrival; two where this process alone appends and the
 * journal keeps their order, so that one is made durable while the outcomes of the other are handled. An append that
 * brings no answer makes all its entries unknown: nothing is ever sent twice.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { withDeadline } from '../kit/clock.ts'
import { Coalescer } from '../kit/coalescer.ts'
import type { Entry, PlacedEntry, StoredEntry } from '../model/entry.ts'
import type { Verdict } from '../model/fold.ts'
import type { Journal, JournalAppend } from '../ports/journal.ts'
import type { Applier } from './apply.ts'
import type { EngineContext } from './context.ts'
import type { Gate, Proof } from './gate.ts'
import type { Tail } from './tail.ts'
import { bytesOfWrites } from './tail.ts'

/** Entries that make a second append worth its own commit: below it, sharing one is cheaper. */
const BESIDE_MIN = 64

export interface LaneItem {
  readonly partition: number
  readonly entry: Entry
}

/** An appended entry with what the gate needs to know about when it was sent. */
export interface Appended {
  readonly placed: PlacedEntry
  readonly proof: Proof
  /** Where the front is this process's own memory: the front has applied it, and this is what became of it. */
  readonly verdict: Verdict | undefined
}

/** The append got no answer: the entry may be there, come later, or never. */
export class AppendUnknown extends Error {}

export interface LaneOptions {
  readonly context: EngineContext
  readonly journal: Journal
  readonly lane: number
  readonly partitions: readonly LanePartition[]
}

export interface LanePartition {
  readonly tail: Tail
  readonly gate: Gate
  readonly applier: Applier
}

export function appendLane(options: LaneOptions): Coalescer<LaneItem, Appended> {
  const { context, journal, lane, partitions } = options
  const { settings, clock, report } = context

  const call = async (items: LaneItem[]): Promise<readonly (Appended | Error)[]> => {
    const groups = groupByPartition(items, partitions)
    const results: (Appended | Error)[] = new Array(items.length)
    let appended: Awaited<ReturnType<Journal['append']>>
    try {
      appended = await withDeadline(clock, settings.callMs, journal.append([...groups.values()]))
    } catch (error) {
      if (isSpillwayError(error, 'overloaded')) return controlAlone(items, error)
      if (isSpillwayError(error, 'unavailable')) throw error
      report({ name: 'append-unknown', detail: `${items.length} entries`, error })
      throw new AppendUnknown('The append brought no answer', { cause: error })
    }
    for (const { partition, offsets } of appended) {
      const group = groups.get(partition)
      if (group === undefined) continue
      const own = at(partitions, partition)
      const stored = storedAt(group.entries, offsets)
      const taken = takeNow(own, stored, group.proof) ?? (await takeLater(own, stored))
      spread(taken, stored, group, results)
    }
    return results
  }

  /** A full journal has room left for control entries, not for writes beside them; nothing was appended yet. */
  const controlAlone = async (
    items: LaneItem[],
    full: SpillwayError,
  ): Promise<readonly (Appended | Error)[]> => {
    const control = items.filter((item) => item.entry.kind !== 'write')
    if (control.length === 0 || control.length === items.length) throw full
    const appended = (await call(control)).values()
    return items.map((item) =>
      item.entry.kind === 'write' ? full : (appended.next().value as Appended | Error),
    )
  }

  return new Coalescer<LaneItem, Appended>({
    name: `journal lane ${lane}`,
    call,
    itemsMax: settings.appendEntriesMax,
    weightMax: settings.appendBytesMax,
    weigh: (item) => (item.entry.kind === 'write' ? bytesOfWrites(item.entry) : 0),
    waitingMax: settings.writesWaitingMax,
    waitingWeightMax: settings.writesWaitingBytesMax,
    // The file's own thread takes calls in their order; a journal over a network could turn them round.
    ...(journal.exclusive ? { besideMin: BESIDE_MIN } : {}),
  })
}

/** What a partition's own entries became, once its tail has them. */
interface Taken {
  readonly placed: readonly PlacedEntry[]
  readonly verdicts: readonly Verdict[] | undefined
  readonly failure: unknown
}

/**
 * The straight line of a process that appends alone: the entries continue its tail, and the front is its own memory.
 * All of a partition's entries go through both in one synchronous step. Undefined: the tail has others to read first.
 */
function takeNow(partition: LanePartition, stored: readonly StoredEntry[], proof: Proof): Taken | undefined {
  const { tail, applier, gate } = partition
  const from = tail.mark
  const placed = tail.takeNow(stored)
  if (placed === undefined) return undefined
  const verdicts = applier.applyNow(from, placed)
  // Own entries that the front has passed prove that it had reached the journal's end as of the append.
  if (verdicts !== undefined && applier.identity !== undefined) gate.prove(proof, applier.identity)
  return { placed, verdicts, failure: undefined }
}

async function takeLater({ tail }: LanePartition, stored: readonly StoredEntry[]): Promise<Taken> {
  try {
    return { placed: await tail.take(stored), verdicts: undefined, failure: undefined }
  } catch (failure) {
    return { placed: [], verdicts: undefined, failure }
  }
}

/** Puts them where the items of the call are. */
function spread(
  { placed, verdicts, failure }: Taken,
  stored: readonly StoredEntry[],
  { indexes, proof }: Group,
  results: (Appended | Error)[],
): void {
  if (placed.length === stored.length) {
    for (let n = 0; n < indexes.length; n += 1)
      results[indexes[n] as number] = { placed: placed[n] as PlacedEntry, proof, verdict: verdicts?.[n] }
    return
  }
  // Durable for certain, but this process could not read up to it: whoever asks has to settle it.
  const byOffset = new Map(placed.map((one) => [one.offset, one]))
  indexes.forEach((index, n) => {
    const found = byOffset.get((stored[n] as StoredEntry).offset)
    results[index] =
      found === undefined
        ? new AppendUnknown('The entry could not be read back', { cause: failure })
        : { placed: found, proof, verdict: undefined }
  })
}

function storedAt(entries: readonly Entry[], offsets: readonly number[]): StoredEntry[] {
  const stored: StoredEntry[] = []
  for (let n = 0; n < entries.length; n += 1)
    stored.push({ offset: offsets[n] as number, entry: entries[n] as Entry })
  return stored
}

/** What a call brings for one partition. */
interface Group extends JournalAppend {
  readonly entries: Entry[]
  /** Where the entries are among the items of the call. */
  readonly indexes: number[]
  readonly proof: Proof
}

function groupByPartition(
  items: readonly LaneItem[],
  partitions: readonly LanePartition[],
): Map<number, Group> {
  const groups = new Map<number, Group>()
  for (let index = 0; index < items.length; index += 1) {
    const { partition, entry } = items[index] as LaneItem
    let group = groups.get(partition)
    if (group === undefined) {
      group = { partition, entries: [], indexes: [], proof: at(partitions, partition).gate.begin() }
      groups.set(partition, group)
    }
    group.entries.push(entry)
    group.indexes.push(index)
  }
  return groups
}

function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new SpillwayError('internal', `No partition ${index}. Please report this.`)
  return found
}
