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
 * content; lost rows by comparing the blocks with each other and with spillway_ends; another file by its identity.
 *
 * One owner: the connection keeps SQLite's exclusive lock, so that a second process is turned away at open.
 *
 * Bounds: used pages up to `bytesMax`, then `overloaded`; control entries 1 % (at least 64 KiB) further. Freed
 * pages are used again. The write-ahead log is moved into the file between commits whenever 16 MiB have come, and
 * its own file is cut back to 64 MiB.
 *
 * After a failed fsync nothing that the kernel still holds can be trusted: the file is `broken`, takes nothing more
 * and has to be opened again.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { SpillwayError, invariant } from '../../errors.ts'
import { SqliteError, openSqlite } from '../../runtime/sqlite.ts'
import type { SqliteConnection, SqliteStatement } from '../../runtime/sqlite.ts'
import { forgetOwner, inUse, nameOwner } from './file-owner.ts'
import { SECTION_FIELDS } from './journal-messages.ts'
import type { AppendAnswer, AppendCall, JournalInit, ReadAnswer, ReadCall } from './journal-messages.ts'

/** "SpWJ": what SQLite files of ours say they are. */
const APPLICATION_ID = 0x5370574a
const FORMAT = 1
/** A prepared insert for each, out of the 1,000 statements of a connection. */
const PARTITIONS_MAX = 512
const CONTROL_RESERVE_BYTES = 64 * 1024
const CONTROL_RESERVE_SHARE = 0.01
/** How much may be in the write-ahead log before it is moved into the file. */
const CHECKPOINT_BYTES = 16 * 1024 * 1024
const LOG_BYTES_KEPT = 64 * 1024 * 1024
/** What a block costs beside its bytes, for the decision whether it fits: a page that it shares with nothing. */
const BLOCK_OVERHEAD_BYTES = 4096
const BLOCKS_PER_READ = 16
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
    try {
      this.identity = prepare(this.#db, init)
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
      this.#db.close()
      throw journalError(path, error)
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
      return pack(this.#blocks(partition, after + 1, entriesMax, bytesMax), end)
    } catch (error) {
      throw journalError(this.#path, error)
    }
  }

  #blocks(partition: number, from: number, entriesMax: number, bytesMax: number): BlockRow[] {
    const start = this.#db.prepare(`SELECT max(first) AS first FROM block_${partition} WHERE first <= ?`)
    const next = this.#db.prepare(
      `SELECT first, entries, crc, bytes FROM block_${partition} WHERE first >= ? ORDER BY first LIMIT ${BLOCKS_PER_READ}`,
    )
    try {
      const blocks: BlockRow[] = []
      let expected = (start.get(from)?.['first'] ?? from) as number
      let entries = expected - from
      let bytes = 0
      const end = this.end(partition)
      while (expected <= end && entries < entriesMax && bytes < bytesMax) {
        const rows = next.all<BlockRow>(expected)
        if (rows.length === 0) throw this.#gap(partition, expected)
        for (const row of rows) {
          if (row.first !== expected) throw this.#gap(partition, expected)
          if (checksum(partition, row.first, row.entries, row.bytes) !== row.crc)
            throw this.#damaged(partition, row.first)
          if (entries >= entriesMax || (bytes > 0 && bytes + row.bytes.byteLength > bytesMax)) return blocks
          blocks.push(row)
          expected = row.first + row.entries
          entries += row.entries
          bytes += row.bytes.byteLength
        }
      }
      return blocks
    } finally {
      start.finalize()
      next.finalize()
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
      if (last !== undefined && last !== end) throw this.#gap(partition, Math.min(last, end) + 1)
      const gap = this.#number(
        `SELECT expected AS value FROM (SELECT first, lag(first + entries) OVER (ORDER BY first) AS expected FROM ${table}) WHERE first <> expected LIMIT 1`,
      )
      if (gap !== undefined) throw this.#gap(partition, gap)
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

  #gap(partition: number, offset: number): SpillwayError {
    return mismatch(this.#path, `the entry at offset ${offset} of partition ${partition} is missing`)
  }

  #damaged(partition: number, first: number): SpillwayError {
    return mismatch(
      this.#path,
      `the entries from offset ${first} on in partition ${partition} have another checksum than was stored`,
    )
  }
}

interface BlockRow {
  readonly first: number
  readonly entries: number
  readonly crc: number
  readonly bytes: Uint8Array
  // Rows of the binding are open records.
  [column: string]: number | Uint8Array
}

function opened(path: string): SqliteConnection {
  try {
    const directory = dirname(path)
    const made = mkdirSync(directory, { recursive: true })
    // SQLite syncs the directory of its files, but not the ones above it.
    if (made !== undefined) syncDirectory(dirname(made))
    return openSqlite(path)
  } catch (error) {
    throw new SpillwayError('unavailable', `The journal ${path} cannot be opened: ${String(error)}`, {
      cause: error,
    })
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Takes the lock, sets durability, makes or checks what is there; the identity. */
function prepare(db: SqliteConnection, init: JournalInit): string {
  // First of all: with it, the first look at the file takes the lock, and keeps it.
  db.exec('PRAGMA locking_mode = EXCLUSIVE')
  const isOurs = pragma(db, 'application_id') === APPLICATION_ID
  const isEmpty =
    (db.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables'] as number) === 0
  if (!isOurs && !isEmpty) {
    throw new SpillwayError(
      'invalid',
      `${init.path} is a SQLite file of another program, not a Spillway journal: name a file of its own for the journal.`,
    )
  }
  if (pragma(db, 'journal_mode = WAL') !== 'wal') {
    throw new SpillwayError(
      'unavailable',
      `${init.path} cannot have a write-ahead log here: put it on a local disk.`,
    )
  }
  db.exec(`PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${LOG_BYTES_KEPT};
    PRAGMA secure_delete = OFF; PRAGMA cache_size = -16384; BEGIN IMMEDIATE`)
  if (isEmpty) make(db, init)
  db.exec('COMMIT')
  // What identifies the file must not be in the log alone, which is a file that can get lost.
  if (isEmpty) db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  return check(db, init)
}

function make(db: SqliteConnection, init: JournalInit): void {
  db.exec(`PRAGMA application_id = ${APPLICATION_ID};
    CREATE TABLE spillway_journal (format INTEGER NOT NULL, identity TEXT NOT NULL, partitions INTEGER NOT NULL);
    CREATE TABLE spillway_ends (ends BLOB NOT NULL, crc INTEGER NOT NULL)`)
  for (let partition = 0; partition < init.partitions; partition += 1) {
    db.exec(`CREATE TABLE block_${partition} (
      first INTEGER PRIMARY KEY, entries INTEGER NOT NULL, crc INTEGER NOT NULL, bytes BLOB NOT NULL)`)
  }
  db.prepare('INSERT INTO spillway_journal (format, identity, partitions) VALUES (?, ?, ?)').run(
    FORMAT,
    init.newIdentity,
    init.partitions,
  )
  const ends = packEnds(Array.from({ length: init.partitions }, () => 0))
  db.prepare('INSERT INTO spillway_ends (ends, crc) VALUES (?, ?)').run(ends, crc32(ends))
}

function check(db: SqliteConnection, { path, partitions }: JournalInit): string {
  const row = db.prepare('SELECT format, identity, partitions FROM spillway_journal').get()
  if (row === undefined) throw mismatch(path, 'what identifies it is missing')
  if (row['format'] !== FORMAT) {
    throw new SpillwayError(
      'invalid',
      `${path} has journal format ${row['format']}; this version of Spillway reads ${FORMAT}.`,
    )
  }
  if (row['partitions'] !== partitions) {
    throw new SpillwayError(
      'journal-mismatch',
      `${path} was made with ${row['partitions']} partitions and is opened with ${partitions}: their number is fixed when it is made.`,
    )
  }
  return row['identity'] as string
}

function pragma(db: SqliteConnection, sql: string): unknown {
  const row = db.prepare(`PRAGMA ${sql}`).get()
  return row === undefined ? undefined : Object.values(row)[0]
}

function checksum(partition: number, first: number, entries: number, bytes: Uint8Array): number {
  return crc32(bytes, crc32(new Uint8Array(Float64Array.of(partition, first, entries).buffer)))
}

function packEnds(ends: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(ends).buffer)
}

function unpackEnds(bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.slice().buffer)
}

function pack(rows: readonly BlockRow[], end: number): ReadAnswer {
  let length = 0
  for (const { bytes } of rows) length += bytes.byteLength
  const buffer = new ArrayBuffer(length)
  const all = new Uint8Array(buffer)
  const blocks: number[] = []
  let at = 0
  for (const { first, entries, bytes } of rows) {
    all.set(bytes, at)
    blocks.push(first, entries, at, bytes.byteLength)
    at += bytes.byteLength
  }
  return { buffer, blocks, end }
}

function mismatch(path: string, what: string): SpillwayError {
  return new SpillwayError(
    'journal-mismatch',
    `The journal ${path} is damaged: ${what}. Nothing is skipped: restore the file, or see the operator's page on lost journals.`,
  )
}

/** What an error of SQLite means here, when nothing was appended. */
function journalError(path: string, error: unknown): unknown {
  if (!(error instanceof SqliteError)) return error
  switch (error.primaryCode) {
    case 'SQLITE_NOTADB':
    case 'SQLITE_CORRUPT':
    // The statements are fixed: an error in one means that tables are not as they were made.
    case 'SQLITE_ERROR':
      return new SpillwayError(
        'journal-mismatch',
        `The journal ${path} is damaged or no SQLite file: ${error.message}. Nothing is skipped: restore the file.`,
        { cause: error },
      )
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return inUse(path, error)
    case 'SQLITE_FULL':
      return new SpillwayError(
        'unavailable',
        `The disk of the journal ${path} is full: nothing was appended.`,
        { cause: error },
      )
    default:
      return new SpillwayError(
        'unavailable',
        `The journal ${path} cannot be used (${error.code}: ${error.message}): nothing was appended.`,
        {
          cause: error,
        },
      )
  }
}
