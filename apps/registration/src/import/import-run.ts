/**
 * One import of one file.
 *
 *   file ─▶ lines ─▶ records ─▶ batches of 1,000 ─▶ putMany, at most 8 in flight ─▶ checkpoint in order of lines
 *              └────── rejected: line, reason, text ──────────────────────────────▶ file beside it
 *
 * An import is known by kind and digest of the file. Its checkpoint is a record like any other: it says through
 * which line everything is acknowledged or rejected. After a crash the same file goes on there; what was put between
 * the checkpoint and the crash is put again with the same value, which changes nothing. Where the table already
 * has rows, each batch is compared with the table and only what differs is written: the same file twice writes
 * nothing.
 *
 * Bounds: 8,000 records in flight, keys of 5 million lines in memory to find a key that is there twice.
 */
import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isSpillwayError } from 'spillway'
import type { Records, SpillwayError } from 'spillway'
import { instantOf, sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { Problem } from '../problem.ts'
import { writtenLanded } from '../store/landing.ts'
import type { Store } from '../store/store.ts'
import { csvLines } from './csv-lines.ts'
import type { CsvLine } from './csv-lines.ts'
import { KINDS } from './kinds.ts'
import type { ImportKind, ImportedRecord } from './kinds.ts'
import { PresentRows } from './present-rows.ts'
import { RejectedFile } from './rejected-file.ts'
import type { RejectedLine } from './rejected-file.ts'

export interface ImportOptions {
  readonly store: Store
  readonly clock: Clock
  readonly kind: ImportKind
  readonly path: string
  /** Where the file of rejected lines goes. */
  readonly folder: string
  readonly codeKey: KeyObject
  /** What is to be done when all rows of a catalogue are in the database and some of them changed. */
  readonly whenLanded?: () => Promise<void>
  readonly onProgress?: (progress: ImportProgress) => void
}

export interface ImportProgress {
  readonly lines: number
  readonly linesPerSecond: number
  /** Null until it can be told. */
  readonly etaSeconds: number | null
}

export interface ImportReport {
  readonly kind: ImportKind
  readonly digest: string
  /** Without the header. */
  readonly lines: number
  readonly written: number
  readonly unchanged: number
  readonly rejected: number
  readonly rejectedFile: string
  /** Lines that an earlier run had done. */
  readonly resumedAfter: number
  readonly seconds: number
}

/** What the checkpoint record holds. */
interface Checkpoint {
  readonly state: 'running' | 'done'
  readonly startedAt: string
  readonly at: string
  /** Whether rows that are there are compared first. */
  readonly comparing: boolean
  /** Records of the file up to here are done. */
  readonly lines: number
  readonly written: number
  readonly unchanged: number
  readonly rejected: number
  readonly rejectedBytes: number
}

interface Item extends ImportedRecord {
  readonly line: CsvLine
}

interface Batch {
  readonly items: Item[]
  readonly rejected: RejectedLine[]
  lines: number
  bytes: number
  written: number
  unchanged: number
}

const BATCH_RECORDS = 1_000
const BATCHES_IN_FLIGHT = 8
const CHECKPOINT_BATCHES = 10
const KEYS_MAX = 5_000_000
const PROGRESS_MS = 1_000
const RETRIES_MAX = 600
const LANDED_MS = 60_000

export async function runImport(options: ImportOptions): Promise<ImportReport> {
  return new ImportRun(options, await digestOf(options.path)).run()
}

class ImportRun {
  readonly #options: ImportOptions
  readonly #digest: string
  readonly #records: Records<object>
  readonly #present: PresentRows
  readonly #file: RejectedFile
  readonly #seen = new Set<string>()
  readonly #flight: Promise<Batch>[] = []
  #checkpoint: Checkpoint
  #checkpointVersion = 0
  #batchesSince = 0
  #rejectedSince: RejectedLine[] = []
  #bytes = 0
  #bytesTotal = 0
  #startedMs = 0
  #saidMs = 0
  #linesBefore = 0

  constructor(options: ImportOptions, digest: string) {
    this.#options = options
    this.#digest = digest
    this.#records = options.store.tier.records<object>(KINDS[options.kind].collection)
    this.#present = new PresentRows(options.store.sql, KINDS[options.kind])
    this.#file = new RejectedFile(join(options.folder, `${options.kind}-${digest.slice(0, 16)}.rejected.csv`))
    this.#checkpoint = this.#beginning(true)
  }

  async run(): Promise<ImportReport> {
    const { clock, path, kind } = this.#options
    this.#startedMs = clock.now()
    this.#bytesTotal = (await stat(path)).size
    await this.#begin()
    const done = this.#linesBefore
    try {
      await this.#readAll(done)
      while (this.#flight.length > 0) await this.#settleOldest()
      if (KINDS[kind].isCatalogue) await this.#writtenLanded()
      // Before the import counts as done: after a crash in between it is done once more, which harms nobody.
      if (this.#checkpoint.written > 0) await this.#options.whenLanded?.()
      await this.#writeCheckpoint('done')
    } finally {
      // Nothing of this run may still be under way when its failure is told.
      await Promise.allSettled(this.#flight)
      await this.#file.close()
    }
    const { lines, written, unchanged, rejected } = this.#checkpoint
    return {
      kind,
      digest: this.#digest,
      lines,
      written,
      unchanged,
      rejected,
      rejectedFile: this.#file.path,
      resumedAfter: done,
      seconds: (clock.now() - this.#startedMs) / 1_000,
    }
  }

  async #readAll(done: number): Promise<void> {
    let batch = newBatch()
    let lines = 0
    for await (const chunk of csvLines(this.#options.path, KINDS[this.#options.kind])) {
      for (const line of chunk) {
        lines += 1
        const item = this.#itemOf(line)
        // Lines that are done are read all the same: their keys count for finding those that are there twice.
        if (lines <= done) continue
        batch.lines += 1
        batch.bytes = line.bytes
        if (typeof item !== 'string') batch.items.push(item)
        else batch.rejected.push({ number: line.number, reason: item, text: shownText(line) })
        if (batch.lines < BATCH_RECORDS) continue
        await this.#start(batch)
        batch = newBatch()
      }
    }
    if (batch.lines > 0) await this.#start(batch)
  }

  #itemOf(line: CsvLine): Item | string {
    if (line.fields === undefined) return line.problem ?? 'The line is no CSV.'
    const record = KINDS[this.#options.kind].record(line.fields, this.#options.codeKey)
    if (typeof record === 'string') return record
    if (this.#seen.has(record.key)) return `${record.key} is in this file twice; the first line counts.`
    if (this.#seen.size >= KEYS_MAX)
      throw new Problem(413, 'too-large', `A file has at most ${KEYS_MAX} lines: split it.`)
    this.#seen.add(record.key)
    return { ...record, line }
  }

  async #start(batch: Batch): Promise<void> {
    if (this.#flight.length >= BATCHES_IN_FLIGHT) await this.#settleOldest()
    const running = this.#put(batch)
    // Its failure is told when its turn comes.
    running.catch(() => undefined)
    this.#flight.push(running)
  }

  async #settleOldest(): Promise<void> {
    const batch = await (this.#flight.shift() as Promise<Batch>)
    const { lines, written, unchanged, rejected } = this.#checkpoint
    this.#checkpoint = {
      ...this.#checkpoint,
      lines: lines + batch.lines,
      written: written + batch.written,
      unchanged: unchanged + batch.unchanged,
      rejected: rejected + batch.rejected.length,
    }
    this.#bytes = batch.bytes
    this.#rejectedSince.push(...batch.rejected)
    this.#batchesSince += 1
    if (this.#batchesSince >= CHECKPOINT_BATCHES) await this.#writeCheckpoint('running')
    this.#sayProgress()
  }

  async #put(batch: Batch): Promise<Batch> {
    let left = batch.items
    if (this.#checkpoint.comparing && left.length > 0) {
      left = await this.#differing(left)
      batch.unchanged = batch.items.length - left.length
    }
    for (let attempt = 1; left.length > 0; attempt += 1) {
      const outcomes = await this.#records.putMany(left.map(({ key, value }) => ({ key, value })))
      const again: Item[] = []
      let waitMs = 0
      outcomes.forEach((outcome, index) => {
        const item = left[index] as Item
        if (!isSpillwayError(outcome)) {
          batch.written += 1
        } else if (outcome.code === 'invalid' || outcome.code === 'too-large') {
          const { line } = item
          batch.rejected.push({ number: line.number, reason: outcome.detail, text: shownText(line) })
        } else {
          // An unknown outcome too: the same value once more changes nothing.
          if (!mayComeAgain(outcome) || attempt >= RETRIES_MAX) throw outcome
          again.push(item)
          waitMs = Math.max(waitMs, Math.min(outcome.retryAfterMs ?? 0, 1_000))
        }
      })
      left = again
      if (left.length > 0) await sleep(Math.max(20, waitMs))
    }
    batch.rejected.sort((a, b) => a.number - b.number)
    return batch
  }

  async #differing(items: readonly Item[]): Promise<Item[]> {
    const present = await this.#present.of(items.map((item) => item.key))
    return items.filter((item) => present.get(item.key) !== JSON.stringify(item.value))
  }

  async #begin(): Promise<void> {
    const { store, kind } = this.#options
    const found = await store.importJobs.get(`${kind}/${this.#digest}`)
    const earlier = found?.value.progress as Checkpoint | undefined
    this.#checkpointVersion = found?.version ?? 0
    if (earlier?.state === 'running') this.#checkpoint = earlier
    else this.#checkpoint = this.#beginning(earlier !== undefined || !(await this.#isEmpty()))
    this.#linesBefore = this.#checkpoint.lines
    if (this.#checkpoint.comparing) await this.#writtenLanded()
    await this.#file.start(this.#checkpoint.rejectedBytes)
    await this.#writeCheckpoint('running')
  }

  #beginning(comparing: boolean): Checkpoint {
    const at = instantOf(this.#options.clock.now())
    const none = { lines: 0, written: 0, unchanged: 0, rejected: 0, rejectedBytes: 0 }
    return { state: 'running', startedAt: at, at, comparing, ...none }
  }

  /** A row that has not landed does not show here, and comparing is only skipped: nothing goes wrong by it. */
  async #isEmpty(): Promise<boolean> {
    const { collection } = KINDS[this.#options.kind]
    return (await this.#options.store.sql.all(`SELECT 1 AS one FROM ${collection} LIMIT 1`)).length === 0
  }

  /** What was written so far has to be in the table: a later import compares with it, a catalogue is read from it. */
  async #writtenLanded(): Promise<void> {
    const { store, clock } = this.#options
    if (await writtenLanded(store, clock, LANDED_MS)) return
    throw new Problem(
      503,
      'not-landed',
      'What was written is safe but not in the database yet: import the same file once more when it keeps up.',
    )
  }

  /** On its own version: of two processes with the same file one goes on, and the other hears of it. */
  async #writeCheckpoint(state: Checkpoint['state']): Promise<void> {
    const { store, kind, clock } = this.#options
    await this.#file.append(this.#rejectedSince)
    this.#rejectedSince = []
    this.#batchesSince = 0
    const at = instantOf(clock.now())
    this.#checkpoint = { ...this.#checkpoint, state, at, rejectedBytes: this.#file.bytes }
    const key = `${kind}/${this.#digest}`
    try {
      const condition = { ifVersion: this.#checkpointVersion }
      const receipt = await store.importJobs.put(key, { progress: this.#checkpoint }, condition)
      this.#checkpointVersion = receipt.version
    } catch (error) {
      if (!isSpillwayError(error, 'version-mismatch')) throw error
      throw new Problem(409, 'import-running', 'Another process is importing this very file.', {
        cause: error,
      })
    }
  }

  #sayProgress(): void {
    const { clock, onProgress } = this.#options
    const nowMs = clock.now()
    if (onProgress === undefined || nowMs - this.#saidMs < PROGRESS_MS) return
    this.#saidMs = nowMs
    const seconds = Math.max(0.001, (nowMs - this.#startedMs) / 1_000)
    const lines = this.#checkpoint.lines
    const leftBytes = this.#bytesTotal - this.#bytes
    onProgress({
      lines,
      linesPerSecond: Math.round((lines - this.#linesBefore) / seconds),
      etaSeconds: this.#bytes === 0 ? null : Math.round((leftBytes / this.#bytes) * seconds),
    })
  }
}

function newBatch(): Batch {
  return { items: [], rejected: [], lines: 0, bytes: 0, written: 0, unchanged: 0 }
}

function mayComeAgain(error: SpillwayError): boolean {
  return (
    error.kind === 'retry' || error.kind === 'over-limit' || error.kind === 'unknown' || error.code === 'void'
  )
}

/** Secrets do not belong in a file that is mailed around to have lines corrected. */
function shownText({ fields, text }: CsvLine): string {
  if (fields === undefined) return text.slice(0, 200)
  const { one_time_code: _code, secret: _secret, ...shown } = fields
  return Object.values(shown).join(',')
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}
