/**
 * The read side of a front in Redis: the same whether Redis is the journal too or stands beside another one.
 *
 * Memory: what has not landed must stay, and is counted (`bytes` of every partition's state, all processes' writes
 * together); writes are turned away at `bytesMax`, a share of maxmemory. What is landed stays until memory is wanted, or
 * until many names wait; then it gets a TTL, and goes with time or under a policy `volatile-*`.
 */
import type { Clock } from '../../kit/clock.ts'
import type { RecordRef } from '../../model/entry.ts'
import type { Position } from '../../model/position.ts'
import type {
  FoldSnapshot,
  FrontFillRow,
  FrontFilled,
  FrontRead,
  FrontReads,
  FrontSeen,
  Held,
} from '../../ports/front.ts'
import { encodeHeld, nameOf } from './layout.ts'
import { MemoryWatch } from './memory-watch.ts'
import type { MemoryOptions } from './memory-watch.ts'
import { ReadLane, heldOf } from './read-lane.ts'
import { isFull } from './redis-failures.ts'
import type { RedisStore } from './store.ts'

export interface FrontReadsOptions extends MemoryOptions {
  /** Keys of a partition that may be held at once; default 10,000. */
  readonly holdsMax?: number
}

const HOLDS_MAX = 10_000
/** Landed writes of a partition whose values may wait for memory to be wanted: about 10 MB of names. */
const NAMES_WAITING = 2 ** 18
/** Writes whose values get their TTL in one call: about 2 ms of Redis. */
const RELEASE_WRITES = 1_000
const NOT_TAKEN = 0
const TAKEN = 1

export class RedisFrontReads implements FrontReads {
  readonly shared = true
  readonly #store: RedisStore
  readonly #lane: ReadLane
  readonly #holdsMax: number
  readonly #memory: MemoryWatch
  #reserved = 0

  constructor(store: RedisStore, clock: Clock, options: FrontReadsOptions) {
    this.#store = store
    this.#lane = new ReadLane(store)
    this.#holdsMax = options.holdsMax ?? HOLDS_MAX
    this.#memory = new MemoryWatch(store, clock, options)
  }

  /** Learns the server's maxmemory. */
  measure(): Promise<void> {
    return this.#memory.measure()
  }

  async state(partition: number): Promise<FrontSeen> {
    return (await this.#lane.read(partition, [])).seen
  }

  read(partition: number, refs: readonly RecordRef[]): Promise<FrontRead> {
    return this.#lane.read(partition, refs)
  }

  async fill(
    partition: number,
    identity: string,
    position: Position,
    rows: readonly FrontFillRow[],
  ): Promise<FrontFilled> {
    const { waitReplicas } = this.#store
    let noRoom = false
    const args: (string | number | Buffer)[] = [waitReplicas, identity, position, this.#memory.landedTtlMs]
    for (const row of rows) args.push(nameOf(row), encodeHeld(row.held))
    const reply = this.#store.read('fill', [partition], args).catch((error: unknown) => {
      if (!isFull(error)) throw error
      noRoom = true
      return this.#store.read(
        'fill-full',
        [partition],
        [waitReplicas, identity, position, ...rows.map(nameOf)],
      )
    })
    const [who, live, text, taken] = await reply
    this.#store.mustHaveReplicas(live)
    return {
      seen: this.#store.seen(partition, who, text),
      held: (taken as (number | Buffer)[]).map((one, index) => filled(one, rows[index] as FrontFillRow)),
      noRoom,
    }
  }

  async hold(partition: number, refs: readonly RecordRef[], forMs: number): Promise<FrontRead> {
    const { landedTtlMs } = this.#memory
    const args = [this.#store.waitReplicas, forMs, this.#holdsMax, landedTtlMs, ...refs.map(nameOf)]
    const [who, live, text, values] = await this.#store.read('hold', [partition], args)
    this.#store.mustHaveReplicas(live)
    return {
      seen: this.#store.seen(partition, who, text),
      held: (values as (Buffer | null)[]).map(heldOf),
    }
  }

  async release(partition: number, identity: string, to: Position): Promise<FrontSeen> {
    const { waitReplicas } = this.#store
    await this.#memory.look()
    const { wanted, landedTtlMs } = this.#memory
    const waiting = wanted ? 0 : NAMES_WAITING
    const args = [waitReplicas, identity, Math.max(0, to), landedTtlMs, RELEASE_WRITES, waiting]
    for (;;) {
      const [who, live, text, more] = await this.#store.read('release', [partition], args)
      this.#store.mustHaveReplicas(live)
      if (more !== 1) return this.#store.seen(partition, who, text)
    }
  }

  async invalidate(partition: number, identity: string, ref: RecordRef, landed: Position): Promise<boolean> {
    return Number(await this.#store.read('invalidate', [partition], [identity, nameOf(ref), landed])) === 1
  }

  async refused(
    partition: number,
    positions: readonly Position[],
  ): Promise<{ readonly seen: FrontSeen; readonly refused: readonly boolean[] }> {
    const args = [this.#store.waitReplicas, ...positions]
    const [who, live, text, refused] = await this.#store.read('refused', [partition], args)
    this.#store.mustHaveReplicas(live)
    return {
      seen: this.#store.seen(partition, who, text),
      refused: (refused as number[]).map((one) => one === 1),
    }
  }

  async snapshot(
    partition: number,
  ): Promise<{ readonly seen: FrontSeen; readonly fold: FoldSnapshot | undefined }> {
    const { waitReplicas } = this.#store
    const [who, live, text, voids, seals, refused] = await this.#store.read(
      'snapshot',
      [partition],
      [waitReplicas],
    )
    this.#store.mustHaveReplicas(live)
    const seen = this.#store.seen(partition, who, text)
    const fold: FoldSnapshot | undefined = seen.mark && {
      mark: seen.mark,
      voids: pairs(voids as Buffer[]),
      seals: pairs(seals as Buffer[]).sort((a, b) => a[1] - b[1]),
      refused: (refused as Buffer[]).map((one) => Number(String(one)) as Position),
      refusedFrom: seen.refusedFrom,
    }
    return { seen, fold }
  }

  async forgetRefused(partition: number, identity: string, upTo: Position): Promise<void> {
    await this.#store.read('forget-refused', [partition], [identity, upTo])
  }

  reserve(bytes: number): boolean {
    const usage = this.usage()
    if (usage.bytes + bytes > usage.bytesMax) return false
    this.#reserved += bytes
    return true
  }

  unreserve(bytes: number): void {
    this.#reserved -= bytes
  }

  usage(): { readonly bytes: number; readonly bytesMax: number } {
    return { bytes: this.#reserved + this.unlandedBytes(), bytesMax: this.#memory.bytesMax }
  }

  /** Of all partitions, as their last answers said. */
  unlandedBytes(): number {
    let bytes = 0
    for (let p = 0; p < this.#store.partitions; p += 1) bytes += this.#store.lastSeen(p)?.bytes ?? 0
    return bytes
  }

  close(): Promise<void> {
    this.#lane.close()
    this.#store.close()
    return Promise.resolve()
  }
}

function filled(answer: number | Buffer, row: FrontFillRow): Held | undefined {
  if (answer === TAKEN) return row.held
  return answer === NOT_TAKEN ? undefined : heldOf(answer as Buffer)
}

function pairs(flat: readonly Buffer[]): [string, Position][] {
  const all: [string, Position][] = []
  for (let i = 0; i < flat.length; i += 2)
    all.push([String(flat[i]), Number(String(flat[i + 1])) as Position])
  return all
}
