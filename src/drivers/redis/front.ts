/**
 * Redis as a front beside a separate journal: one script call applies a run of entries, if the partition stands where
 * the caller believes it.
 *
 *   entries ─ one buffer ─▶ EVALSHA apply ─▶ compared · judged in journal order · MSET the values ─▶ a verdict each
 *
 * Nothing here has to be durable: whatever Redis loses, the journal has, or the database. A Redis that comes back
 * older says so by its own `through` and is caught up; one that comes back empty is missing and starts at a copy of
 * the database's fold. An apply without an answer is not repeated blindly: the next one is compared like any other.
 *
 * Memory was reserved when the entries were admitted, so that an apply goes in past maxmemory: what is journaled has
 * to become visible. Bounds: an apply is what its caller gives (the engine: 1,024 entries, 8 MiB); memory:
 * front-reads.ts.
 */
import { invariant } from '../../errors.ts'
import type { PlacedEntry, RecordRef, WriteEntry } from '../../model/entry.ts'
import type { Verdict } from '../../model/fold.ts'
import { AGE_MAX, APPLIED, CONTROL, MISMATCH, SEALED, digestOf, isConditional } from '../../model/fold.ts'
import { generationOf } from '../../model/position.ts'
import type { ApplyRequest, ApplyResult, FoldSnapshot, Front, FrontSeen } from '../../ports/front.ts'
import { encodeEntries } from './encode-entries.ts'
import { foldArguments } from './fold-arguments.ts'
import { RedisFrontReads } from './front-reads.ts'
import type { FrontReadsOptions } from './front-reads.ts'
import { RedisStore } from './store.ts'
import type { RedisStoreOptions } from './store.ts'

export interface RedisFrontOptions
  extends Omit<RedisStoreOptions, 'waitReplicas' | 'waitMs'>, FrontReadsOptions {
  /** Tests only: positions after which a void is forgotten. */
  readonly ageMax?: number
}

/** Keys of old epochs that one call gives back. */
const COLLECT_KEYS = 1_000
/** Number u32, offset f64, digest: how apply.lua is told where it may stop. */
const STOP_BYTES = 28

const VERDICTS: Readonly<Record<string, Verdict>> = {
  a: APPLIED,
  c: CONTROL,
  s: SEALED,
  m: MISMATCH,
  n: { kind: 'void', cause: 'name' },
  g: { kind: 'void', cause: 'generation' },
  o: { kind: 'void', cause: 'age' },
}

/** Connects to Redis. Rejects with `unavailable` when it does not answer, `invalid` when an option is wrong. */
export async function openRedisFront(options: RedisFrontOptions): Promise<Front> {
  const store = await RedisStore.open(options)
  const front = new RedisFront(store, options)
  try {
    await front.measure()
  } catch (error) {
    store.close()
    throw error
  }
  return front
}

class RedisFront extends RedisFrontReads implements Front {
  readonly #store: RedisStore
  readonly #ageMax: number

  constructor(store: RedisStore, options: RedisFrontOptions) {
    super(store, options.clock, options)
    this.#store = store
    this.#ageMax = options.ageMax ?? AGE_MAX
  }

  async start(partition: number, fold: FoldSnapshot): Promise<FrontSeen> {
    const [who, text] = await this.#store.read('start', [partition], foldArguments(fold))
    this.#collect(partition)
    return this.#store.seen(partition, who, text)
  }

  async discard(partition: number, identity: string): Promise<FrontSeen> {
    const [who, text] = await this.#store.read('discard', [partition], [identity])
    this.#collect(partition)
    return this.#store.seen(partition, who, text)
  }

  async apply(request: ApplyRequest): Promise<ApplyResult> {
    const { partition, identity, from, to, entries, drop } = request
    const [who, kind, text, verdicts, lacking] = await this.#store.write(
      'apply',
      [partition],
      [
        identity,
        ...[from.position, from.offset, from.journal, from.digest],
        ...[to.position, to.offset, to.journal, to.digest],
        this.#ageMax,
        entries.length,
        encodeEntries(entries.map(({ entry }) => entry)),
        stopsOf(entries),
        drop?.position ?? '',
        drop?.refusedFrom ?? 0,
        ...refusedAmong(entries, drop?.refused ?? []),
      ],
    )
    const seen = this.#store.seen(partition, who, text)
    const outcome = String(kind)
    if (outcome === 'turned-away') return { kind: 'turned-away', seen }
    const judged = [...String(verdicts)].map(verdictOf)
    if (outcome === 'applied') return { kind: 'applied', seen, verdicts: judged }
    const stopped = entries[judged.length] as PlacedEntry
    const { writes } = stopped.entry as WriteEntry
    const missing = (lacking as number[]).map((index) => writes[index] as RecordRef)
    return { kind: 'needs-fill', seen, verdicts: judged, missing }
  }

  /** Gives back the memory of what a partition was before it was emptied; what a failure leaves goes the next time. */
  #collect(partition: number): void {
    const collect = async (): Promise<void> => {
      while (Number(await this.#store.read('collect', [partition], [COLLECT_KEYS])) === 1);
    }
    void collect().catch(() => undefined)
  }
}

function verdictOf(letter: string): Verdict | undefined {
  if (letter === 'd') return undefined
  const verdict = VERDICTS[letter]
  invariant(verdict !== undefined, `apply.lua gave the verdict "${letter}"`)
  return verdict
}

/** Where the partition stands if the apply ends before a conditional entry: the mark's part that Lua cannot compute. */
function stopsOf(entries: readonly PlacedEntry[]): Buffer {
  const stops: Buffer[] = []
  entries.forEach(({ entry }, index) => {
    const before = entries[index - 1]
    if (before === undefined || entry.kind !== 'write' || !isConditional(entry)) return
    const stop = Buffer.alloc(STOP_BYTES)
    stop.writeUInt32LE(index + 1, 0)
    stop.writeDoubleLE(before.offset, 4)
    stop.write(digestOf(before.entry, generationOf(before.last), before.offset), 12, 'latin1')
    stops.push(stop)
  })
  return Buffer.concat(stops)
}

function refusedAmong(entries: readonly PlacedEntry[], refused: readonly number[]): readonly number[] {
  const first = entries[0]?.first ?? 0
  const last = entries.at(-1)?.last ?? 0
  return refused.filter((position) => position >= first && position <= last)
}
