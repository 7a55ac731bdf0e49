/**
 * What the kept part of the journal says the stores must have: folded again by the database's own voids, seals and
 * refused positions, because what is older than the kept part cannot be folded any more.
 */
import { isSpillwayError } from '../errors.ts'
import { refId } from '../model/batch.ts'
import type { PlacedEntry, RecordRef, StoredEntry } from '../model/entry.ts'
import { spanOf } from '../model/entry.ts'
import { isConditional, place } from '../model/fold.ts'
import { generationOf, plus, position } from '../model/position.ts'
import type { Position, Version } from '../model/position.ts'
import type { Value } from '../model/value.ts'
import type { PartitionRow } from '../ports/database.ts'
import type { JournalReader } from '../ports/journal.ts'

const READ_LIMITS = { entriesMax: 2_000, bytesMax: 8 * 2 ** 20 }
/** Starts over where the journal is trimmed under the reading. */
const ATTEMPTS_MAX = 8

/** What the kept journal says of a key at the database's position. */
export interface Expected extends RecordRef {
  readonly version: Version
  readonly value: Value | undefined
  /** Its verdict is not known any more (its refused positions were forgotten). */
  readonly uncertain: boolean
}

export interface KeptJournal {
  readonly journal: JournalReader
  /** True when only judged entries enter the journal. */
  readonly judged: boolean
  readonly ageMax: number
  readonly signal: AbortSignal | undefined
}

/**
 * Folds the kept entries up to the database's position into `expected`, the newest write of each key; false where
 * they do not count up to that position, so that nothing can be said of them.
 */
export async function foldKept(
  kept: KeptJournal,
  row: PartitionRow,
  expected: Map<string, Expected>,
): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await foldOnce(kept, row, expected)
    } catch (error) {
      if (!isSpillwayError(error, 'journal-mismatch') || attempt >= ATTEMPTS_MAX) throw error
    }
  }
}

async function foldOnce(
  kept: KeptJournal,
  row: PartitionRow,
  expected: Map<string, Expected>,
): Promise<boolean> {
  const { journal } = kept
  const info = await journal.info(row.partition)
  const start = await startOf(kept, row, info.first)
  if (start === undefined) return row.mark.offset < info.first
  const voids = new Map(row.voids)
  const seals = new Map(row.seals)
  const refused = new Set(row.refused)
  let through = start.through
  await eachKept(kept, row, start.after, (stored) => {
    const placed = place(through, stored)
    through = placed.last
    const verdict = judge(kept, row, placed, voids, seals, refused)
    const { entry } = placed
    if (entry.kind !== 'write' || verdict === 'void' || verdict === 'refused') return
    entry.writes.forEach((write, index) => {
      expected.set(refId(write), {
        collection: write.collection,
        key: write.key,
        version: plus(placed.first, index),
        value: write.value,
        uncertain: verdict === 'uncertain',
      })
    })
  })
  return true
}

function judge(
  kept: KeptJournal,
  row: PartitionRow,
  placed: PlacedEntry,
  voids: ReadonlyMap<string, Position>,
  seals: ReadonlyMap<string, Position>,
  refused: ReadonlySet<Position>,
): 'applied' | 'void' | 'refused' | 'uncertain' | 'control' {
  const { entry, first } = placed
  if (entry.kind !== 'write') return 'control'
  if (kept.judged) return 'applied'
  if ((voids.get(entry.id) ?? Number.POSITIVE_INFINITY) < first) return 'void'
  if (generationOf(entry.knownEnd) < generationOf(first) || first - entry.knownEnd > kept.ageMax)
    return 'void'
  if (refused.has(first)) return 'refused'
  if (entry.writes.some((write) => (seals.get(write.collection) ?? Number.POSITIVE_INFINITY) < first))
    return 'refused'
  return isConditional(entry) && first <= row.refusedFrom ? 'uncertain' : 'applied'
}

/** Where the countable part of the kept journal begins: the first kept entry, or the last opening. */
async function startOf(
  kept: KeptJournal,
  row: PartitionRow,
  first: number,
): Promise<{ after: number; through: Position } | undefined> {
  if (row.mark.offset < first) return undefined
  let after = first - 1
  let span = 0
  let opening: number | undefined
  await eachKept(kept, row, after, (stored) => {
    if (stored.entry.kind === 'opening' && stored.entry.generation > (opening ?? 0)) {
      opening = stored.entry.generation
      after = stored.offset
      span = 0
    } else span += spanOf(stored.entry)
  })
  const through = opening === undefined ? plus(row.mark.position, -span) : position(opening, 0)
  return plus(through, span) === row.mark.position ? { after, through } : undefined
}

async function eachKept(
  kept: KeptJournal,
  row: PartitionRow,
  after: number,
  visit: (stored: StoredEntry) => void,
): Promise<void> {
  let offset = after
  while (offset < row.mark.offset) {
    kept.signal?.throwIfAborted()
    const { entries } = await kept.journal.read(row.partition, offset, READ_LIMITS)
    if (entries.length === 0) return
    for (const stored of entries) {
      if (stored.offset > row.mark.offset) return
      visit(stored)
      offset = stored.offset
    }
  }
}

/** Keys written after the database's position, up to an end that is read after everything else was. */
export async function writtenSince(kept: KeptJournal, rows: readonly PartitionRow[]): Promise<Set<string>> {
  const keys = new Set<string>()
  const { journal, signal } = kept
  for (const { partition, mark } of rows) {
    const { end } = await journal.info(partition)
    let offset = mark.offset
    while (offset < end) {
      signal?.throwIfAborted()
      const { entries } = await journal.read(partition, offset, READ_LIMITS)
      if (entries.length === 0) break
      for (const stored of entries) {
        offset = stored.offset
        if (stored.entry.kind === 'write') for (const write of stored.entry.writes) keys.add(refId(write))
      }
    }
  }
  return keys
}
