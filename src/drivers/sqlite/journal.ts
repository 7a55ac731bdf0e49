/**
 * The journal of the embedded profile: one SQLite file, owned by one process, written in a worker thread.
 *
 *   append ─ encode all entries into one buffer ─▶ worker: one block a partition, one commit, one fsync
 *                                                      │
 *   offsets ◀─────── the buffer comes back ◀───────────┘
 *
 * What collapses here: this process is the only appender, so that the end is exact, offsets have no gaps, and an
 * unknown append is settled by looking. All partitions share one lane, because they share the fsync. What the file
 * promises and how it is bounded: journal-file.ts.
 */
import { resolve } from 'node:path'
import { SpillwayError, invariant } from '../../errors.ts'
import { systemRandom } from '../../kit/random.ts'
import type { Random } from '../../kit/random.ts'
import { EntryReader, EntryWriter } from '../../model/entry-codec.ts'
import type { StoredEntry } from '../../model/entry.ts'
import type {
  Journal,
  JournalAppend,
  JournalAppended,
  JournalPartitionInfo,
  JournalRead,
} from '../../ports/journal.ts'
import { startWorker } from '../../runtime/worker.ts'
import type { WorkerCaller } from '../../runtime/worker.ts'
import { BLOCK_FIELDS } from './journal-messages.ts'
import type {
  AppendAnswer,
  AppendCall,
  AtCall,
  JournalInit,
  OpenAnswer,
  ReadAnswer,
  ReadCall,
  TrimAnswer,
  TrimCall,
} from './journal-messages.ts'

const BYTES_MAX = 8 * 2 ** 30
/** Encoding buffers that wait to be used again, and the largest that is kept. */
const BUFFERS_KEPT = 4
/**
 * Room for 128 entries of 500 bytes; what needs more doubles it for good. Each hand-over from thread to thread counts as
 * that much garbage on Bun: with 256 KiB, 15,000 saves a second made the journal's thread collect 14 times a second.
 */
const BUFFER_BYTES_FIRST = 96 * 1024
const BUFFER_BYTES_KEPT = 4 * 1024 * 1024

export interface SqliteJournalOptions {
  /** The file; it and its directory are made where they are missing. */
  readonly path: string
  /** 1 to 512; fixed when the file is made. */
  readonly partitions: number
  /** Used bytes of the file at which writes are turned away; default 8 GiB. */
  readonly bytesMax?: number
  readonly random?: Random
}

/**
 * Opens the journal file, making it where there is none. Rejects with `unavailable` when another process has it
 * open (naming it) or it cannot be opened, `invalid` when it belongs to another program, `journal-mismatch` when it
 * is damaged or was made with another number of partitions.
 */
export async function openSqliteJournal(options: SqliteJournalOptions): Promise<Journal> {
  const { partitions, bytesMax = BYTES_MAX, random = systemRandom } = options
  const init: JournalInit = { path: resolve(options.path), partitions, bytesMax, newIdentity: random.id() }
  const worker = await startWorker(new URL('./journal-worker.ts', import.meta.url), undefined)
  try {
    const { bytes } = await worker.call<OpenAnswer>('open', init)
    return new SqliteJournal(worker, init, bytes)
  } catch (error) {
    await worker.terminate()
    throw error
  }
}

class SqliteJournal implements Journal {
  readonly partitions: number
  readonly exclusive = true
  readonly lanes = 1
  readonly #worker: WorkerCaller
  readonly #bytesMax: number
  readonly #buffers: ArrayBuffer[] = []
  #bytes: number
  #closing: Promise<void> | undefined

  constructor(worker: WorkerCaller, init: JournalInit, bytes: number) {
    this.#worker = worker
    this.partitions = init.partitions
    this.#bytesMax = init.bytesMax
    this.#bytes = bytes
  }

  laneOf(): number {
    return 0
  }

  async append(appends: readonly JournalAppend[]): Promise<readonly JournalAppended[]> {
    this.#mustBeOpen()
    const call = this.#encode(appends)
    const { buffer, firsts, bytes } = await this.#worker.call<AppendAnswer>('append', call, [call.buffer])
    this.#bytes = bytes
    if (this.#buffers.length < BUFFERS_KEPT && buffer.byteLength <= BUFFER_BYTES_KEPT)
      this.#buffers.push(buffer)
    return appends.map(({ partition, entries }, index) => {
      const first = firsts[index] as number
      const offsets: number[] = []
      for (let n = 0; n < entries.length; n += 1) offsets.push(first + n)
      return { partition, offsets }
    })
  }

  #encode(appends: readonly JournalAppend[]): AppendCall {
    const writer = new EntryWriter(this.#buffers.pop() ?? new ArrayBuffer(BUFFER_BYTES_FIRST))
    const sections: number[] = []
    let hasWrites = false
    for (const { partition, entries } of appends) {
      invariant(entries.length > 0, `Nothing was appended to partition ${partition}`)
      const from = writer.length
      for (const entry of entries) {
        if (entry.kind === 'write') hasWrites = true
        writer.write(entry)
      }
      sections.push(partition, entries.length, from, writer.length - from)
    }
    return { buffer: writer.buffer, sections, hasWrites }
  }

  async info(partition: number): Promise<JournalPartitionInfo> {
    this.#mustBeOpen()
    return this.#worker.call<JournalPartitionInfo>('info', partition)
  }

  async read(
    partition: number,
    after: number,
    limits: { readonly entriesMax: number; readonly bytesMax: number },
  ): Promise<JournalRead> {
    this.#mustBeOpen()
    const call: ReadCall = { partition, after, entriesMax: limits.entriesMax, bytesMax: limits.bytesMax }
    const answer = await this.#worker.call<ReadAnswer>('read', call)
    const entries = decode(answer, after, limits.entriesMax)
    return { entries, atEnd: (entries.at(-1)?.offset ?? after) >= answer.end }
  }

  async at(partition: number, offset: number): Promise<StoredEntry | undefined> {
    this.#mustBeOpen()
    const call: AtCall = { partition, offset }
    const answer = await this.#worker.call<ReadAnswer | undefined>('at', call)
    return answer === undefined ? undefined : decode(answer, offset - 1, 1)[0]
  }

  async trim(partition: number, offset: number): Promise<void> {
    this.#mustBeOpen()
    const call: TrimCall = { partition, offset }
    const { bytes } = await this.#worker.call<TrimAnswer>('trim', call)
    this.#bytes = bytes
  }

  async usage(): Promise<{ readonly bytes: number; readonly bytesMax: number }> {
    return { bytes: this.#bytes, bytesMax: this.#bytesMax }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Calls are answered in order: what was sent before is done when this one is. A thread that has died holds no
    // file any more, and what it acknowledged is durable.
    await this.#worker.call('close', undefined).catch(() => undefined)
    await this.#worker.terminate()
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined)
      throw new SpillwayError('closed', 'The journal is closed: nothing has happened.')
  }
}

function decode({ buffer, blocks }: ReadAnswer, after: number, entriesMax: number): StoredEntry[] {
  const stored: StoredEntry[] = []
  for (let i = 0; i < blocks.length; i += BLOCK_FIELDS) {
    const [first, count, at, length] = blocks.slice(i, i + BLOCK_FIELDS) as [number, number, number, number]
    const reader = new EntryReader(new Uint8Array(buffer, at, length))
    for (let offset = first; offset < first + count; offset += 1) {
      if (offset <= after) reader.skip()
      else if (stored.length < entriesMax) stored.push({ offset, entry: reader.next() })
      else return stored
    }
  }
  return stored
}
