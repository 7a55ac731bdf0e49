/**
 * The log of a fused store as a journal: blocks of the stream, decoded to entries. The offset of an entry is its last
 * position, so that nothing has to be stored beside the entries.
 */
import { SpillwayError } from '../../errors.ts'
import type { StoredEntry } from '../../model/entry.ts'
import type { JournalPartitionInfo, JournalRead, JournalReader } from '../../ports/journal.ts'
import { fusedJournalName } from '../../ports/fused.ts'
import type { Position } from '../../model/position.ts'
import type { RedisFrontReads } from './front-reads.ts'
import { entriesOf } from './layout.ts'
import type { RedisStore } from './store.ts'

/** Positions that one call trims away: about 10 ms of Redis with small values. */
const TRIM_POSITIONS = 20_000
/** Blocks of a read when nothing is known of them: a megabyte at most; and of any read. */
const BLOCKS_FIRST = 4
const BLOCKS_MAX = 1_024

export class RedisStream implements JournalReader {
  readonly #store: RedisStore
  readonly #front: RedisFrontReads
  /** Entries and bytes of a block, as the last read of each partition had them. */
  readonly #usual: ({ readonly entries: number; readonly bytes: number } | undefined)[] = []

  constructor(store: RedisStore, front: RedisFrontReads) {
    this.#store = store
    this.#front = front
  }

  async info(partition: number): Promise<JournalPartitionInfo> {
    const [who, live, text] = await this.#store.read('read', [partition], [this.#store.waitReplicas, 0])
    this.#store.mustHaveReplicas(live)
    const { seen, trimmed, generation } = this.#store.whole(partition, who, text)
    const end = seen.mark?.position ?? trimmed
    return { identity: fusedJournalName(generation), first: trimmed + 1, end }
  }

  async read(
    partition: number,
    after: number,
    limits: { readonly entriesMax: number; readonly bytesMax: number },
  ): Promise<JournalRead> {
    const entries: StoredEntry[] = []
    let at = after as Position
    let bytes = 0
    for (;;) {
      const left = limits.entriesMax - entries.length
      const found = await this.#blocks(
        partition,
        at,
        this.#countFor(partition, left, limits.bytesMax - bytes),
      )
      if (at < found.trimmed) throw trimmedAway(partition, at, found.trimmed)
      for (const stored of found.entries) if (stored.offset > after) entries.push(stored)
      at = (found.entries.at(-1)?.offset ?? at) as Position
      bytes += found.bytes
      if (found.bytes > 0 && at < found.end && entries.length < limits.entriesMax && bytes < limits.bytesMax)
        continue
      if (entries.length > limits.entriesMax) entries.length = limits.entriesMax
      return { entries, atEnd: (entries.at(-1)?.offset ?? after) >= found.end }
    }
  }

  /** As many blocks as are about right, were they all like those that were read last. */
  #countFor(partition: number, entries: number, bytes: number): number {
    const usual = this.#usual[partition]
    if (usual === undefined) return BLOCKS_FIRST
    const count = Math.ceil(Math.min(entries / usual.entries, bytes / usual.bytes))
    return Math.min(BLOCKS_MAX, Math.max(1, count))
  }

  async at(partition: number, offset: number): Promise<StoredEntry | undefined> {
    if (offset < 1) return undefined
    const { entries } = await this.#blocks(partition, (offset - 1) as Position, 1)
    return entries.find((stored) => stored.offset === offset)
  }

  async trim(partition: number, offset: number): Promise<void> {
    while (Number(await this.#store.read('trim', [partition], [offset, TRIM_POSITIONS])) === 1);
  }

  async usage(): Promise<{ readonly bytes: number; readonly bytesMax: number }> {
    return { bytes: this.#front.unlandedBytes(), bytesMax: this.#front.usage().bytesMax }
  }

  /** Of half the memory, as for what has not landed: the other half is for values. */
  async kept(partition: number): Promise<{ readonly bytes: number; readonly bytesMax: number }> {
    const { bytesMax } = this.#front.usage()
    return {
      bytes: await this.#store.logBytes(partition),
      bytesMax: Math.floor(bytesMax / this.#store.partitions),
    }
  }

  async #blocks(partition: number, after: Position, count: number): Promise<Blocks> {
    const [blocks, trimmed, end] = await this.#store.blocks(partition, after, count)
    const entries: StoredEntry[] = []
    let bytes = 0
    for (const [id, fields] of blocks) {
      for (const field of fields) bytes += field.byteLength
      for (const stored of entriesOf(String(id), fields)) entries.push(stored)
    }
    if (blocks.length > 0)
      this.#usual[partition] = { entries: entries.length / blocks.length, bytes: bytes / blocks.length }
    return { trimmed, end, entries, bytes }
  }
}

interface Blocks {
  readonly trimmed: number
  readonly end: number
  readonly entries: readonly StoredEntry[]
  readonly bytes: number
}

function trimmedAway(partition: number, after: number, trimmed: number): SpillwayError {
  return new SpillwayError(
    'journal-mismatch',
    `The stream of partition ${partition} was trimmed up to ${trimmed}: entries right after ${after} are gone.`,
  )
}
