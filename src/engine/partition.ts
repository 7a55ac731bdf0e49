/**
 * One partition in one process, where front and journal are separate stores: the parts and how they wake each
 * other.
 *
 *   append ─▶ tail ─▶ applier ─▶ front         gate ◀─ every answer of the front
 *               │        └ moved ─▶ lander ─▶ database
 *               └ read (others appended) ─▶ applier
 */
import { withDeadline } from '../kit/clock.ts'
import { BackgroundLoop } from '../kit/lifecycle.ts'
import type { Loop } from '../kit/lifecycle.ts'
import type { Mark, PlacedEntry } from '../model/entry.ts'
import { acceptedOf } from '../model/ledger.ts'
import type { Position } from '../model/position.ts'
import type { PartitionRow } from '../ports/database.ts'
import type { DropUpTo, Front } from '../ports/front.ts'
import type { Journal } from '../ports/journal.ts'
import { Applier } from './apply.ts'
import type { EngineContext } from './context.ts'
import { Gate } from './gate.ts'
import { Lag } from './lag.ts'
import { Lander, controlOf } from './land.ts'
import type { EntrySource } from './land.ts'
import { Landed } from './landed.ts'
import type { ShapePartition } from './shape.ts'
import { Tail } from './tail.ts'
import type { TailStart } from './tail.ts'
import { Trimmer } from './trim.ts'

export interface PartitionOptions {
  readonly context: EngineContext
  readonly partition: number
  readonly identity: string
  readonly row: PartitionRow
  readonly front: Front
  readonly journal: Journal
  /** Whether this process lands. */
  readonly lands: boolean
  hasHistory(collection: string): boolean
  /** Appends a marker and resolves with its place; the way to learn the end of a journal that others append to. */
  marker(): Promise<PlacedEntry>
}

export class SeparatePartitionRuntime implements ShapePartition, EntrySource {
  readonly gate: Gate
  readonly tail: Tail
  readonly applier: Applier
  readonly landed: Landed
  readonly lander: Lander
  readonly lag: Lag
  readonly #trimmer: Trimmer
  readonly #options: PartitionOptions
  readonly #follow: Loop | undefined
  #confirming: Promise<void> | undefined

  constructor(options: PartitionOptions) {
    this.#options = options
    const { context, partition, front, journal, row, identity } = options
    const { clock, random, settings } = context
    const alone = journal.exclusive && !front.shared
    this.gate = new Gate(clock, journal.exclusive ? Number.POSITIVE_INFINITY : settings.confirmMs)
    this.landed = new Landed()
    this.lag = new Lag(context.clock)
    this.landed.note(row.mark.position, row.counts)
    this.tail = new Tail({
      journal,
      partition,
      identity,
      mark: row.mark,
      control: controlOf(row, settings.ageMax),
      accepted: acceptedOf(row.counts),
      entriesMax: settings.tailEntriesMax,
      bytesMax: settings.tailBytesMax,
      onGrown: () => this.applier.wake(),
      restart: () => this.#restartTail(),
    })
    this.#trimmer = new Trimmer({
      context,
      partition,
      journal,
      front,
      refused: row.refused.length,
      landed: row.mark,
      identity: () => this.applier.identity,
    })
    this.applier = new Applier({
      context,
      partition,
      front,
      journal,
      tail: this.tail,
      gate: this.gate,
      onChange: () => {
        this.lag.note(this.end)
        this.lander.wake()
      },
    })
    this.lander = new Lander({
      context,
      partition,
      partitions: journal.partitions,
      source: this,
      journal,
      landed: this.landed,
      judged: false,
      hasHistory: options.hasHistory,
      load: () => ({
        end: this.end,
        filled: this.tail.filled(front.usage().bytesMax / journal.partitions),
        lagMs: this.lag.ms(this.landed.position, this.end),
      }),
      onLanded: (mark, refused) => {
        const through = this.applier.through
        if (through !== undefined) this.tail.forget(mark.position < through ? mark.position : through)
        this.#trimmer.landed(mark, refused)
      },
    })
    this.#follow = alone
      ? undefined
      : new BackgroundLoop({
          name: `following partition ${partition}`,
          clock,
          random,
          run: async (signal) => {
            await this.tail.read()
            this.applier.wake()
            await clock.sleep(settings.followMs, signal)
          },
        })
  }

  get end(): Position {
    return this.tail.position
  }

  get accepted(): number {
    return this.tail.accepted
  }

  sealedAt(collection: string): Position | undefined {
    return this.tail.control.seals.get(collection)
  }

  start(): void {
    this.#follow?.start()
    if (this.#options.lands) this.lander.start()
  }

  async stop(): Promise<void> {
    await this.#follow?.stop()
    await this.lander.stop()
    await this.#trimmer.stop()
    await this.applier.stop()
    this.landed.close()
  }

  /** Reads the journal to its end and brings the front there; then this process may write and serve. */
  async catchUp(signal: AbortSignal): Promise<void> {
    await this.tail.read()
    await this.applier.reached(this.tail.position, signal)
  }

  /** Proves that the front has reached the journal's end as of now. Joined: one proof at a time. */
  confirm(): Promise<void> {
    const { clock, settings } = this.#options.context
    this.#confirming ??= withDeadline(clock, settings.callMs, (signal) => this.#prove(signal)).finally(() => {
      this.#confirming = undefined
    })
    return this.#confirming
  }

  async #prove(signal: AbortSignal): Promise<void> {
    const { journal, partition, context } = this.#options
    for (;;) {
      if (this.applier.identity === undefined) await this.applier.reached(0 as Position, signal)
      const proof = this.gate.begin()
      let end: Position
      if (journal.exclusive) {
        await this.tail.read((await journal.info(partition)).end)
        end = this.tail.position
      } else {
        end = (await this.#options.marker()).last
      }
      await this.applier.reached(end, signal)
      const identity = this.applier.identity
      if (identity !== undefined && this.gate.prove(proof, identity)) return
      await context.clock.sleep(context.settings.retryBaseMs, signal)
    }
  }

  distrust(): void {
    this.applier.distrust()
  }

  dropUpTo(drop: DropUpTo): void {
    this.applier.dropUpTo(drop)
  }

  reached(position: Position, signal: AbortSignal): Promise<void> {
    return this.applier.reached(position, signal)
  }

  /** What may land now: what the front has, or all that was read while the front is away. */
  async after(from: Mark, entriesMax: number, bytesMax: number): Promise<readonly PlacedEntry[]> {
    const entries = await this.tail.after(from, entriesMax, bytesMax)
    if (this.applier.away) return entries
    const through = this.applier.through ?? 0
    const last = entries[entries.length - 1]
    return last === undefined || last.last <= through
      ? entries
      : entries.filter((entry) => entry.last <= through)
  }

  async #restartTail(): Promise<TailStart> {
    const { context, partition } = this.#options
    const row = (await context.database.partitions()).find((one) => one.partition === partition)
    if (row === undefined) throw new Error(`The database has no position of partition ${partition}`)
    return {
      mark: row.mark,
      control: controlOf(row, context.settings.ageMax),
      accepted: acceptedOf(row.counts),
    }
  }
}
