/**
 * Verify: proves ledger and stores against each other.
 *
 *   1. the mark: the database's position is an entry of this journal (identity, offset, digest)
 *   2. the ledger: every position up to the mark is counted once; as many rows are parked as are counted
 *   3. the rows: each one's check, so that a row that somebody changed by hand is found
 *   4. the fold: the kept part of the journal, folded again, gives exactly the rows (or parked writes) that are there
 *   5. the front: what it holds is what the database has
 *
 * What is older than the kept part of the journal is proven by its check only. Rows that land while this runs are
 * left to the next run. Memory: one entry per key written in the kept part of the journal.
 */
import type { PlacedEntry, StoredEntry } from '../model/entry.ts'
import { isConditional, place } from '../model/fold.ts'
import { acceptedOf } from '../model/ledger.ts'
import { ABSENT, countOf, generationOf, plus, position } from '../model/position.ts'
import type { Position, Version } from '../model/position.ts'
import { spanOf } from '../model/entry.ts'
import { refId } from '../model/batch.ts'
import type { PartitionRow, ScannedRow } from '../ports/database.ts'
import { jsonOf } from './collection-runtime.ts'
import type { Engine } from './engine.ts'
import { markProblem } from './mark.ts'
import type { VerifyReport } from './tier.ts'
import type { Value } from '../model/value.ts'

export interface VerifyOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (rows: number) => void
  /** The partition of a key; undefined for a collection that is not declared here. */
  partitionOf(collection: string, key: string): number | undefined
  /** The JSON that a value comes back as from its table: other text for the same value where columns convert it. */
  landedJson(collection: string, key: string, value: Value): Uint8Array
}

const SCAN_ROWS = 500
const READ_LIMITS = { entriesMax: 2_000, bytesMax: 8 * 2 ** 20 }
const PARKED_PAGE = 1_000
/** Mismatches that are listed; more are counted. */
const MISMATCHES_MAX = 1_000

/** What the kept journal says of a key at the database's position. */
interface Expected {
  readonly collection: string
  readonly key: string
  readonly version: Version
  readonly value: Value | undefined
  /** Its verdict is not known any more (its refused positions were forgotten). */
  readonly uncertain: boolean
}

interface Run {
  readonly engine: Engine
  readonly options: VerifyOptions
  readonly rows: readonly PartitionRow[]
  readonly expected: Map<string, Expected>
  readonly parked: Map<string, Version>
  readonly mismatches: { collection: string; key: string; store: string; expected: string; found: string }[]
  readonly unchecked: Map<string, number>
  mismatchesMore: number
}

export async function verify(engine: Engine, options: VerifyOptions): Promise<VerifyReport> {
  const { database } = engine.context
  const run: Run = {
    engine,
    options,
    rows: await database.partitions(),
    expected: new Map(),
    parked: new Map(),
    mismatches: [],
    unchecked: new Map(),
    mismatchesMore: 0,
  }
  const parkedIn = await readParked(run)
  const ledger = await Promise.all(
    run.rows.map((row) => verifyLedger(run, row, parkedIn.get(row.partition) ?? 0)),
  )
  for (const row of run.rows) await foldKept(run, row)
  let rows = 0
  for (const collection of await database.collections()) rows = await verifyRows(run, collection, rows)
  for (const left of run.expected.values()) verifyMissing(run, left)
  if (run.mismatchesMore > 0) note(run, `${run.mismatchesMore} more mismatches than are listed`, 0)
  return {
    ok: run.mismatches.length === 0 && ledger.every((one) => one.problem === null),
    ledger,
    mismatches: run.mismatches,
    unchecked: [...run.unchecked].map(([what, count]) => (count > 0 ? `${count} ${what}` : what)),
  }
}

async function readParked(run: Run): Promise<Map<number, number>> {
  const counts = new Map<number, number>()
  let after: string | undefined
  do {
    run.options.signal?.throwIfAborted()
    const page = await run.engine.context.database.parked.list({
      limit: PARKED_PAGE,
      ...(after === undefined ? {} : { after }),
    })
    for (const item of page.items) {
      run.parked.set(refId(item), item.version)
      counts.set(item.partition, (counts.get(item.partition) ?? 0) + 1)
    }
    after = page.next
  } while (after !== undefined)
  return counts
}

async function verifyLedger(
  run: Run,
  row: PartitionRow,
  parkedRows: number,
): Promise<VerifyReport['ledger'][number]> {
  const { counts, mark, partition } = row
  const counted = acceptedOf(counts) + counts.voided + counts.control
  const problems: string[] = []
  const wrongMark = await markProblem(run.engine.context, run.engine.shape.journal, partition, mark)
  if (wrongMark !== undefined) problems.push(wrongMark)
  const positions = countOf(mark.position)
  // Only in the first generation are all positions in sight; later ones add to what was counted before.
  const balanced = generationOf(mark.position) === 1 ? counted === positions : counted >= positions
  if (!balanced) problems.push(`${counted} positions are counted and ${positions} were taken`)
  if (counts.parked !== parkedRows)
    problems.push(`${counts.parked} writes are counted as parked and ${parkedRows} are there`)
  const { landed, superseded, refused, parked } = counts
  const pending = run.engine.pendingOf(partition)
  return {
    partition,
    accepted: acceptedOf(counts) + pending,
    landed,
    superseded,
    refused,
    parked,
    pending,
    problem: problems.length === 0 ? null : problems.join('; '),
  }
}

/** Folds the kept entries up to the database's position, by the database's own voids, seals and refused positions. */
async function foldKept(run: Run, row: PartitionRow): Promise<void> {
  const { journal } = run.engine.shape
  const info = await journal.info(row.partition)
  const start = await startOf(run, row, info.first)
  if (start === undefined) return
  const voids = new Map(row.voids)
  const seals = new Map(row.seals)
  const refused = new Set(row.refused)
  let through = start.through
  await eachKept(run, row, start.after, (stored) => {
    const placed = place(through, stored)
    through = placed.last
    const verdict = judge(run, row, placed, voids, seals, refused)
    const { entry } = placed
    if (entry.kind !== 'write' || verdict === 'void' || verdict === 'refused') return
    entry.writes.forEach((write, index) => {
      run.expected.set(refId(write), {
        collection: write.collection,
        key: write.key,
        version: plus(placed.first, index),
        value: write.value,
        uncertain: verdict === 'uncertain',
      })
    })
  })
}

function judge(
  run: Run,
  row: PartitionRow,
  placed: PlacedEntry,
  voids: ReadonlyMap<string, Position>,
  seals: ReadonlyMap<string, Position>,
  refused: ReadonlySet<Position>,
): 'applied' | 'void' | 'refused' | 'uncertain' | 'control' {
  const { entry, first } = placed
  if (entry.kind !== 'write') return 'control'
  if (run.engine.shape.judged) return 'applied'
  if ((voids.get(entry.id) ?? Number.POSITIVE_INFINITY) < first) return 'void'
  if (
    generationOf(entry.knownEnd) < generationOf(first) ||
    first - entry.knownEnd > run.engine.context.settings.ageMax
  )
    return 'void'
  if (refused.has(first)) return 'refused'
  if (entry.writes.some((write) => (seals.get(write.collection) ?? Number.POSITIVE_INFINITY) < first))
    return 'refused'
  return isConditional(entry) && first <= row.refusedFrom ? 'uncertain' : 'applied'
}

/** Where the countable part of the kept journal begins: the first kept entry, or the last opening. */
async function startOf(
  run: Run,
  row: PartitionRow,
  first: number,
): Promise<{ after: number; through: Position } | undefined> {
  if (row.mark.offset < first) return undefined
  let after = first - 1
  let span = 0
  let opening: number | undefined
  await eachKept(run, row, after, (stored) => {
    if (stored.entry.kind === 'opening' && stored.entry.generation > (opening ?? 0)) {
      opening = stored.entry.generation
      after = stored.offset
      span = 0
    } else span += spanOf(stored.entry)
  })
  const through = opening === undefined ? plus(row.mark.position, -span) : position(opening, 0)
  if (plus(through, span) !== row.mark.position) {
    note(run, `entries of partition ${row.partition}: they do not count up to the database's position`, 0)
    return undefined
  }
  return { after, through }
}

async function eachKept(
  run: Run,
  row: PartitionRow,
  after: number,
  visit: (stored: StoredEntry) => void,
): Promise<void> {
  let offset = after
  while (offset < row.mark.offset) {
    run.options.signal?.throwIfAborted()
    const { entries } = await run.engine.shape.journal.read(row.partition, offset, READ_LIMITS)
    if (entries.length === 0) return
    for (const stored of entries) {
      if (stored.offset > row.mark.offset) return
      visit(stored)
      offset = stored.offset
    }
  }
}

async function verifyRows(run: Run, collection: string, before: number): Promise<number> {
  let rows = before
  let after: string | undefined
  do {
    run.options.signal?.throwIfAborted()
    const page = await run.engine.context.database.scan(collection, after, SCAN_ROWS)
    for (const row of page.rows) verifyRow(run, collection, row)
    await verifyFront(run, collection, page.rows)
    rows += page.rows.length
    run.options.onProgress?.(rows)
    after = page.next
  } while (after !== undefined)
  return rows
}

function verifyRow(run: Run, collection: string, row: ScannedRow): void {
  const ref = { collection, key: row.key }
  const id = refId(ref)
  const expected = run.expected.get(id)
  run.expected.delete(id)
  if (row.check === 'wrong')
    return mismatch(
      run,
      ref,
      'database',
      'the row as it landed',
      `version ${row.version}, changed by something else`,
    )
  if (row.check === 'unchecked')
    note(run, `rows of ${collection} have no check (older than Spillway, or a table without check: true)`, 1)
  if (expected === undefined || expected.uncertain) return
  if (run.parked.get(id) === expected.version || row.version > expected.version) return
  if (expected.value === undefined)
    return mismatch(run, ref, 'database', `deleted at version ${expected.version}`, `version ${row.version}`)
  if (row.version !== expected.version)
    return mismatch(run, ref, 'database', `version ${expected.version}`, `version ${row.version}`)
  const landed = run.options.landedJson(collection, row.key, expected.value)
  if (!sameJson(landed, jsonOf(row.value)))
    mismatch(run, ref, 'database', `the value of version ${expected.version}`, 'another value')
}

/** Written in the kept journal and not among the rows: deleted, parked, or lost. */
function verifyMissing(run: Run, expected: Expected): void {
  if (expected.uncertain || expected.value === undefined) return
  if (run.parked.get(refId(expected)) === expected.version) return
  mismatch(run, expected, 'database', `version ${expected.version}`, 'no row')
}

async function verifyFront(run: Run, collection: string, rows: readonly ScannedRow[]): Promise<void> {
  const byPartition = new Map<number, ScannedRow[]>()
  for (const row of rows) {
    const partition = run.options.partitionOf(collection, row.key)
    if (partition === undefined) continue
    const list = byPartition.get(partition)
    if (list === undefined) byPartition.set(partition, [row])
    else list.push(row)
  }
  for (const [partition, list] of byPartition) {
    const at = run.rows.find((row) => row.partition === partition)?.mark.position ?? ABSENT
    const { held } = await run.engine.shape.front.read(
      partition,
      list.map((row) => ({ collection, key: row.key })),
    )
    list.forEach((row, index) => {
      const known = held[index]
      const ref = { collection, key: row.key }
      // Versions above the database's position are still to land.
      if (known === undefined || known.version > at || row.version > at) return
      const newest = Math.max(row.version, run.parked.get(refId(ref)) ?? 0)
      if (known.version !== newest)
        mismatch(run, ref, 'front', `version ${newest}`, `version ${known.version}`)
    })
  }
}

function sameJson(left: Uint8Array, right: Uint8Array): boolean {
  if (Buffer.compare(left, right) === 0) return true
  // Mapped rows come back in declared field order: equal as JSON values.
  return (
    sorted(JSON.parse(Buffer.from(left).toString())) === sorted(JSON.parse(Buffer.from(right).toString()))
  )
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

function mismatch(
  run: Run,
  ref: { readonly collection: string; readonly key: string },
  store: string,
  expected: string,
  found: string,
): void {
  if (run.mismatches.length >= MISMATCHES_MAX) {
    run.mismatchesMore += 1
    return
  }
  run.mismatches.push({ collection: ref.collection, key: ref.key, store, expected, found })
}

function note(run: Run, what: string, count: number): void {
  run.unchecked.set(what, (run.unchecked.get(what) ?? 0) + count)
}
