/**
 * Verify: proves ledger and stores against each other.
 *
 *   1. the mark: the database's position is an entry of this journal (identity, offset, digest)
 *   2. the ledger: every position up to the mark is counted once; as many rows are parked as are counted
 *   3. the rows: each one's check, so that a row that somebody changed by hand is found
 *   4. the fold: the kept part of the journal, folded again, gives exactly the rows (or parked writes) that are there
 *   5. the front: what it holds is what the database has
 *
 * What is older than the kept part of the journal is proven by its check only. Stores move on while this runs: what
 * looks wrong of a key that was written after the position is left to the next run. Memory: one entry per key written
 * in the kept part of the journal.
 */
import { acceptedOf } from '../model/ledger.ts'
import { ABSENT, countOf, generationOf } from '../model/position.ts'
import type { Version } from '../model/position.ts'
import { refId } from '../model/batch.ts'
import type { PartitionRow, ScannedRow } from '../ports/database.ts'
import { jsonOf } from './collection-runtime.ts'
import type { Engine } from './engine.ts'
import { markProblem } from './mark.ts'
import type { VerifyReport } from './tier.ts'
import { foldKept, writtenSince } from './verify-journal.ts'
import type { Expected, KeptJournal } from './verify-journal.ts'
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
const PARKED_PAGE = 1_000
/** Mismatches that are listed; more are counted. */
const MISMATCHES_MAX = 1_000
/** Starts over where something was parked or cleared while it was read. */
const ATTEMPTS_MAX = 8

/** A parked write, newest of its key or older than the row. */
interface ParkedWrite {
  readonly version: Version
  readonly isDelete: boolean
}

/** One reading of the counters and of what is parked, taken when neither changed in between. */
interface Standing {
  readonly rows: readonly PartitionRow[]
  readonly parked: ReadonlyMap<string, ParkedWrite>
  readonly parkedIn: ReadonlyMap<number, number>
}

type Mismatch = VerifyReport['mismatches'][number]

interface Run extends Standing {
  readonly engine: Engine
  readonly options: VerifyOptions
  readonly expected: Map<string, Expected>
  readonly mismatches: Mismatch[]
  readonly unchecked: Map<string, number>
  mismatchesMore: number
}

export async function verify(engine: Engine, options: VerifyOptions): Promise<VerifyReport> {
  const { database } = engine.context
  const run: Run = {
    engine,
    options,
    ...(await standing(engine, options)),
    expected: new Map(),
    mismatches: [],
    unchecked: new Map(),
    mismatchesMore: 0,
  }
  const ledger = await Promise.all(
    run.rows.map((row) => verifyLedger(run, row, run.parkedIn.get(row.partition) ?? 0)),
  )
  const kept: KeptJournal = {
    journal: engine.shape.journal,
    judged: engine.shape.judged,
    ageMax: engine.context.settings.ageMax,
    signal: options.signal,
  }
  for (const row of run.rows) {
    if (!(await foldKept(kept, row, run.expected)))
      note(run, `entries of partition ${row.partition}: they do not count up to the database's position`, 0)
  }
  const deleted = [...run.expected.values()].filter((one) => one.value === undefined && !one.uncertain)
  let rows = 0
  for (const collection of await database.collections()) rows = await verifyRows(run, collection, rows)
  for (const left of run.expected.values()) verifyMissing(run, left)
  await verifyDeleted(run, deleted)
  const mismatches = await settled(run, kept)
  if (run.mismatchesMore > 0) note(run, `${run.mismatchesMore} more mismatches than are listed`, 0)
  return {
    ok: mismatches.length === 0 && run.mismatchesMore === 0 && ledger.every((one) => one.problem === null),
    ledger,
    mismatches,
    unchecked: [...run.unchecked].map(([what, count]) => (count > 0 ? `${count} ${what}` : what)),
  }
}

async function standing(engine: Engine, options: VerifyOptions): Promise<Standing> {
  const { database } = engine.context
  for (let attempt = 1; ; attempt += 1) {
    const rows = await database.partitions()
    const { parked, parkedIn } = await readParked(engine, options)
    const after = await database.partitions()
    const same = rows.every((row, index) => row.counts.parked === after[index]?.counts.parked)
    if (same || attempt >= ATTEMPTS_MAX) return { rows, parked, parkedIn }
  }
}

async function readParked(
  engine: Engine,
  options: VerifyOptions,
): Promise<Pick<Standing, 'parked' | 'parkedIn'>> {
  const parked = new Map<string, ParkedWrite>()
  const parkedIn = new Map<number, number>()
  let after: string | undefined
  do {
    options.signal?.throwIfAborted()
    const page = await engine.context.database.parked.list({
      limit: PARKED_PAGE,
      ...(after === undefined ? {} : { after }),
    })
    for (const item of page.items) {
      // A value has at least one byte of JSON.
      parked.set(refId(item), { version: item.version, isDelete: item.bytes === 0 })
      parkedIn.set(item.partition, (parkedIn.get(item.partition) ?? 0) + 1)
    }
    after = page.next
  } while (after !== undefined)
  return { parked, parkedIn }
}

/** The mismatches that stand: keys that were written after the position may have moved on in any store. */
async function settled(run: Run, kept: KeptJournal): Promise<Mismatch[]> {
  if (run.mismatches.length === 0) return []
  const since = await writtenSince(kept, run.rows)
  const standing = run.mismatches.filter((one) => !since.has(refId(one)))
  const left = run.mismatches.length - standing.length
  if (left > 0) note(run, 'keys were written while this ran and are left to the next run', left)
  return standing
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
  if (run.parked.get(id)?.version === expected.version || row.version > expected.version) return
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
  if (run.parked.get(refId(expected))?.version === expected.version) return
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
      const parked = run.parked.get(refId(ref))
      const overtaken = parked !== undefined && parked.version > row.version
      // To every reader a deleted key has version 0.
      const newest = overtaken ? (parked.isDelete ? ABSENT : parked.version) : row.version
      if (known.version !== newest)
        mismatch(run, ref, 'front', `version ${newest}`, `version ${known.version}`)
    })
  }
}

/** What was deleted last must be absent in the front, or not be held. */
async function verifyDeleted(run: Run, deleted: readonly Expected[]): Promise<void> {
  const byPartition = new Map<number, Expected[]>()
  for (const one of deleted) {
    const partition = run.options.partitionOf(one.collection, one.key)
    if (partition === undefined) continue
    const list = byPartition.get(partition)
    if (list === undefined) byPartition.set(partition, [one])
    else list.push(one)
  }
  for (const [partition, list] of byPartition) {
    const { held } = await run.engine.shape.front.read(partition, list)
    list.forEach((one, index) => {
      const known = held[index]
      if (known !== undefined && known.version !== ABSENT && known.version < one.version)
        mismatch(run, one, 'front', `deleted at version ${one.version}`, `version ${known.version}`)
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
