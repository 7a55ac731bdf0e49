/**
 * One partition in one process, where front and journal are one store.
 *
 * Compared with the separate shape: no tail and no applier, because append and apply are one step; the gate opens
 * as soon as the store answers with the generation that the database issued, because its own journal's end is
 * where its front is, always.
 */
import { SpillwayError } from '../errors.ts'
import type { Mark, PlacedEntry } from '../model/entry.ts'
import { markAtOrigin, placeAll } from '../model/fold.ts'
import { acceptedOf } from '../model/ledger.ts'
import { countOf, generationOf } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { PartitionRow } from '../ports/database.ts'
import type { FrontSeen } from '../ports/front.ts'
import type { FusedFront } from '../ports/fused.ts'
import type { JournalReader } from '../ports/journal.ts'
import { fusedJournalName } from '../ports/fused.ts'
import type { EngineContext } from './context.ts'
import type { Acknowledged } from './fused-loss.ts'
import { Gate } from './gate.ts'
import { Lag } from './lag.ts'
import { Lander } from './land.ts'
import type { EntrySource } from './land.ts'
import { Landed } from './landed.ts'
import type { ShapePartition } from './shape.ts'
import { Trimmer } from './trim.ts'

export interface FusedPartitionOptions {
  readonly context: EngineContext
  readonly partition: number
  readonly fused: FusedFront
  /** The store's journal, under the name that the database knows. */
  readonly journal: JournalReader
  readonly row: PartitionRow
  /** Whether this process lands. */
  readonly lands: boolean
  hasHistory(collection: string): boolean
  /** Looks again who answers, and raises the generation where that is due. */
  recover(): Promise<void>
  /** The stream has moved, or somebody waits for that. */
  onMoved(): void
}

export class FusedPartitionRuntime implements ShapePartition, EntrySource {
  readonly gate: Gate
  readonly landed: Landed
  readonly lander: Lander
  readonly lag: Lag
  readonly #options: FusedPartitionOptions
  readonly #trimmer: Trimmer
  #seen: FrontSeen | undefined
  #acknowledged: Mark
  #landedOfIt: Position
  /** Where the stream ended before the present generation, as this process knew it. */
  #endBefore: Position
  #generation: number
  /** Who answered when this process began to speak for the present generation. */
  #adopted = ''
  /** When an answer was taken last. */
  #sawAt = Number.NEGATIVE_INFINITY

  constructor(options: FusedPartitionOptions) {
    this.#options = options
    const { context, partition, fused, journal, row } = options
    this.#generation = row.generation
    this.#acknowledged = row.mark
    this.#landedOfIt = row.mark.position
    this.#endBefore = row.mark.position
    // The end is exact and every answer carries the identity, so a proof lasts until one shows a change.
    this.gate = new Gate(context.clock, Number.POSITIVE_INFINITY, options.onMoved)
    this.landed = new Landed()
    this.lag = new Lag(context.clock)
    this.landed.note(row.mark.position, row.counts)
    this.#trimmer = new Trimmer({
      context,
      partition,
      journal,
      front: fused.front,
      refused: row.refused.length,
      landed: row.mark,
      identity: () => this.#seen?.identity,
    })
    this.lander = new Lander({
      context,
      partition,
      partitions: fused.partitions,
      source: this,
      journal,
      landed: this.landed,
      judged: true,
      hasHistory: options.hasHistory,
      load: () => {
        const { bytes, bytesMax } = fused.front.usage()
        return { end: this.end, filled: bytes / bytesMax, lagMs: this.lag.ms(this.landed.position, this.end) }
      },
      onLanded: (mark, refused) => this.#trimmer.landed(mark, refused),
    })
  }

  get partition(): number {
    return this.#options.partition
  }

  get identity(): string {
    return this.#seen?.identity ?? ''
  }

  get generation(): number {
    return this.#generation
  }

  get end(): Position {
    return this.#seen?.mark?.position ?? this.landed.position
  }

  /** Where this process knows the stream to end. */
  get mark(): Mark {
    return this.#seen?.mark ?? markAtOrigin(fusedJournalName(this.#generation))
  }

  /** The stream holds only judged writes; control entries that have not landed yet are counted along. */
  get accepted(): number {
    const { position } = this.landed
    const { end } = this
    if (generationOf(end) === generationOf(position))
      return acceptedOf(this.landed.counts) + Math.max(0, end - position)
    // Landing has not come to the opening entry yet, which is one more, nor to all that is before it.
    const before = this.#endBefore
    const left = generationOf(before) === generationOf(position) ? Math.max(0, before - position) : 0
    return acceptedOf(this.landed.counts) + left + (end > position ? 1 + countOf(end) : 0)
  }

  /** To say what is lost when the store has gone back: an answer that shows that does not lower it. */
  get acknowledged(): Acknowledged {
    return { end: this.#acknowledged, landed: this.#landedOfIt }
  }

  /** Takes an answer whose call was sent when the gate had seen `sent`. */
  saw(seen: FrontSeen, sent: Position): boolean {
    const admitted = this.gate.admits(seen, sent)
    if (
      this.#seen === undefined ||
      seen.identity !== this.#seen.identity ||
      (seen.mark?.position ?? 0) >= this.end ||
      !admitted
    )
      this.#seen = seen
    // Writes are acknowledged while the gate is closed, too, by the store and generation that this process speaks for. An
    // answer of another generation says nothing of what was acknowledged in this one: that is still to be told.
    const { mark, identity } = seen
    if (identity === this.#adopted && mark !== undefined && generationOf(mark.position) === this.#generation)
      this.#believe(seen)
    if (admitted && this.gate.open) this.#sawAt = this.#options.context.clock.monotonic()
    this.lag.note(this.end)
    return admitted
  }

  /** This process speaks for what answers now and for the generation that the database issued. */
  adopt(seen: FrontSeen, generation: number): void {
    const proof = this.gate.begin()
    this.#seen = seen
    this.#adopted = seen.identity
    if (generation !== this.#generation) this.#endBefore = this.#acknowledged.position
    this.#generation = generation
    // The first admits notes the identity, the proof then counts for it.
    this.gate.admits(seen, 0 as Position)
    if (!this.gate.prove(proof, seen.identity)) this.gate.prove(this.gate.begin(), seen.identity)
    this.#believe(seen)
    this.lander.wake()
  }

  #believe({ mark }: FrontSeen): void {
    if (mark !== undefined && mark.position > this.#acknowledged.position) this.#acknowledged = mark
    const landed = this.landed.position
    if (generationOf(landed) === generationOf(this.#acknowledged.position)) this.#landedOfIt = landed
  }

  async stop(): Promise<void> {
    await this.lander.stop()
    await this.#trimmer.stop()
    this.landed.close()
  }

  sealedAt(): undefined {
    return undefined
  }

  confirm(): Promise<void> {
    return this.#options.recover()
  }

  distrust(): void {
    this.gate.close()
  }

  dropUpTo(): void {
    // The front of a fused store is never behind its database: what could be behind was emptied by recovery.
  }

  async reached(position: Position, signal: AbortSignal): Promise<void> {
    const { fused, partition, context, onMoved } = this.#options
    if (this.end < position) onMoved()
    while (this.end < position) {
      const sent = this.gate.through
      const seen = await fused.front.state(partition).catch(() => undefined)
      if (seen !== undefined) this.saw(seen, sent)
      if (this.end < position) await context.clock.sleep(context.settings.followMs, signal)
    }
  }

  async catchUp(): Promise<void> {
    await this.#look()
  }

  /** The same, unless an answer has just said where the stream ends, as it does all the time under load. */
  async follow(): Promise<void> {
    const { clock, settings } = this.#options.context
    if (clock.monotonic() - this.#sawAt >= settings.followMs) await this.#look()
  }

  async #look(): Promise<FrontSeen> {
    const sent = this.gate.through
    const seen = await this.#options.fused.front.state(this.#options.partition)
    this.saw(seen, sent)
    return seen
  }

  async after(from: Mark, entriesMax: number, bytesMax: number): Promise<readonly PlacedEntry[]> {
    const { journal, partition } = this.#options
    const { entries } = await journal.read(partition, from.offset, { entriesMax, bytesMax })
    // An address that leads back to the other side of a split gives entries that no raise has kept.
    if (entries.length > 0 && (await this.#look()).identity !== this.#adopted)
      throw new SpillwayError('unavailable', 'The store changed while its stream was read; nothing landed.')
    return placeAll(from.position, entries)
  }
}
