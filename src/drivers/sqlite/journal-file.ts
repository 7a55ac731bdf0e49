/**
 * The SQLite file of a journal: blocks of entries, one transaction a group commit.
 *
 *   spillway_journal   one row: format, identity, partitions
 *   spillway_ends      one row: newest offset of every partition, rewritten in every commit
 *   block_<partition>  first offset · entries · crc · their bytes
 *
 * Offsets run from 1 without a gap. A commit adds one block to each partition that it brings something for, so 256
 * puts over 16 partitions are 16 rows. Every partition has a table of its own, because SQLite packs rows that are
 * appended to the end of a table, and splits pages half full in the middle of one: 209-239k entries/s against
 * 75-164k with one table for all (256 entries of 560 bytes a commit, one 2-core machine, neighbours on it).
 *
 * Durable: WAL, synchronous=FULL, one fsync a commit. A power cut leaves the last intact commit: SQLite's checksums
 * cut the torn tail off. What else can be wrong is found, not skipped: bytes by the crc over partition, offsets and
 * content; lost rows by spillway_ends when the file is opened, and by the offset that follows when they are read;
 * another file by its identity.
 *
 * One owner: the connection keeps SQLite's exclusive lock, so that a second process is turned away at open.
 *
 * Bounds: used pages up to `bytesMax`, then `overloaded`; control entries 1 % (at least 64 KiB) further. Freed
 * pages are used again. The write-ahead log is moved into the file between commits whenever 4 MiB have come, and its
 * own file is cut back to 16 MiB. Moved every 4 / 16 / 64 MiB: 218k / 219k / 266k entries/s, and at the 99.9th
 * percentile a commit took 20 / 43 / 111 ms (commits of 256 entries of 560 bytes, a busy 2-core machine): a steady
 * journal is worth more here than the last fifth.
 *
 * After a failed fsync nothing that the kernel still holds can be trusted: the file is `broken`, takes nothing more
 * and has to be opened again.
 */
import { crc32 } from 'node:zlib'
import { SpillwayError, invariant } from '../../errors.ts'
import { SqliteError } from '../../runtime/sqlite.ts'
import type { SqliteConnection, SqliteStatement } from '../../runtime/sqlite.ts'
import { forgetOwner, nameOwner } from './file-owner.ts'
import { checksum, pack, readBlocks } from './journal-blocks.ts'
import { gap, journalError, mismatch, readError } from './journal-failures.ts'
import { SECTION_FIELDS } from './journal-messages.ts'
import type { AppendAnswer, AppendCall, JournalInit, ReadAnswer, ReadCall } from './journal-messages.ts'
import { opened, packEnds, prepare, unpackEnds } from './journal-schema.ts'

/** A prepared insert for each, out of the 1,000 statements of a connection. */
const PARTITIONS_MAX = 512
const CONTROL_RESERVE_BYTES = 64 * 1024
const CONTROL_RESERVE_SHARE = 0.01
/** How much may be in the write-ahead log before it is moved into the file. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024
/** What a block costs beside its bytes, for the decision whether it fits: a page that it shares with nothing. */
const BLOCK_OVERHEAD_BYTES = 4096
const BLOCKS_PER_TRIM = 64

export class JournalFile {
  readonly identity: string
  readonly #path: string
  readonly #db: SqliteConnection
  readonly #bytesMax: number
  readonly #firsts: number[] = []
  readonly #ends: number[] = []
  readonly #inserts: SqliteStatement[] = []
  readonly #begin: SqliteStatement
  readonly #commit: SqliteStatement
  readonly #saveEnds: SqliteStatement
  readonly #pages: SqliteStatement
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
      this.#saveEnds = this.#db.prepare('UPDATE spillway_ends SET ends = ?, crc = ?')
      this.#pages = this.#db.prepare(
        'SELECT (page_count - freelist_count) * page_size AS bytes FROM pragma_page_count, pragma_freelist_count, pragma_page_size',
      )
      for (let partition = 0; partition < partitions; partition += 1) {
        this.#inserts.push(
          this.#db.prepare(`INSERT INTO block_${partition} (first, entries, crc, bytes) VALUES (?, ?, ?, ?)`),
        )
      }
      this.#learnEnds(partitions)
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
    return this.#firsts[partition] as number
  }

  end(partition: number): number {
    return this.#ends[partition] as number
  }

  append(call: AppendCall): AppendAnswer {
    this.#mustBeWhole()
    this.#mustFit(call)
    const ends = [...this.#ends]
    const firsts: number[] = []
    try {
      this.#begin.run()
      this.#insert(call, ends, firsts)
      const packed = packEnds(ends)
      this.#saveEnds.run(packed, crc32(packed))
    } catch (error) {
      throw this.#rolledBack(error)
    }
    try {
      this.#commit.run()
    } catch (error) {
      throw this.#uncommitted(error)
    }
    for (let i = 0; i < ends.length; i += 1) this.#ends[i] = ends[i] as number
    this.#measure()
    return { buffer: call.buffer, firsts, bytes: this.#bytesUsed }
  }

  #insert(call: AppendCall, ends: number[], firsts: number[]): void {
    const { buffer, sections } = call
    for (let i = 0; i < sections.length; i += SECTION_FIELDS) {
      const [partition, entries, offset, length] = sections.slice(i, i + SECTION_FIELDS) as [
        number,
        number,
        number,
        number,
      ]
      const insert = this.#inserts[partition]
      invariant(
        insert !== undefined,
        `Partition ${partition} was appended to in a journal of ${this.#inserts.length}`,
      )
      const bytes = new Uint8Array(buffer, offset, length)
      const first = (ends[partition] as number) + 1
      insert.run(first, entries, checksum(partition, first, entries, bytes), bytes)
      ends[partition] = first + entries - 1
      firsts.push(first)
      this.#bytesSinceCheckpoint += length
    }
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
      return pack(
        readBlocks(this.#db, this.#path, { partition, from: after + 1, end, entriesMax, bytesMax }),
        end,
      )
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
    const end = this.end(partition)
    const table = `block_${partition}`
    try {
      const keptFrom =
        offset >= end
          ? end + 1
          : this.#number(`SELECT max(first) AS value FROM ${table} WHERE first <= ?`, offset + 1)
      if (keptFrom === undefined || keptFrom <= this.first(partition)) return false
      this.#db.exec('PRAGMA synchronous = NORMAL')
      const remove = this.#db.prepare(
        `DELETE FROM ${table} WHERE first IN (SELECT first FROM ${table} WHERE first < ? ORDER BY first LIMIT ${BLOCKS_PER_TRIM})`,
      )
      try {
        remove.run(keptFrom)
        this.#bytesSinceCheckpoint += BLOCKS_PER_TRIM * BLOCK_OVERHEAD_BYTES
      } finally {
        remove.finalize()
        this.#db.exec('PRAGMA synchronous = FULL')
      }
      const first = this.#number(`SELECT min(first) AS value FROM ${table}`) ?? end + 1
      this.#firsts[partition] = first
      this.#measure()
      return first < keptFrom
    } catch (error) {
      throw this.#noted(journalError(this.#path, error))
    }
  }

  /** Moves the write-ahead log into the file where enough has come together. To be called between appends. */
  checkpointIfDue(): void {
    if (this.#bytesSinceCheckpoint < CHECKPOINT_BYTES || this.#broken !== undefined || this.#closed) return
    this.#bytesSinceCheckpoint = 0
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
    forgetOwner(this.#path)
    this.#db.close()
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
    let bytes = this.#bytesUsed
    for (let i = 0; i < sections.length; i += SECTION_FIELDS)
      bytes += (sections[i + 3] as number) + BLOCK_OVERHEAD_BYTES
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

  #learnEnds(partitions: number): void {
    const row = this.#db
      .prepare('SELECT ends, crc FROM spillway_ends')
      .get<{ ends: Uint8Array; crc: number }>()
    if (row === undefined || row.ends.byteLength !== partitions * 8 || crc32(row.ends) !== row.crc) {
      throw mismatch(this.#path, 'the record of its ends is damaged')
    }
    const ends = unpackEnds(row.ends)
    for (let partition = 0; partition < partitions; partition += 1) {
      const table = `block_${partition}`
      const end = ends[partition] as number
      const first = this.#number(`SELECT min(first) AS value FROM ${table}`)
      const last = this.#number(
        `SELECT first + entries - 1 AS value FROM ${table} ORDER BY first DESC LIMIT 1`,
      )
      if (last !== undefined && last !== end) throw gap(this.#path, partition, Math.min(last, end) + 1)
      this.#firsts.push(first ?? end + 1)
      this.#ends.push(end)
    }
  }

  #number(sql: string, ...params: number[]): number | undefined {
    const statement = this.#db.prepare(sql)
    try {
      return (statement.get(...params)?.['value'] ?? undefined) as number | undefined
    } finally {
      statement.finalize()
    }
  }
}
