/**
 * A simulated journal. Its content is never lost; everything else about it may be late, partial or wrong:
 *
 *   unknown append   all, a part from the front, or nothing of it is there, now or later
 *   gaps             a shared journal's offsets skip numbers, as a broker's control records make them
 *   stale end        for a while a process is answered by a leader that no longer leads: it sees a prefix
 *   full             writes are turned away; control entries have a reserve
 *
 * An exclusive journal (a file of one process) has none of the lateness: its calls take effect in order.
 */
import { SpillwayError } from '../errors.ts'
import type { Entry, StoredEntry } from '../model/entry.ts'
import type {
  Journal,
  JournalAppend,
  JournalAppended,
  JournalPartitionInfo,
  JournalRead,
} from '../ports/journal.ts'
import { FAIR_JOURNAL, Link } from './link.ts'
import type { Weather } from './link.ts'
import type { SimProcess } from './process.ts'
import type { Step, StepBoard } from './step-board.ts'
import type { World } from './world.ts'

class Lane {
  /** Everything that was ever appended; what was trimmed stays here for the checkers. */
  readonly all: StoredEntry[] = []
  trimmedThrough = 0
  /** Index into `all` of the first kept entry. */
  firstKept = 0

  get end(): number {
    return this.all.at(-1)?.offset ?? 0
  }
}

export interface FakeJournalOptions {
  readonly world: World
  readonly board: StepBoard
  readonly partitions: number
  readonly exclusive: boolean
  readonly identity?: string
}

export class FakeJournal {
  readonly #options: FakeJournalOptions
  readonly #lanes: Lane[]
  readonly #staleEnds = new Map<SimProcess, readonly number[]>()
  readonly identity: string
  readonly fairWeather: Weather = FAIR_JOURNAL
  weather: Weather = FAIR_JOURNAL
  /** Of single processes: their way to it is cut off, or bad. */
  readonly weatherOf = new Map<SimProcess, Weather>()
  full = false

  constructor(options: FakeJournalOptions) {
    this.#options = options
    this.identity = options.identity ?? 'journal-1'
    this.#lanes = Array.from({ length: options.partitions }, () => new Lane())
  }

  /** Everything that was ever appended to a partition, trimmed or not: the truth that checkers go by. */
  history(partition: number): readonly StoredEntry[] {
    return this.#lane(partition).all
  }

  /** From now on, and until `undefined` is given, this process sees nothing newer than what is there now. */
  setStale(process: SimProcess, stale: boolean): void {
    if (stale)
      this.#staleEnds.set(
        process,
        this.#lanes.map((lane) => lane.end),
      )
    else this.#staleEnds.delete(process)
  }

  #lane(partition: number): Lane {
    const lane = this.#lanes[partition]
    if (lane === undefined) throw new Error(`The simulated journal has no partition ${partition}`)
    return lane
  }

  #append(partition: number, entries: readonly Entry[]): number[] {
    const { world, exclusive } = this.#options
    const lane = this.#lane(partition)
    return entries.map((entry) => {
      const gap = exclusive || world.chance(0.8) ? 1 : 1 + world.random.integer(3)
      const offset = lane.end + gap
      lane.all.push({ offset, entry })
      return offset
    })
  }

  #appendAll(appends: readonly JournalAppend[]): JournalAppended[] {
    const writes = appends.some((one) => one.entries.some((entry) => entry.kind === 'write'))
    if (this.full && writes)
      throw new SpillwayError('overloaded', 'The simulated journal is full: nothing was appended.')
    return appends.map((one) => ({
      partition: one.partition,
      offsets: this.#append(one.partition, one.entries),
    }))
  }

  /** A batch whose answer got lost may have been cut in two; the second part comes later, or never. */
  #appendPart(appends: readonly JournalAppend[]): JournalAppended[] {
    const { world } = this.#options
    return appends.map(({ partition, entries }) => {
      const cut = world.random.integer(entries.length + 1)
      const offsets = this.#append(partition, entries.slice(0, cut))
      if (world.chance(0.5)) {
        world.schedule(world.between(1, 2_000), () => {
          world.note(`the rest of an append arrives in ${partition}`)
          this.#append(partition, entries.slice(cut))
        })
      }
      return { partition, offsets }
    })
  }

  #info(process: SimProcess, partition: number): JournalPartitionInfo {
    const lane = this.#lane(partition)
    const end = Math.min(lane.end, this.#staleEnds.get(process)?.[partition] ?? lane.end)
    // As a broker's log start: nothing from there on was trimmed, though the next entry may come after a gap.
    return { identity: this.identity, first: lane.trimmedThrough + 1, end }
  }

  #read(process: SimProcess, partition: number, after: number, limits: ReadLimits): JournalRead {
    const lane = this.#lane(partition)
    if (after < lane.trimmedThrough) {
      throw new SpillwayError(
        'journal-mismatch',
        `Entries after ${after} of partition ${partition} were trimmed away.`,
      )
    }
    const end = this.#staleEnds.get(process)?.[partition] ?? lane.end
    const entries: StoredEntry[] = []
    let at = lowerBound(lane.all, after + 1)
    let bytes = 0
    for (; at < lane.all.length && entries.length < limits.entriesMax; at += 1) {
      const stored = lane.all[at] as StoredEntry
      bytes += bytesOf(stored.entry)
      if (stored.offset > end || (bytes > limits.bytesMax && entries.length > 0)) break
      entries.push(stored)
    }
    return { entries, atEnd: at >= lane.all.length || (lane.all[at] as StoredEntry).offset > end }
  }

  #trim(partition: number, offset: number): void {
    const lane = this.#lane(partition)
    // Brokers trim by whole segments: they may keep more than was asked.
    const upTo = this.#options.exclusive ? offset : offset - this.#options.world.random.integer(3)
    while (lane.firstKept < lane.all.length && (lane.all[lane.firstKept] as StoredEntry).offset <= upTo) {
      lane.trimmedThrough = (lane.all[lane.firstKept] as StoredEntry).offset
      lane.firstKept += 1
    }
  }

  /** Offset of the newest entry that was trimmed away. */
  trimmed(partition: number): number {
    return this.#lane(partition).trimmedThrough
  }

  /** The port as one process sees it. */
  connect(process: SimProcess): Journal {
    const { world, board, exclusive, partitions } = this.#options
    const link = new Link({
      process,
      store: 'journal',
      weather: () => this.weatherOf.get(process) ?? this.weather,
      board,
      ordered: exclusive,
      sameHost: exclusive,
    })
    let closed = false
    return {
      partitions,
      exclusive,
      lanes: exclusive ? 1 : partitions,
      laneOf: (partition) => (exclusive ? 0 : partition),
      append: (appends) => {
        if (closed) return Promise.reject(new SpillwayError('closed', 'The simulated journal is closed.'))
        const cut = !exclusive && this.weather.lostReply > 0 && world.chance(this.weather.lostReply / 2)
        if (!cut) return link.call('append', stepOf(appends), () => this.#appendAll(appends))
        return link.call('append', stepOf(appends), () => {
          this.#appendPart(appends)
          throw new Error('The connection broke in the middle of an append (simulated)')
        })
      },
      info: (partition) => link.call('info', 'gate', () => this.#info(process, partition)),
      read: (partition, after, limits) =>
        link.call('read', 'apply', () => this.#read(process, partition, after, limits)),
      at: (partition, offset) =>
        link.call('at', 'recover', () => {
          const lane = this.#lane(partition)
          const found = lane.all[lowerBound(lane.all, offset)]
          return found?.offset === offset && offset > lane.trimmedThrough ? found : undefined
        }),
      trim: (partition, offset) => link.call('trim', 'trim', () => this.#trim(partition, offset)),
      usage: () =>
        link.call('usage', 'admit', () => ({
          bytes: this.#lanes.reduce((sum, lane) => sum + (lane.all.length - lane.firstKept) * 200, 0),
          bytesMax: 1_000_000_000,
        })),
      close: () => {
        closed = true
        return Promise.resolve()
      },
    }
  }
}

type ReadLimits = Parameters<Journal['read']>[2]

/** About what it takes; for limits of reads. */
export function bytesOf(entry: Entry): number {
  if (entry.kind !== 'write') return 50
  return entry.writes.reduce((sum, write) => sum + 50 + (write.value?.bytes.byteLength ?? 0), 0)
}

function stepOf(appends: readonly JournalAppend[]): Step {
  const kinds = new Set(appends.flatMap((one) => one.entries.map((entry) => entry.kind)))
  if (kinds.has('void')) return 'settle'
  if (kinds.has('write') || kinds.has('seal')) return 'append'
  return kinds.has('marker') ? 'gate' : 'recover'
}

function lowerBound(all: readonly StoredEntry[], offset: number): number {
  let low = 0
  let high = all.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((all[middle] as StoredEntry).offset < offset) low = middle + 1
    else high = middle
  }
  return low
}
