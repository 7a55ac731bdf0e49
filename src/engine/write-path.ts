/**
 * How writes get into the journal and are judged; one implementation for each shape of front and journal.
 */
import type { Outcome } from '../kit/coalescer.ts'
import type { ControlEntry, EntryId, PlacedEntry, Write } from '../model/entry.ts'
import type { Position } from '../model/position.ts'

export interface Written {
  /** Position of the first write; a frame's others follow. */
  readonly first: Position
  readonly stage: 'journaled' | 'visible'
}

export interface WriteRequest {
  readonly partition: number
  readonly writes: readonly Write[]
  readonly signal: AbortSignal | undefined
}

/** Who learns what became of a write, in place of a promise. Exactly one is called, once; it must not throw. */
export type WriteOutcome = Outcome<Written>

export interface WritePath {
  /**
   * Journals and judges. Rejects with the refusal (`sealed`, `version-mismatch`), with `outcome-unknown` (and
   * the entry's handle), or with a code that means that nothing has happened.
   */
  write(request: WriteRequest): Promise<Written>
  /** The same with nothing in between, where a write of the usual kind can be had cheaper so. */
  begin?(request: WriteRequest, outcome: WriteOutcome): void
  /** Appends a control entry; resolves once it is placed. Rejects with `unavailable` after its bound of tries. */
  control(partition: number, make: (id: EntryId) => ControlEntry): Promise<PlacedEntry>
  /** Resolves when nothing is on its way. */
  idle(): Promise<void>
  close(): void
}
