/**
 * Reads of the front, coalesced: what is asked for while a call is out goes into the next one, of all partitions
 * together where one server has them all, else of each partition by itself.
 */
import { Coalescer } from '../../kit/coalescer.ts'
import type { RecordRef } from '../../model/entry.ts'
import type { FrontRead, FrontSeen, Held } from '../../ports/front.ts'
import { decodeHeld, nameOf } from './layout.ts'
import type { RedisStore } from './store.ts'

/** Keys and callers of one call: 1,000 values are copied in about a millisecond, during which Redis does nothing else. */
const KEYS_MAX = 1_000
const CALLERS_MAX = 512
/** Callers that wait; beyond it they get `overloaded`. */
const WAITING_MAX = 20_000

interface Asked {
  readonly partition: number
  readonly refs: readonly RecordRef[]
}

export class ReadLane {
  readonly #store: RedisStore
  readonly #lanes: readonly Coalescer<Asked, FrontRead>[]

  constructor(store: RedisStore) {
    this.#store = store
    this.#lanes = Array.from(
      { length: store.cluster ? store.partitions : 1 },
      () =>
        new Coalescer<Asked, FrontRead>({
          name: 'reads of Redis',
          call: (asked) => this.#call(asked),
          itemsMax: CALLERS_MAX,
          weigh: ({ refs }) => refs.length,
          weightMax: KEYS_MAX,
          waitingMax: WAITING_MAX,
          besideMin: 16,
        }),
    )
  }

  read(partition: number, refs: readonly RecordRef[]): Promise<FrontRead> {
    const lane = this.#lanes[this.#store.cluster ? partition : 0] as Coalescer<Asked, FrontRead>
    return lane.add({ partition, refs })
  }

  close(): void {
    for (const lane of this.#lanes) lane.close()
  }

  async #call(asked: readonly Asked[]): Promise<FrontRead[]> {
    const store = this.#store
    const groups = new Map<number, string[]>()
    // Where in its group's values a caller's begin.
    const starts = asked.map(({ partition, refs }) => {
      let names = groups.get(partition)
      if (names === undefined) groups.set(partition, (names = []))
      const start = names.length
      for (const ref of refs) names.push(nameOf(ref))
      return start
    })
    const args: (string | number)[] = [store.waitReplicas]
    for (const names of groups.values()) args.push(names.length, ...names)
    const partitions = [...groups.keys()]
    const [identity, live, ...rest] = await store.read('read', partitions, args)
    store.mustHaveReplicas(live)
    const answers = new Map<number, { readonly seen: FrontSeen; readonly values: (Buffer | null)[] }>()
    for (const [index, partition] of partitions.entries()) {
      const values = rest[2 * index + 1] as (Buffer | null)[]
      answers.set(partition, { seen: store.seen(partition, identity, rest[2 * index]), values })
    }
    return asked.map(({ partition, refs }, index) => {
      const { seen, values } = answers.get(partition) as { seen: FrontSeen; values: (Buffer | null)[] }
      const start = starts[index] as number
      return { seen, held: refs.map((_, at) => heldOf(values[start + at])) }
    })
  }
}

export function heldOf(value: Buffer | null | undefined): Held | undefined {
  return value === null || value === undefined ? undefined : decodeHeld(value)
}
