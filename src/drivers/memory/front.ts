/**
 * The process front: values in this process's memory, as in the embedded profile.
 *
 * One process, synchronous calls: an apply is atomic by nature, its identity never changes, and it is lost with the
 * process, so that every start begins with missing partitions. How memory is counted and freed: budget.ts. What a
 * partition promises: partition-store.ts.
 */
import { SpillwayError, invariant } from '../../errors.ts'
import type { Clock } from '../../kit/clock.ts'
import type { RecordRef } from '../../model/entry.ts'
import { AGE_MAX } from '../../model/fold.ts'
import type { Position } from '../../model/position.ts'
import type {
  ApplyRequest,
  ApplyResult,
  FoldSnapshot,
  Front,
  FrontFillRow,
  FrontRead,
  FrontSeen,
  Held,
  HeldCopy,
} from '../../ports/front.ts'
import { Budget } from './budget.ts'
import { PartitionStore } from './partition-store.ts'

/** One process, one memory: it never becomes another one. */
const IDENTITY = 'process'
/** Keys held at once for conditional writes that are on their way. */
const HOLDS_MAX = 65_536

export interface MemoryFrontOptions {
  readonly partitions: number
  /** Values, keys and overhead; reached with nothing left to evict, `reserve` says no. */
  readonly bytesMax: number
  /** Keys that may be held at once; default 65,536. Beyond it keys are not held, which costs a fill at worst. */
  readonly holdsMax?: number
  readonly clock: Clock
  /** Of the fold (see model/fold.ts); only a simulator sets it. */
  readonly ageMax?: number
}

class MemoryFront implements Front {
  readonly shared = false
  readonly #stores: readonly PartitionStore[]
  readonly #budget: Budget
  #closed = false

  constructor(options: MemoryFrontOptions) {
    const { partitions, bytesMax, holdsMax = HOLDS_MAX, clock, ageMax = AGE_MAX } = options
    const budget = new Budget(bytesMax, holdsMax, clock)
    this.#budget = budget
    this.#stores = Array.from({ length: partitions }, () => new PartitionStore(budget, IDENTITY, ageMax))
  }

  async state(partition: number): Promise<FrontSeen> {
    return this.#store(partition).seen()
  }

  async read(partition: number, refs: readonly RecordRef[]): Promise<FrontRead> {
    const store = this.#store(partition)
    return { seen: store.seen(), held: store.heldAll(refs) }
  }

  peek(partition: number, ref: RecordRef): Held | undefined {
    return this.#store(partition).held(ref)
  }

  peekInto(partition: number, ref: RecordRef, target: Uint8Array, at: number): HeldCopy | undefined {
    return this.#store(partition).copy(ref, target, at)
  }

  async fill(
    partition: number,
    identity: string,
    position: Position,
    rows: readonly FrontFillRow[],
  ): Promise<FrontRead> {
    const store = this.#store(partition)
    if (!store.is(identity)) return { seen: store.seen(), held: rows.map(() => undefined) }
    let bytes = 0
    for (const { held } of rows) bytes += held.value?.bytes.byteLength ?? 0
    // A fill is taken in any case, or a conditional entry could wait for ever; what is over the budget goes first next.
    this.#budget.makeRoom(bytes)
    // After making room, which raises the floor.
    if (store.takes(position)) for (const row of rows) store.fill(row)
    return { seen: store.seen(), held: store.heldAll(rows) }
  }

  async hold(partition: number, refs: readonly RecordRef[], forMs: number): Promise<FrontRead> {
    const store = this.#store(partition)
    for (const ref of refs) store.hold(ref, forMs)
    return { seen: store.seen(), held: store.heldAll(refs) }
  }

  async release(partition: number, identity: string, to: Position): Promise<FrontSeen> {
    const store = this.#store(partition)
    if (store.is(identity)) store.release(to)
    return store.seen()
  }

  async invalidate(partition: number, identity: string, ref: RecordRef, landed: Position): Promise<boolean> {
    const store = this.#store(partition)
    return store.is(identity) && store.invalidate(ref, landed)
  }

  async refused(
    partition: number,
    positions: readonly Position[],
  ): Promise<{ readonly seen: FrontSeen; readonly refused: readonly boolean[] }> {
    const store = this.#store(partition)
    return { seen: store.seen(), refused: store.refused(positions) }
  }

  async snapshot(
    partition: number,
  ): Promise<{ readonly seen: FrontSeen; readonly fold: FoldSnapshot | undefined }> {
    const store = this.#store(partition)
    return { seen: store.seen(), fold: store.snapshot() }
  }

  async forgetRefused(partition: number, identity: string, upTo: Position): Promise<void> {
    const store = this.#store(partition)
    if (store.is(identity)) store.forgetRefused(upTo)
  }

  async start(partition: number, fold: FoldSnapshot): Promise<FrontSeen> {
    const store = this.#store(partition)
    store.start(fold)
    return store.seen()
  }

  async discard(partition: number, identity: string): Promise<FrontSeen> {
    const store = this.#store(partition)
    if (store.is(identity)) store.discard()
    return store.seen()
  }

  async apply(request: ApplyRequest): Promise<ApplyResult> {
    return this.applyNow(request)
  }

  applyNow(request: ApplyRequest): ApplyResult {
    return this.#store(request.partition).apply(request)
  }

  reserve(bytes: number): boolean {
    return this.#budget.reserve(bytes)
  }

  unreserve(bytes: number): void {
    this.#budget.unreserve(bytes)
  }

  usage(): { readonly bytes: number; readonly bytesMax: number } {
    return { bytes: this.#budget.bytes, bytesMax: this.#budget.bytesMax }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const store of this.#stores) store.discard()
  }

  #store(partition: number): PartitionStore {
    if (this.#closed) throw new SpillwayError('closed', 'The process front is closed: nothing has happened.')
    const store = this.#stores[partition]
    invariant(
      store !== undefined,
      `Partition ${partition} was asked for in a front of ${this.#stores.length}`,
    )
    return store
  }
}

/** A front in this process's memory; every partition is missing until it is started. */
export function openMemoryFront(options: MemoryFrontOptions): Front {
  return new MemoryFront(options)
}
