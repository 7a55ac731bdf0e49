/**
 * The SQLite file of a journal: blocks of entries, one transaction and one block a group commit.
 *
 *   spillway_journal   one row: format, identity, partitions
 *   spillway_state     one row: newest block; newest and trimmed offset of every partition
 *   block              n · head (whose entries, and where) · crc · the entries of all partitions
 *
 * Offsets run from 1 without a gap, per partition. All partitions share a block, because what a commit costs is the
 * pages that it touches: with a table and a row for each of 16 partitions, a commit of 128 puts of 575 bytes took
 * 3.5 us of CPU a put and 40 pages; as one row of pages of 16 KiB it takes 2.0 us and 6 pages. Readers pay: they
 * read others' entries too (journal-blocks.ts). So do trims: a block goes when nobody needs it (journal-sweep.ts).
 *
 * Durable: WAL, synchronous=FULL, one fsync a commit. A power cut leaves the last intact commit: SQLite's checksums
 * cut the torn tail off. What else can be wrong is found, not skipped: bytes by checksums over place, head and
 * content; lost blocks by the offsets of those that follow, and of the newest by spillway_state, which is stored
 * before the log is moved into the file (up to there the log's own checksums answer for it) and when it is closed;
 * another file by its identity.
 *
 * One owner: the connection keeps SQLite's exclusive lock, so that a second process is turned away at open.
 *
 * Bounds: used pages up to `bytesMax`, then `overloaded`; control entries 1 % (at least 64 KiB) further. Freed
 * pages are used again. The write-ahead log is moved into the file between commits whenever a MiB of it has come, and
 * its own file is cut back to 16 MiB. Moving takes 1.6 ms a MiB, however many at once, and appends wait meanwhile: a
 * MiB is what the writers' thread has work for, with 256 writes in flight; 4 MiB were a pause of 6 ms, and 64 MiB,
 * which make a fifth more entries/s, one of 110 ms. In memory: 8 bytes a block (journal-chapters.ts).
 *
 * After a failed fsync nothing that the kernel still holds can be trusted: the file is `broken`, takes nothing more
 * and has to be opened again.
 */
import { crc32 } from 'node:zlib'
import { SpillwayError, invariant } from '../../errors.ts'
import { SqliteError } from '../../runtime/sqlite.ts'
import type { SqliteConnection, SqliteStatement } from '../../runtime/sqlite.ts'
import { forgetOwner, nameOwner } from './file-owner.ts'
import { Blocks } from './journal-blocks.ts'
import { Chapters } from './journal-chapters.ts'
import { journalError, readError } from './journal-failures.ts'
import { headChecksum, packHead } from './journal-head.ts'
import type { Section } from './journal-head.ts'
import { learn } from './journal-learn.ts'
import { SECTION_FIELDS } from './journal-messages.ts'
import type { AppendAnswer, AppendCall, JournalInit, ReadAnswer, ReadCall } from './journal-messages.ts'
import { PAGE_BYTES, opened, packState, prepare, readState } from './journal-schema.ts'
import { BLOCKS_PER_STEP, isSweepDue, merge, planSweep } from './journal-sweep.ts'
import type { SweepStep } from './journal-sweep.ts'

const PARTITIONS_MAX = 512
const CONTROL_RESERVE_BYTES = 64 * 1024
const CONTROL_RESERVE_SHARE = 0.01
/** How much may be in the write-ahead log before it is moved into the file. */
const CHECKPOINT_BYTES = 1024 * 1024
/** What a block costs beside its bytes, for the decision whether it fits: a page that it shares with nothing. */
const BLOCK_OVERHEAD_BYTES = PAGE_BYTES

export class JournalFile {
  readonly identity: string
  readonly #path: string
  readonly #db: SqliteConnection
  readonly #bytesMax: number
  readonly #ends: number[]
  readonly #trimmed: number[]
  readonly #chapters: Chapters
  readonly #blocks: Blocks
  readonly #insert: SqliteStatement
  readonly #remove: SqliteStatement
  readonly #begin: SqliteStatement
  readonly #commit: SqliteStatement
  readonly #saveState: SqliteStatement
  readonly #pages: SqliteStatement
  /** Number of the newest block. */
  #newest = 0
  /** Entries in the file. */
  #entries = 0
  /** The block up to which a sweep has come, and where it ends; undefined: none is on. */
  #sweep: { to: number; readonly end: number } | undefined
  /** Entries that nobody needs and that the last sweep left. */
  #left = 0
  #bytesUsed = 0
  #bytesSinceCheckpoint = 0
  #broken: unknown
  #closed = false

  /** Opens or makes the file; on any failure nothing stays open. */
  constructor(init: JournalInit) {
    const { path, partitions } = init
    if (!Number.isSafeInteger(partitions) || partitions < 1 || partitions > PARTITIONS_MAX) {
      throw new SpillwayError(
        'invalid',
        `partitions is ${partitions}; a SQLite journal has 1 to ${PARTITIONS_MAX}.`,
      )
    }
    this.#path = path
    this.#bytesMax = init.bytesMax
    this.#db = opened(path)
    let isOwner = false
    try {
      this.identity = prepare(this.#db, init)
      isOwner = true
      nameOwner(path)
      this.#begin = this.#db.prepare('BEGIN IMMEDIATE')
      this.#commit = this.#db.prepare('COMMIT')
      this.#saveState = this.#db.prepare('UPDATE spillway_state SET state = ?, crc = ?')
      this.#pages = this.#db.prepare(
        'SELECT (page_count - freelist_count) * page_size AS bytes FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
      )
      this.#insert = this.#db.prepare('INSERT INTO block (n, head, crc, bytes) VALUES (?, ?, ?, ?)')
      this.#remove = this.#db.prepare('DELETE FROM block WHERE n = ?')
      this.#chapters = new Chapters(partitions)
      this.#blocks = new Blocks(this.#db, path, this.#chapters)
      const state = readState(this.#db, path, partitions)
      this.#trimmed = [...state.trimmed]
      const learned = learn(path, this.#blocks, this.#chapters, state)
      this.#ends = learned.ends
      this.#newest = learned.newest
      this.#entries = learned.entries
      this.#left = this.#vain()
      this.#measure()
    } catch (error) {
      if (isOwner) forgetOwner(path)
      this.#db.close()
      throw readError(path, error)
    }
  }

  get bytesUsed(): number {
    return this.#bytesUsed
  }

  first(partition: number): number {
    return (this.#trimmed[partition] as number) + 1
  }

  end(partition: number): number {
    return this.#ends[partition] as number
  }

  append(call: AppendCall): AppendAnswer {
    this.#mustBeWhole()
    this.#mustFit(call)
    const { buffer } = call
    const ends = [...this.#ends]
    const { sections, length } = this.#sections(call, ends)
    const n = this.#newest + 1
    try {
      const bytes = new Uint8Array(buffer, 0, length)
      const head = packHead(sections, bytes)
      this.#begin.run()
      this.#insert.run(n, head, headChecksum(n, head), bytes)
      // What goes from the log into the file has to be answered for by the file.
      if (this.#bytesSinceCheckpoint + length + PAGE_BYTES >= CHECKPOINT_BYTES) this.#store(n, ends)
    } catch (error) {
      throw this.#rolledBack(error)
    }
    try {
      this.#commit.run()
    } catch (error) {
      throw this.#uncommitted(error)
    }
    this.#chapters.note(n, this.#ends)
    this.#newest = n
    // In the log every page counts whole.
    this.#bytesSinceCheckpoint += length + PAGE_BYTES
    for (const { partition, entries } of sections) {
      this.#ends[partition] = ends[partition] as number
      this.#entries += entries
    }
    this.#measure()
    return { buffer, firsts: sections.map(({ first }) => first), bytes: this.#bytesUsed }
  }

  /** Gives every section its offsets; `ends` are moved on. */
  #sections(
    call: AppendCall,
    ends: number[],
  ): { readonly sections: readonly Section[]; readonly length: number } {
    const sections: Section[] = []
    let length = 0
    for (let i = 0; i < call.sections.length; i += SECTION_FIELDS) {
      const [partition, entries, at, bytes] = call.sections.slice(i, i + SECTION_FIELDS) as [
        number,
        number,
        number,
        number,
      ]
      const end = ends[partition]
      invariant(
        end !== undefined && at === length,
        `Partition ${partition} was appended to in a journal of ${ends.length}, ${at} bytes after ${length}`,
      )
      sections.push({ partition, entries, first: end + 1, at, length: bytes })
      ends[partition] = end + entries
      length += bytes
    }
    return { sections, length }
  }

  /**
   * Blocks from the one that holds `after + 1` on, until a limit is reached. The caller passes over what it did
   * not ask for in the first one and past the last one.
   */
  read(call: ReadCall): ReadAnswer {
    const { partition, after, entriesMax, bytesMax } = call
    const end = this.end(partition)
    const first = this.first(partition)
    if (after + 1 < first) {
      throw new SpillwayError(
        'journal-mismatch',
        `${this.#path}, partition ${partition}: entries after offset ${after} were asked for, but those before ${first} are trimmed.`,
      )
    }
    if (after >= end) return { buffer: new ArrayBuffer(0), blocks: [], end }
    try {
      return this.#blocks.read({ partition, from: after + 1, end, entriesMax, bytesMax })
    } catch (error) {
      throw readError(this.#path, error)
    }
  }

  /**
   * One step towards having nothing up to `offset`: at most 64 blocks; false when there is nothing more to do. Not
   * synced: a trim that a crash takes back is done again, and the next append syncs it with itself.
   */
  trim(partition: number, offset: number): boolean {
    if (this.#closed) return false
    this.#mustBeWhole()
    const to = Math.min(offset, this.end(partition))
    if (to > (this.#trimmed[partition] as number)) this.#trimmed[partition] = to
    const vain = this.#vain()
    if (this.#sweep === undefined && !isSweepDue(this.#entries - vain, vain, this.#left)) return false
    this.#sweep ??= { to: 0, end: this.#chapters.keptFrom(this.#trimmed) }
    try {
      return this.#sweepOn(this.#sweep)
    } catch (error) {
      throw this.#noted(readError(this.#path, error))
    }
  }

  #sweepOn(sweep: { to: number; readonly end: number }): boolean {
    const heads = this.#blocks.heads(sweep.to + 1, BLOCKS_PER_STEP)
    if (!((heads[0]?.n ?? Number.POSITIVE_INFINITY) < sweep.end)) {
      this.#sweep = undefined
      this.#left = this.#vain()
      return false
    }
    const step = planSweep(heads, this.#trimmed)
    if (step.gone.length > 0 || step.merged.length > 0) this.#take(step)
    this.#chapters.thin(sweep.to, step)
    sweep.to = step.to
    return true
  }

  #take(step: SweepStep): void {
    this.#db.exec('PRAGMA synchronous = NORMAL')
    try {
      const merged = merge(
        step.merged.map((n) => this.#blocks.get(n)),
        this.#trimmed,
      )
      this.#begin.run()
      for (const n of [...step.gone, ...step.merged]) this.#remove.run(n)
      const into = step.merged.at(-1)
      if (into !== undefined) {
        const head = packHead(merged.sections, merged.bytes)
        this.#insert.run(into, head, headChecksum(into, head), merged.bytes)
      }
      this.#store(this.#newest, this.#ends)
      this.#commit.run()
    } finally {
      this.#rollback()
      this.#db.exec('PRAGMA synchronous = FULL')
      this.#blocks.forget()
    }
    this.#entries -= step.entries
    // What goes costs its share of the pages that list what is free.
    this.#bytesSinceCheckpoint += step.bytes + (step.gone.length * PAGE_BYTES) / 4
    this.#measure()
  }

  /** Entries in the file that nobody needs. */
  #vain(): number {
    let needed = 0
    for (let partition = 0; partition < this.#ends.length; partition += 1)
      needed += this.end(partition) - (this.#trimmed[partition] as number)
    return this.#entries - needed
  }

  #store(newest: number, ends: readonly number[]): void {
    const state = packState({ newest, ends, trimmed: this.#trimmed })
    this.#saveState.run(state, crc32(state))
  }

  /** Moves the write-ahead log into the file where enough has come together. To be called between appends. */
  checkpointIfDue(): void {
    if (this.#bytesSinceCheckpoint < CHECKPOINT_BYTES || this.#broken !== undefined || this.#closed) return
    this.#bytesSinceCheckpoint = 0
    this.#blocks.forget()
    try {
      this.#db.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch (error) {
      // Full disk or the like: nothing is lost, the log stays, and is moved next time. A failed fsync is noted.
      this.#noted(error)
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    try {
      // Closing moves the log into the file, whole.
      if (this.#broken === undefined) this.#store(this.#newest, this.#ends)
    } catch (error) {
      this.#noted(error)
    } finally {
      forgetOwner(this.#path)
      this.#db.close()
    }
  }

  #mustBeWhole(): void {
    if (this.#broken === undefined) return
    throw new SpillwayError(
      'unavailable',
      `${this.#path} failed to reach the disk before and takes nothing more: nothing was appended. Check the disk, then open again.`,
      { cause: this.#broken },
    )
  }

  #mustFit(call: AppendCall): void {
    const { sections, hasWrites } = call
    const reserve = hasWrites ? 0 : Math.max(CONTROL_RESERVE_BYTES, this.#bytesMax * CONTROL_RESERVE_SHARE)
    let bytes = this.#bytesUsed + BLOCK_OVERHEAD_BYTES
    for (let i = 0; i < sections.length; i += SECTION_FIELDS) bytes += sections[i + 3] as number
    if (bytes <= this.#bytesMax + reserve) return
    throw new SpillwayError(
      'overloaded',
      `The journal ${this.#path} is full: ${this.#bytesUsed} bytes of journalBytesMax ${this.#bytesMax} wait for the database. Nothing was appended.`,
    )
  }

  /** Before COMMIT nothing can have become durable, whatever went wrong. */
  #rolledBack(error: unknown): unknown {
    if (!this.#rollback()) this.#broken = error
    return this.#noted(journalError(this.#path, error))
  }

  /**
   * A COMMIT that could not write all its pages has no commit record in the log, so that nothing was appended for
   * certain. After any other failure, a failed fsync above all, the record may be there.
   */
  #uncommitted(error: unknown): unknown {
    const code = error instanceof SqliteError ? error.code : ''
    const rolledBack = this.#rollback()
    if (rolledBack && (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_WRITE'))
      return journalError(this.#path, error)
    this.#broken = error
    return new SpillwayError(
      'outcome-unknown',
      `${this.#path}: the commit failed (${String(error)}); it may be durable or not.`,
      {
        cause: error,
      },
    )
  }

  #rollback(): boolean {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
      return true
    } catch {
      return false
    }
  }

  #noted(error: unknown): unknown {
    const cause = error instanceof SpillwayError ? error.cause : error
    if (cause instanceof SqliteError && cause.code === 'SQLITE_IOERR_FSYNC') this.#broken = cause
    return error
  }

  #measure(): void {
    this.#bytesUsed = this.#pages.get()?.['bytes'] as number
  }
}
