/**
 * Redis as front and journal in one: a single script call judges, appends and applies a batch of one partition.
 *
 *   entries ─ one buffer ─▶ EVALSHA write ─▶ judged · XADD a block · MSET the values ─▶ a verdict each
 *
 * The promise is that of Redis's append-only file, which the server's own settings decide:
 *
 *   appendonly yes, appendfsync always     an answer means fsynced: survives kill -9, restart, power loss. With
 *                                          `everysec` up to two seconds of answers are lost with the machine
 *   maxmemory, maxmemory-policy            set, and volatile-* or noeviction: `allkeys-*` drops what has not landed
 *   replicas: waitReplicas n               an answer means that n replicas have it too; without it a failover may lose
 *                                          what was not replicated (it is bounded and reported, see DESIGN's table)
 *   min-replicas-to-write, repl-backlog-ttl 0   bound what an isolated primary takes; keep its identity stable
 *
 * `inspectRedisServer` says what a server lacks of it.
 *
 * Bounds: a batch is what its caller gives (the engine: 1,024 entries, 8 MiB); memory: front-reads.ts; a block of the
 * stream: 256 KiB.
 */
import { SpillwayError } from '../../errors.ts'
import { encodeEntry } from '../../model/entry-codec.ts'
import type { ControlEntry, WriteEntry } from '../../model/entry.ts'
import { spanOf } from '../../model/entry.ts'
import { AGE_MAX } from '../../model/fold.ts'
import type { Position } from '../../model/position.ts'
import { plus } from '../../model/position.ts'
import type { FoldSnapshot, FrontSeen } from '../../ports/front.ts'
import { fusedOpening } from '../../ports/fused.ts'
import type { FusedBatch, FusedFront, FusedVerdict, FusedWriteResult } from '../../ports/fused.ts'
import { foldArguments } from './fold-arguments.ts'
import { RedisFrontReads } from './front-reads.ts'
import type { FrontReadsOptions } from './front-reads.ts'
import { placeOf } from './place.ts'
import { RedisStore } from './store.ts'
import type { RedisStoreOptions, Reply } from './store.ts'
import { RedisStream } from './stream.ts'
import { FRAME_WRITES_MAX, WriteLane } from './write-lane.ts'

export interface RedisFusedOptions extends RedisStoreOptions, FrontReadsOptions {
  /** Tests only: positions after which a void is forgotten. */
  readonly ageMax?: number
}

/** Keys of old epochs that one call gives back. */
const COLLECT_KEYS = 1_000

/**
 * Connects to Redis. Rejects with `unavailable` when it does not answer, `invalid` when an option is wrong. What is
 * there is not looked at: the engine compares identity and generation before anything else.
 */
export async function openRedisFused(options: RedisFusedOptions): Promise<RedisFused> {
  const store = await RedisStore.open(options)
  const front = new RedisFrontReads(store, options.clock, options)
  try {
    await front.measure()
  } catch (error) {
    store.close()
    throw error
  }
  return new RedisFused(store, front, placeOf(options).namespace, options.ageMax ?? AGE_MAX)
}

export class RedisFused implements FusedFront {
  readonly partitions: number
  readonly place: string
  readonly sharesCalls: boolean
  readonly frameWritesMax = FRAME_WRITES_MAX
  readonly front: RedisFrontReads
  readonly journal: RedisStream
  readonly #store: RedisStore
  readonly #writes: WriteLane
  readonly #ageMax: number

  constructor(store: RedisStore, front: RedisFrontReads, namespace: string, ageMax: number) {
    this.place = namespace
    this.partitions = store.partitions
    this.sharesCalls = !store.cluster
    this.front = front
    this.journal = new RedisStream(store, front)
    this.#store = store
    this.#writes = new WriteLane(store, ageMax)
    this.#ageMax = ageMax
  }

  async write(batches: readonly FusedBatch[]): Promise<readonly FusedWriteResult[]> {
    const written = await this.#writes.write(batches)
    return written.map((one, index) => {
      if (one.kind === 'fenced') return one
      const { seen, before, verdicts, missing } = one
      const { entries } = batches[index] as FusedBatch
      return { kind: 'written', seen, verdicts: verdictsOf(entries, before, verdicts, missing) }
    })
  }

  async control(
    partition: number,
    identity: string,
    generation: number,
    entry: ControlEntry,
  ): ReturnType<FusedFront['control']> {
    const args = [
      identity,
      generation,
      this.#store.waitReplicas,
      this.#ageMax,
      entry.kind,
      objectOf(entry),
      entry.id,
      Buffer.from(encodeEntry(entry)),
    ]
    const [who, live, kind, text] = await this.#store.write('control', [partition], args, isWritten)
    const seen = this.#store.seen(partition, who, text)
    if (String(kind) === 'fenced') return { kind: 'fenced', seen }
    this.#store.mustHaveReplicas(live)
    const at = seen.mark?.position as Position
    return { kind: 'written', seen, placed: { offset: at, entry, first: at, last: at } }
  }

  async claim(owner: string, force: boolean): Promise<string> {
    return String(await this.#store.write('claim', [0], [owner, force ? 1 : 0]))
  }

  async fence(partition: number, generation: number): Promise<number> {
    return Number(String(await this.#store.write('fence', [partition], [generation])))
  }

  async openGeneration(
    partition: number,
    identity: string,
    generation: number,
    keep: boolean,
    fold: FoldSnapshot,
  ): Promise<FrontSeen> {
    const opening = fusedOpening(generation)
    const [who, live, text] = await this.#store.write(
      'open-generation',
      [partition],
      [
        identity,
        generation,
        keep ? 1 : 0,
        this.#store.waitReplicas,
        opening.id,
        Buffer.from(encodeEntry(opening)),
        ...foldArguments(fold),
      ],
    )
    this.#store.mustHaveReplicas(live)
    void this.collect(partition).catch(() => undefined)
    return this.#store.seen(partition, who, text)
  }

  /** Gives back the memory of what a partition was before it was emptied, in steps; does nothing where there is none. */
  async collect(partition: number): Promise<void> {
    while (Number(await this.#store.read('collect', [partition], [COLLECT_KEYS])) === 1);
  }
}

function isWritten([, , kind]: Reply): boolean {
  return String(kind) === 'written'
}

/** What a control entry is about. */
function objectOf(entry: ControlEntry): string {
  if (entry.kind === 'void') return entry.target
  return entry.kind === 'seal' ? entry.collection : ''
}

function verdictsOf(
  entries: readonly WriteEntry[],
  before: Position,
  letters: string,
  missing: string,
): FusedVerdict[] {
  const lacking = Map.groupBy(
    missing === '' ? [] : missing.split(' ').map((one) => one.split('.').map(Number) as [number, number]),
    ([entry]) => entry,
  )
  let through = before
  return entries.map((entry, index): FusedVerdict => {
    switch (letters[index]) {
      case 'a': {
        const first = plus(through, 1)
        through = plus(through, spanOf(entry))
        return { kind: 'applied', first, last: through }
      }
      case 's':
        return { kind: 'refused', code: 'sealed' }
      case 'm':
        return { kind: 'refused', code: 'version-mismatch' }
      case 'v':
        return { kind: 'void' }
      case 'f':
        return {
          kind: 'needs-fill',
          missing: (lacking.get(index) ?? []).map(
            ([, write]) => entry.writes[write] as WriteEntry['writes'][number],
          ),
        }
      default:
        throw new SpillwayError(
          'internal',
          `write.lua gave the verdict "${letters[index]}". Please report this.`,
        )
    }
  })
}
