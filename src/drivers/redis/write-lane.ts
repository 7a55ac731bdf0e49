/**
 * Writes, coalesced: the batches of several partitions go in one script call where one server has them all; a cluster
 * is asked partition by partition. What a call costs whoever is in it (the identity, the socket, the fsync) is then
 * paid once for all partitions. Each batch has its own outcome; only a call that brought no answer is unknown to all.
 */
import { Coalescer } from '../../kit/coalescer.ts'
import { EntryWriter } from '../../model/entry-codec.ts'
import type { WriteEntry } from '../../model/entry.ts'
import type { Position } from '../../model/position.ts'
import type { FrontSeen } from '../../ports/front.ts'
import type { RedisStore, Reply } from './store.ts'

export interface WriteBatch {
  readonly partition: number
  readonly identity: string
  readonly generation: number
  readonly entries: readonly WriteEntry[]
}

export type WrittenBatch =
  | { readonly kind: 'fenced'; readonly seen: FrontSeen }
  | {
      readonly kind: 'written'
      readonly seen: FrontSeen
      readonly before: Position
      /** As write.lua gives them. */
      readonly verdicts: string
      readonly missing: string
    }

interface Encoded {
  readonly batch: WriteBatch
  readonly bytes: Buffer
}

/** Batches of one call; the engine has one of a partition out at a time. */
const BATCHES_MAX = 64
const CALL_BYTES_MAX = 8 * 2 ** 20
const WAITING_MAX = 4_096
/** What an entry takes beside its values, generously: one allocation is enough for nearly every batch. */
const ENTRY_BYTES = 160

export class WriteLane {
  readonly #store: RedisStore
  readonly #ageMax: number
  readonly #lanes: readonly Coalescer<Encoded, WrittenBatch>[]

  constructor(store: RedisStore, ageMax: number) {
    this.#store = store
    this.#ageMax = ageMax
    this.#lanes = Array.from(
      { length: store.cluster ? store.partitions : 1 },
      () =>
        new Coalescer<Encoded, WrittenBatch>({
          name: 'writes of Redis',
          call: (items) => this.#call(items),
          itemsMax: BATCHES_MAX,
          weigh: ({ bytes }) => bytes.byteLength,
          weightMax: CALL_BYTES_MAX,
          waitingMax: WAITING_MAX,
          callsMax: 2,
        }),
    )
  }

  write(batch: WriteBatch): Promise<WrittenBatch> {
    const lane = this.#lanes[this.#store.cluster ? batch.partition : 0] as Coalescer<Encoded, WrittenBatch>
    return lane.add({ batch, bytes: encoded(batch.entries) })
  }

  async #call(items: readonly Encoded[]): Promise<(WrittenBatch | Error)[]> {
    const store = this.#store
    const args: (string | number | Buffer)[] = [store.waitReplicas, this.#ageMax]
    for (const { batch, bytes } of items)
      args.push(batch.identity, batch.generation, batch.entries.length, bytes)
    const partitions = items.map(({ batch }) => batch.partition)
    const [who, live, ...groups] = await store.write('write', partitions, args, anyWritten)
    return (groups as Reply[]).map(([kind, text, before, verdicts, missing], index) => {
      const seen = store.seen(partitions[index] as number, who, text)
      switch (String(kind)) {
        case 'fenced':
          return { kind: 'fenced', seen }
        case 'replicas':
          return store.lacksReplicas(live)
        default:
          return {
            kind: 'written',
            seen,
            before: Number(String(before)) as Position,
            verdicts: String(verdicts),
            missing: String(missing),
          }
      }
    })
  }
}

function encoded(entries: readonly WriteEntry[]): Buffer {
  let bytes = 0
  for (const { writes } of entries)
    for (const { key, value } of writes) bytes += ENTRY_BYTES + key.length + (value?.bytes.byteLength ?? 0)
  const writer = new EntryWriter(new ArrayBuffer(bytes))
  for (const entry of entries) writer.write(entry)
  return Buffer.from(writer.buffer, 0, writer.length)
}

function anyWritten([, , ...groups]: Reply): boolean {
  return (groups as Reply[]).some(([kind]) => String(kind) === 'written')
}
