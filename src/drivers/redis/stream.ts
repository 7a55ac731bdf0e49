/**
 * The log of a fused store as a journal: blocks of the stream, decoded to entries. The offset of an entry is its last
 * position, so that nothing has to be stored beside the entries.
 */
import { SpillwayError } from '../../errors.ts'
import type { StoredEntry } from '../../model/entry.ts'
import type { JournalPartitionInfo, JournalRead, JournalReader } from '../../ports/journal.ts'
import { fusedJournalName } from '../../ports/fused.ts'
import type { RedisFrontReads } from './front-reads.ts'
import { entriesOf } from './layout.ts'
import type { RedisStore } from './store.ts'

/** Positions that one call trims away: about 10 ms of Redis with small values. */
const TRIM_POSITIONS = 20_000

export class RedisStream implements JournalReader {
  readonly #store: RedisStore
  readonly #front: RedisFrontReads

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
    let at = after
    let bytes = 0
    // A script counts positions, and a frame has several: where there are frames it takes more than one call.
    for (;;) {
      const blocks = await this.#blocks(partition, at, limits.entriesMax, limits.bytesMax - bytes)
      if (at < blocks.trimmed) throw trimmedAway(partition, at, blocks.trimmed)
      for (const stored of blocks.entries) if (stored.offset > after) entries.push(stored)
      at = entries.at(-1)?.offset ?? at
      bytes += blocks.bytes
      const { length } = entries
      if (at < blocks.end && length < limits.entriesMax && bytes < limits.bytesMax && blocks.bytes > 0)
        continue
      if (length > limits.entriesMax) entries.length = limits.entriesMax
      return { entries, atEnd: (entries.at(-1)?.offset ?? after) >= blocks.end }
    }
  }

  async at(partition: number, offset: number): Promise<StoredEntry | undefined> {
    if (offset < 1) return undefined
    const { entries } = await this.#blocks(partition, offset - 1, 1, 1)
    return entries.find((stored) => stored.offset === offset)
  }

  async trim(partition: number, offset: number): Promise<void> {
    while (Number(await this.#store.read('trim', [partition], [offset, TRIM_POSITIONS])) === 1);
  }

  async usage(): Promise<{ readonly bytes: number; readonly bytesMax: number }> {
    return { bytes: this.#front.unlandedBytes(), bytesMax: this.#front.usage().bytesMax }
  }

  async #blocks(partition: number, after: number, positions: number, bytesMax: number): Promise<Blocks> {
    const args = [after, positions, bytesMax]
    const [trimmed, end, ...blocks] = (await this.#store.read('journal-read', [partition], args)) as Buffer[]
    const entries: StoredEntry[] = []
    let bytes = 0
    for (let i = 0; i < blocks.length; i += 2) {
      const block = blocks[i + 1] as Buffer
      bytes += block.byteLength
      for (const stored of entriesOf(String(blocks[i]), block)) entries.push(stored)
    }
    return { trimmed: Number(String(trimmed)), end: Number(String(end)), entries, bytes }
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
