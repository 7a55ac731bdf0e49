/**
 * What the engine needs of a shape of front and journal: separate stores, or one fused store. Everything above
 * this line (reads, settling, waiting, status, verify) is the same for both.
 */
import type { Position } from '../model/position.ts'
import type { FrontReads } from '../ports/front.ts'
import type { JournalReader } from '../ports/journal.ts'
import type { Lag } from './lag.ts'
import type { Lander } from './land.ts'
import type { Landed } from './landed.ts'
import type { ReadPartition } from './read.ts'
import type { Settler } from './settle.ts'
import type { WritePath } from './write-path.ts'

export interface ShapePartition extends ReadPartition {
  readonly landed: Landed
  readonly lander: Lander
  readonly lag: Lag
  /** How far this process knows the journal. */
  readonly end: Position
  /** Writes up to `end` that are neither control entries nor void. */
  readonly accepted: number
  /** Position of the first seal of a collection, as far as this process has read. */
  sealedAt(collection: string): Position | undefined
  /** Reads the journal to its end and brings the front there. */
  catchUp(signal: AbortSignal): Promise<void>
}

export interface Shape {
  readonly front: FrontReads
  readonly journal: JournalReader
  readonly partitions: readonly ShapePartition[]
  readonly writes: WritePath
  readonly settler: Settler
  /** True when what is in the journal was judged when it was appended. */
  readonly judged: boolean
  /** Writes of one frame that the store of the journal can take as a whole; undefined: any number. */
  readonly frameWritesMax: number | undefined
  /** The generation that this process speaks for. */
  readonly generation: number
  /** Resolves when a write would be taken now; rejects with the reason. Really asks the store. */
  probe(): Promise<void>
  /** Starts the loops; landing only where this process lands. */
  start(): void
  /** Ends the loops; nothing of them runs afterwards. */
  stop(): Promise<void>
  /** Closes the stores of this shape. */
  close(): Promise<void>
}
