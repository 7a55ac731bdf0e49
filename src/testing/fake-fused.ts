/**
 * A simulated fused front-journal: one server whose single call judges, appends and applies. Its failover may
 * lose the tail of everything at once; then identity and stored identity differ, and every call is fenced until
 * recovery has opened a new generation.
 *
 * What a lost tail held is remembered here for the checkers: those writes, and no others, may be missing.
 */
import { SpillwayError } from '../errors.ts'
import type { ControlEntry, PlacedEntry, StoredEntry, WriteEntry } from '../model/entry.ts'
import {
  AGE_MAX,
  advanceControl,
  isConditional,
  judgeConditions,
  judgeControl,
  markAfter,
  place,
} from '../model/fold.ts'
import { ABSENT } from '../model/position.ts'
import type { FoldSnapshot, FrontReads, FrontSeen } from '../ports/front.ts'
import { fusedJournalName, fusedOpening } from '../ports/fused.ts'
import type { FusedBatch, FusedFront, FusedVerdict, FusedWriteResult } from '../ports/fused.ts'
import type { JournalReader } from '../ports/journal.ts'
import { bytesOf } from './fake-journal.ts'
import { FrontPartition } from './front-partition.ts'
import { frontVerbs } from './front-verbs.ts'
import { FAIR, Link } from './link.ts'
import type { Weather } from './link.ts'
import type { SimProcess } from './process.ts'
import type { StepBoard } from './step-board.ts'
import type { World } from './world.ts'

const DUMPS_MAX = 8

export class FusedPartition {
  readonly state: FrontPartition
  log: StoredEntry[] = []
  trimmedThrough = 0
  generation = 0
  /** Writers of older generations are turned away. */
  fence = 0
  /** Whose stream it is; only partition 0 keeps it. */
  owner: string | undefined
  /** The identity that the last generation was opened for. */
  openedFor = ''

  constructor(state: FrontPartition) {
    this.state = state
  }

  copy(): FusedPartition {
    const twin = new FusedPartition(this.state.copy())
    twin.log = [...this.log]
    twin.trimmedThrough = this.trimmedThrough
    twin.generation = this.generation
    twin.fence = this.fence
    twin.owner = this.owner
    twin.openedFor = this.openedFor
    return twin
  }
}

export class FusedServer {
  readonly identity: string
  readonly partitions: FusedPartition[]

  constructor(identity: string, partitions: FusedPartition[]) {
    this.identity = identity
    this.partitions = partitions
  }

  at(partition: number): FrontPartition {
    return (this.partitions[partition] as FusedPartition).state
  }
}

export interface FakeFusedOptions {
  readonly world: World
  readonly board: StepBoard
  readonly partitions: number
  readonly ageMax?: number
  readonly releaseEagerness?: number
}

export class FakeFused {
  /** As one server does, or as a cluster does not: of each seed one. */
  readonly sharesCalls: boolean
  readonly #options: FakeFusedOptions
  #server: FusedServer
  #dumps: FusedPartition[][] = []
  #identities = 0
  readonly #histories: StoredEntry[][]
  /** Of a failover: gone from the stream, and lost unless the database turns out to have landed them. */
  readonly #missing: StoredEntry[][]
  /** Up to where the database had landed a partition when its last generation began. */
  readonly #landed: number[] = []
  /** Gone for good: no raise found them anywhere. */
  readonly lost: StoredEntry[] = []
  /** Entries that a recovery threw away although the stream still had them. */
  readonly discarded: StoredEntry[] = []
  readonly fairWeather: Weather = FAIR
  weather: Weather = FAIR
  /** Of single processes: their way to it is cut off, or bad. */
  readonly weatherOf = new Map<SimProcess, Weather>()
  full = false

  constructor(options: FakeFusedOptions) {
    this.#options = options
    this.sharesCalls = options.world.chance(0.5)
    this.#histories = Array.from({ length: options.partitions }, () => [])
    this.#missing = Array.from({ length: options.partitions }, () => [])
    const ageMax = options.ageMax ?? AGE_MAX
    this.#server = new FusedServer(
      this.#nextIdentity(),
      Array.from({ length: options.partitions }, () => new FusedPartition(new FrontPartition(ageMax))),
    )
  }

  #nextIdentity(): string {
    this.#identities += 1
    return `fused-${this.#identities}`
  }

  /** What is in the stream of a partition, trimmed entries included, lost ones not. */
  history(partition: number): readonly StoredEntry[] {
    return this.#histories[partition] as StoredEntry[]
  }

  /** Offset of the newest entry that was trimmed away. */
  trimmed(partition: number): number {
    return this.#at(partition).trimmedThrough
  }

  get server(): FusedServer {
    return this.#server
  }

  dump(): void {
    this.#dumps.push(this.#server.partitions.map((one) => one.copy()))
    if (this.#dumps.length > DUMPS_MAX) this.#dumps.shift()
  }

  /** The promotion of a replica: one that had everything, or one that lagged. */
  failover(lagging: boolean): void {
    const { world } = this.#options
    const dump = lagging && this.#dumps.length > 0 ? world.pick(this.#dumps) : this.#server.partitions
    this.#server = new FusedServer(
      this.#nextIdentity(),
      dump.map((one) => one.copy()),
    )
    // Older dumps belong to a past that this server never had.
    this.#dumps = []
    this.#server.partitions.forEach((one, partition) => {
      const all = this.#histories[partition] as StoredEntry[]
      // What the database had landed at the last raise counts, whether a stream ever has it again or not.
      const safe = Math.max(endOf(one), this.#landed[partition] ?? 0)
      const cut = all.findIndex((stored) => stored.offset > safe)
      if (cut >= 0) this.#missing[partition]?.unshift(...all.splice(cut))
    })
  }

  /**
   * The database has begun a generation: what it had landed by then counts, wherever the stream has it or not;
   * the rest of what is missing is lost.
   */
  raised(partition: number, landed: number, kept: boolean): void {
    this.#landed[partition] = landed
    const all = this.#histories[partition] as StoredEntry[]
    const missing = (this.#missing[partition] as StoredEntry[]).splice(0)
    all.push(...missing.filter((stored) => stored.offset <= landed))
    this.lost.push(...missing.filter((stored) => stored.offset > landed))
    if (kept) return
    const cut = all.findIndex((stored) => stored.offset > landed)
    if (cut >= 0) this.discarded.push(...all.splice(cut))
  }

  #at(partition: number): FusedPartition {
    const found = this.#server.partitions[partition]
    if (found === undefined) throw new Error(`The simulated fused front has no partition ${partition}`)
    return found
  }

  #seen(partition: number): FrontSeen {
    return this.#at(partition).state.seen(this.#server.identity)
  }

  #fenced(partition: number, identity: string, generation: number): boolean {
    const at = this.#at(partition)
    const here = this.#server.identity
    return identity !== here || at.openedFor !== here || generation !== at.generation || generation < at.fence
  }

  #append(partition: number, placed: PlacedEntry): void {
    const at = this.#at(partition)
    const stored: StoredEntry = { offset: placed.last, entry: placed.entry }
    at.log.push(stored)
    this.#histories[partition]?.push(stored)
    advanceControl(at.state.control, placed)
    at.state.mark = markAfter(this.#journalName(partition), placed)
  }

  /** Named by its generation: a side that did not see the last opening has another journal. */
  #journalName(partition: number): string {
    return fusedJournalName(this.#at(partition).generation)
  }

  #next(partition: number, entry: WriteEntry | ControlEntry): PlacedEntry {
    const { through } = this.#at(partition).state.control
    const { last } = place(through, { offset: 0, entry })
    return place(through, { offset: last, entry })
  }

  #writeOne(partition: number, entry: WriteEntry): FusedVerdict {
    const { state } = this.#at(partition)
    const placed = this.#next(partition, entry)
    const control = judgeControl(state.control, placed)
    if (control?.kind === 'refused') return control
    if (control !== undefined) return { kind: 'void' }
    const missing = isConditional(entry)
      ? entry.writes.filter((write) => write.ifVersion !== undefined && state.held(write) === undefined)
      : []
    if (missing.length > 0) return { kind: 'needs-fill', missing }
    const verdict = judgeConditions(entry, (ref) => state.held(ref)?.version ?? ABSENT)
    if (verdict.kind === 'refused') return verdict
    state.put(placed, entry)
    this.#append(partition, placed)
    return { kind: 'applied', first: placed.first, last: placed.last }
  }

  #write({ partition, identity, generation, entries }: FusedBatch): FusedWriteResult {
    if (this.#fenced(partition, identity, generation)) return { kind: 'fenced', seen: this.#seen(partition) }
    if (this.full)
      throw new SpillwayError('overloaded', 'The simulated stream is full: nothing was appended.')
    const verdicts = entries.map((entry) => this.#writeOne(partition, entry))
    return { kind: 'written', seen: this.#seen(partition), verdicts }
  }

  #openGeneration(
    partition: number,
    identity: string,
    generation: number,
    keep: boolean,
    fold: FoldSnapshot,
  ): FrontSeen {
    const at = this.#at(partition)
    if (identity !== this.#server.identity) return this.#seen(partition)
    if (at.fence !== generation || at.generation >= generation) return this.#seen(partition)
    if (!keep || at.state.mark === undefined) {
      at.state.discard()
      at.state.start(fold)
      at.trimmedThrough = Math.max(endOf(at), fold.mark.offset)
      at.log = []
    }
    at.generation = generation
    at.openedFor = this.#server.identity
    const entry = fusedOpening(generation)
    this.#append(partition, this.#next(partition, entry))
    if (!keep) at.state.floor = at.state.control.through
    return this.#seen(partition)
  }

  #reader(link: Link): JournalReader {
    return {
      info: (partition) =>
        link.call('info', 'gate', () => {
          const { log, trimmedThrough } = this.#at(partition)
          const end = log.at(-1)?.offset ?? trimmedThrough
          // Not the first entry's own offset: where that is a frame, nothing between is missing.
          return { identity: this.#journalName(partition), first: trimmedThrough + 1, end }
        }),
      read: (partition, after, limits) =>
        link.call('read', 'land', () => {
          const { log, trimmedThrough } = this.#at(partition)
          if (after < trimmedThrough)
            throw new SpillwayError('journal-mismatch', `Entries after ${after} were trimmed away.`)
          const rest = log.filter((stored) => stored.offset > after)
          let bytes = 0
          const fitting = rest.findIndex((stored, i) => {
            bytes += bytesOf(stored.entry)
            return i > 0 && bytes > limits.bytesMax
          })
          const entries = rest.slice(0, Math.min(limits.entriesMax, fitting < 0 ? rest.length : fitting))
          return { entries, atEnd: entries.length === rest.length }
        }),
      at: (partition, offset) =>
        link.call('at', 'recover', () => this.#at(partition).log.find((stored) => stored.offset === offset)),
      trim: (partition, offset) =>
        link.call('trim', 'trim', () => {
          const at = this.#at(partition)
          const gone = at.log.filter((stored) => stored.offset <= offset)
          at.trimmedThrough = Math.max(at.trimmedThrough, gone.at(-1)?.offset ?? 0)
          at.log = at.log.slice(gone.length)
        }),
      usage: () => link.call('usage', 'admit', () => ({ bytes: 0, bytesMax: 1_000_000_000 })),
    }
  }

  /** The port as one process sees it. */
  connect(process: SimProcess): FusedFront {
    const { world, board, partitions, releaseEagerness = 0.3 } = this.#options
    const link = new Link({
      process,
      store: 'fused',
      weather: () => this.weatherOf.get(process) ?? this.weather,
      board,
    })
    const front: FrontReads = frontVerbs({
      world,
      shared: true,
      eagerness: releaseEagerness,
      call: (verb, step, effect) => link.call(verb, step, effect),
      at: (partition) => this.#at(partition).state,
      identity: () => this.#server.identity,
      full: () => this.full,
    })
    return {
      partitions,
      sharesCalls: this.sharesCalls,
      front,
      journal: this.#reader(link),
      write: (batches) => link.call('write', 'append', () => batches.map((batch) => this.#write(batch))),
      control: (partition, identity, generation, entry) =>
        link.call('control', entry.kind === 'void' ? 'settle' : 'append', () => {
          if (this.#fenced(partition, identity, generation))
            return { kind: 'fenced', seen: this.#seen(partition) }
          const placed = this.#next(partition, entry)
          this.#append(partition, placed)
          return { kind: 'written', seen: this.#seen(partition), placed }
        }),
      claim: (owner, force) =>
        link.call('claim', 'recover', () => {
          const at = this.#at(0)
          at.owner = force ? owner : (at.owner ?? owner)
          return at.owner
        }),
      fence: (partition, generation) =>
        link.call('fence', 'recover', () => {
          const at = this.#at(partition)
          at.fence = Math.max(at.fence, generation)
          return at.fence
        }),
      openGeneration: (partition, identity, generation, keep, fold) =>
        link.call('openGeneration', 'recover', () =>
          this.#openGeneration(partition, identity, generation, keep, fold),
        ),
    }
  }
}

function endOf(partition: FusedPartition): number {
  return partition.log.at(-1)?.offset ?? partition.trimmedThrough
}
