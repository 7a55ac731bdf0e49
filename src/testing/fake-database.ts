/**
 * A simulated database: transactions that are done or not done, answers that may never come, a failover that goes
 * back to an older state of everything at once, and values that it does not accept as data.
 */
import { AGE_MAX } from '../model/fold.ts'
import type { LandRow, ParkedItem } from '../ports/database.ts'
import type { Database } from '../ports/database.ts'
import { DatabaseState } from './database-state.ts'
import type { ParkedRow } from './database-state.ts'
import { nameOf } from './front-partition.ts'
import { FAIR, Link } from './link.ts'
import type { Weather } from './link.ts'
import type { SimProcess } from './process.ts'
import type { StepBoard } from './step-board.ts'
import type { World } from './world.ts'

const DUMPS_MAX = 8
const PARKED_MAX = 200

export interface FakeDatabaseOptions {
  readonly world: World
  readonly board: StepBoard
  /** Tells why a row is not accepted while `rejecting`; default: its value contains `poison`. */
  readonly ageMax?: number
  /** Parked writes, at most; default 200. */
  readonly parkedMax?: number
  /** One process has it for itself, and its thread dies with that process. */
  readonly sameHost?: boolean
  readonly judge?: (row: LandRow) => string | undefined
}

function poison(row: LandRow): string | undefined {
  if (row.value === undefined) return undefined
  return Buffer.from(row.value.bytes).includes('poison') ? 'value is out of range (simulated)' : undefined
}

export class FakeDatabase {
  readonly #options: FakeDatabaseOptions
  readonly #dumps: DatabaseState[] = []
  state = new DatabaseState()
  readonly fairWeather: Weather = FAIR
  weather: Weather = FAIR
  /** Of single processes: their way to it is cut off, or bad. */
  readonly weatherOf = new Map<SimProcess, Weather>()
  /** Told of every generation that begins: partition, position before, and whether that position stays. */
  onBegun: (partition: number, landed: number, kept: boolean) => void = () => undefined
  /** The highest position ever landed: what may be lost is counted from there. */
  readonly #highest: number[] = []
  /** While false, everything is accepted as data. */
  rejecting = true

  constructor(options: FakeDatabaseOptions) {
    this.#options = options
  }

  dump(): void {
    if (this.state.partitions.length === 0) return
    this.#dumps.push(this.state.copy())
    if (this.#dumps.length > DUMPS_MAX) this.#dumps.shift()
  }

  /** Loses the last commits, but never more positions of a partition than `positionsMax`. False: no such dump. */
  goBack(positionsMax: number): boolean {
    const fit = this.#dumps.filter((dump) =>
      dump.partitions.every((one, at) => (this.#highest[at] ?? 0) - one.mark.position <= positionsMax),
    )
    if (fit.length === 0) return false
    this.state = this.#options.world.pick(fit).copy()
    return true
  }

  #noteHighest(): void {
    this.state.partitions.forEach((one, at) => {
      this.#highest[at] = Math.max(this.#highest[at] ?? 0, one.mark.position)
    })
  }

  #judge(row: LandRow): string | undefined {
    return this.rejecting ? (this.#options.judge ?? poison)(row) : undefined
  }

  /** The port as one process sees it. */
  connect(process: SimProcess): Database {
    const { board, ageMax = AGE_MAX, sameHost = false, parkedMax = PARKED_MAX } = this.#options
    const link = new Link({
      process,
      store: 'database',
      weather: () => this.weatherOf.get(process) ?? this.weather,
      board,
      sameHost,
    })
    const judge = (row: LandRow): string | undefined => this.#judge(row)
    return {
      prepare: (tables) =>
        link.call('prepare', 'recover', () => {
          for (const table of tables) if (table.history) this.state.withHistory.add(table.collection)
        }),
      partitions: () => link.call('partitions', 'recover', () => this.state.partitionRows()),
      beginGeneration: (generation, marks, expected) =>
        link.call(`beginGeneration ${generation}`, 'recover', () => {
          const before = this.state.partitions.map((one) => one.mark.position)
          const begun = this.state.beginGeneration(generation, marks, expected)
          if (begun === 'begun')
            marks.forEach((mark, at) => this.onBegun(at, before[at] ?? 0, mark.position === before[at]))
          this.#noteHighest()
          return begun
        }),
      snapshot: (partition) => link.call('snapshot', 'recover', () => this.state.snapshot(partition)),
      read: (partition, refs) => link.call('read', 'read', () => this.state.read(partition, refs)),
      land: (batch) =>
        link.call('land', 'land', () => {
          const result = this.state.land(batch, judge, { parkedMax, ageMax }, process.clock.now())
          this.#noteHighest()
          return result
        }),
      forgetRefused: (partition, upTo) =>
        link.call('forgetRefused', 'trim', () => this.state.forgetRefused(partition, upTo)),
      parked: {
        list: ({ collection, after, limit }) =>
          link.call('parked.list', 'read', () => {
            const rows = [...this.state.parked]
              .filter(
                ([name, row]) =>
                  (collection === undefined || row.collection === collection) &&
                  (after === undefined || name > after),
              )
              .sort(([a], [b]) => (a < b ? -1 : 1))
            const items = rows.slice(0, limit)
            return {
              items: items.map(([, row]) => itemOf(row)),
              next: rows.length > limit ? items.at(-1)?.[0] : undefined,
            }
          }),
        get: (ref) =>
          link.call('parked.get', 'read', () => {
            const row = this.state.parked.get(nameOf(ref))
            return row === undefined
              ? undefined
              : { ...itemOf(row), value: row.value, table: this.state.tableHeld(ref) }
          }),
        retry: (partition, rows) =>
          link.call('parked.retry', 'land', () => this.state.retry(partition, rows, judge)),
      },
      scan: (collection, after, limit) =>
        link.call('scan', 'read', () => {
          const rows = [...this.state.rows.values()]
            .filter(
              (row) =>
                row.collection === collection && (after === undefined || compareBytes(row.key, after) > 0),
            )
            .sort((a, b) => compareBytes(a.key, b.key))
          const found = rows.slice(0, limit)
          return {
            rows: found.map(({ key, version, value }) => ({ key, version, value, check: 'good' as const })),
            next: rows.length > limit ? found.at(-1)?.key : undefined,
          }
        }),
      collections: () =>
        link.call('collections', 'read', () =>
          [...new Set([...this.state.rows.values()].map((row) => row.collection))].sort(),
        ),
      close: () => Promise.resolve(),
    }
  }
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function itemOf(row: ParkedRow): ParkedItem {
  return {
    collection: row.collection,
    key: row.key,
    partition: row.partition,
    version: row.version,
    cause: row.cause,
    frame: row.frame,
    attempts: row.attempts,
    bytes: row.value?.bytes.byteLength ?? 0,
    at: row.at,
  }
}
