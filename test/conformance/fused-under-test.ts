/** A fused front-journal under its suite, and one process that speaks for a generation of it. */
import { expect } from 'vitest'
import type { ControlEntry, PlacedEntry, StoredEntry, Write, WriteEntry } from '../../src/model/entry.ts'
import { markAtOrigin } from '../../src/model/fold.ts'
import { ORIGIN } from '../../src/model/position.ts'
import type { Position } from '../../src/model/position.ts'
import type { FoldSnapshot, FrontSeen } from '../../src/ports/front.ts'
import { fusedJournalName } from '../../src/ports/fused.ts'
import type { FusedFront, FusedVerdict, FusedWriteResult } from '../../src/ports/fused.ts'
import { write } from './line.ts'
import type { WriteOptions } from './line.ts'

export interface FusedUnderTest {
  /** Three partitions, all missing. */
  readonly fused: FusedFront
  /** The same store as another process sees it; closed with the rest. */
  connect(): Promise<FusedFront>
  /** Lets time pass, for holds. */
  elapse(ms: number): Promise<void>
  /** Everything is kept, and the store answers with another identity; undefined where that cannot be done. */
  changeIdentity?(): Promise<void>
  /** Drops released records as if memory were needed; a store that cannot be asked to leaves it undefined. */
  squeeze?(): Promise<void>
  close(): Promise<void>
}

export interface FusedMaker {
  open(options: { readonly partitions: number; readonly ageMax: number }): Promise<FusedUnderTest>
  /** Runs of the random comparison; default 60. */
  readonly runs?: number
}

export const ALL = { entriesMax: 10_000, bytesMax: 64 * 1024 * 1024 }

/** The fold of a database that has nothing yet. */
export const NOTHING: FoldSnapshot = {
  mark: markAtOrigin(fusedJournalName(0)),
  voids: [],
  seals: [],
  refused: [],
  refusedFrom: ORIGIN,
}

/** A call with a batch of one partition. */
export async function writeBatch(
  fused: FusedFront,
  partition: number,
  identity: string,
  generation: number,
  entries: readonly WriteEntry[],
): Promise<FusedWriteResult> {
  const [result] = await fused.write([{ partition, identity, generation, entries }])
  return result as FusedWriteResult
}

let ids = 0

/** One process at one partition: it knows whom it speaks to, for which generation, and how far it has read. */
export class Speaker {
  readonly fused: FusedFront
  readonly partition: number
  identity = ''
  generation = 0
  known: Position = ORIGIN

  constructor(fused: FusedFront, partition = 0) {
    this.fused = fused
    this.partition = partition
  }

  /** Fences and opens, as a raise does. */
  async raise(generation: number, keep = false, fold = NOTHING): Promise<FrontSeen> {
    await this.fused.fence(this.partition, generation)
    const { identity } = await this.state()
    const seen = await this.fused.openGeneration(this.partition, identity, generation, keep, fold)
    this.speakFor(seen, generation)
    return seen
  }

  speakFor(seen: FrontSeen, generation: number): void {
    this.identity = seen.identity
    this.generation = generation
    this.known = seen.mark?.position ?? ORIGIN
  }

  /** Speaks for what another process has opened. */
  async join(generation: number): Promise<this> {
    this.speakFor(await this.state(), generation)
    return this
  }

  state(): Promise<FrontSeen> {
    return this.fused.front.state(this.partition)
  }

  entry(writes: readonly Write[], options: WriteOptions = {}): WriteEntry {
    return { kind: 'write', id: options.id ?? newId(), knownEnd: options.knownEnd ?? this.known, writes }
  }

  put(key: string, json: string, options: WriteOptions = {}): WriteEntry {
    return this.entry([write(key, json, options)], options)
  }

  delete(key: string, options: WriteOptions = {}): WriteEntry {
    return this.entry([write(key, undefined, options)], options)
  }

  async send(...entries: readonly WriteEntry[]): Promise<readonly FusedVerdict[]> {
    const result = await writeBatch(this.fused, this.partition, this.identity, this.generation, entries)
    expect(result.kind).toBe('written')
    if (result.kind === 'fenced') return []
    expect(result.verdicts).toHaveLength(entries.length)
    this.known = result.seen.mark?.position as Position
    return result.verdicts
  }

  async control(entry: ControlEntry): Promise<PlacedEntry> {
    const result = await this.fused.control(this.partition, this.identity, this.generation, entry)
    if (result.kind === 'fenced') throw new Error('A control entry was fenced')
    this.known = result.placed.last
    expect(result.seen.mark?.position).toBe(result.placed.last)
    return result.placed
  }

  void(target: string): Promise<PlacedEntry> {
    return this.control({ kind: 'void', id: newId(), target })
  }

  seal(collection: string): Promise<PlacedEntry> {
    return this.control({ kind: 'seal', id: newId(), collection })
  }

  marker(): Promise<PlacedEntry> {
    return this.control({ kind: 'marker', id: newId() })
  }

  /** Everything after an offset, in as many reads as it takes. */
  async stream(after: number, limits = ALL): Promise<StoredEntry[]> {
    const all: StoredEntry[] = []
    for (;;) {
      const at = all.at(-1)?.offset ?? after
      const { entries, atEnd } = await this.fused.journal.read(this.partition, at, limits)
      all.push(...entries)
      if (atEnd) return all
      expect(entries.length).toBeGreaterThan(0)
    }
  }
}

export function newId(): string {
  ids += 1
  return `entry-${ids}`
}
