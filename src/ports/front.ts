/**
 * The front: the memory-speed store that serves reads and judges conditions.
 *
 * Per partition it keeps values, the control state of the fold (voids, seals, refused positions), its own
 * `through` (as a mark) and `floor`. Compare-and-advance of `through` is the only concurrency control: an
 * apply that does not start where the front stands is turned away, so that nothing is applied twice or out of
 * turn, whoever sends it.
 *
 * Every answer says who answered (`identity`) and where that front stands: the caller compares, and serves
 * nothing from an answer that shows a change.
 */
import type { EntryId, Mark, PlacedEntry, RecordRef } from '../model/entry.ts'
import type { Verdict } from '../model/fold.ts'
import type { Position, Version } from '../model/position.ts'
import type { Value } from '../model/value.ts'

/** Where the front of a partition stands. */
export interface FrontSeen {
  /** Of the answering store; a change means that memory may be lost or older. */
  readonly identity: string
  /** Undefined: this partition is missing (emptied or never started). */
  readonly mark: Mark | undefined
  /** The highest position whose effect the front may lack; never above the mark's position. */
  readonly floor: Position
  /** Refused positions at or below it may be forgotten. */
  readonly refusedFrom: Position
}

/** What the front or the database knows of a key: version 0 and no value = known to be absent. */
export interface Held {
  readonly version: Version
  readonly value: Value | undefined
}

export const HELD_ABSENT: Held = { version: 0 as Version, value: undefined }

/** A value that is held and was copied: how many bytes of JSON text it has. */
export interface HeldCopy {
  readonly version: Version
  readonly bytes: number
}

/** The fold state of a store without its rows, read in one snapshot. */
export interface FoldSnapshot {
  readonly mark: Mark
  readonly voids: readonly (readonly [EntryId, Position])[]
  readonly seals: readonly (readonly [string, Position])[]
  /** Ascending. */
  readonly refused: readonly Position[]
  readonly refusedFrom: Position
}

/** What was read of the database's fold: entries at or below `position` are dropped, not judged. */
export interface DropUpTo {
  readonly position: Position
  /** Refused positions of the database, ascending. */
  readonly refused: readonly Position[]
  readonly refusedFrom: Position
}

export interface ApplyRequest {
  readonly partition: number
  readonly identity: string
  /** Must equal where the front stands. */
  readonly from: Mark
  /** Where it stands after all of `entries`. */
  readonly to: Mark
  /** Consecutive, the first right after `from`. */
  readonly entries: readonly PlacedEntry[]
  readonly drop: DropUpTo | undefined
}

export type ApplyResult =
  /** All applied. Verdicts in order; a dropped entry's verdict is undefined (the database judged it). */
  | {
      readonly kind: 'applied'
      readonly seen: FrontSeen
      readonly verdicts: readonly (Verdict | undefined)[]
    }
  /**
   * Applied up to before an entry whose condition needs keys that the front lost: `verdicts.length` entries
   * were applied. Fill `missing`, then apply the rest.
   */
  | {
      readonly kind: 'needs-fill'
      readonly seen: FrontSeen
      readonly verdicts: readonly (Verdict | undefined)[]
      readonly missing: readonly RecordRef[]
    }
  /** Not where the caller believed, another identity, or missing: nothing was done. */
  | { readonly kind: 'turned-away'; readonly seen: FrontSeen }

export interface FrontRead {
  readonly seen: FrontSeen
  /** In the order of the keys; undefined = the front does not know (a miss). */
  readonly held: readonly (Held | undefined)[]
}

export interface FrontFilled extends FrontRead {
  /** True: there was no room to keep it. What is answered is exact all the same, and will be a miss again. */
  readonly noRoom?: boolean
}

export interface FrontFillRow extends RecordRef {
  readonly held: Held
}

/** What reads need of a front; also the read side of a fused front-journal. */
export interface FrontReads {
  /** True when other processes use this front too. */
  readonly shared: boolean
  state(partition: number): Promise<FrontSeen>
  read(partition: number, refs: readonly RecordRef[]): Promise<FrontRead>
  /**
   * Only of a front in this process's own memory, which cannot become another one: what it holds of a key, at once.
   * A promise for every read would cost more than the read. Undefined = a miss.
   */
  peek?(partition: number, ref: RecordRef): Held | undefined
  /**
   * The same, with the bytes copied to `target` from `at` on. Undefined = a miss, an absence, a compressed value, or
   * one that has no room there: `peek`.
   */
  peekInto?(partition: number, ref: RecordRef, target: Uint8Array, at: number): HeldCopy | undefined
  /**
   * Offers rows that the database had at `position`. A row is taken only if the front does not hold its key
   * and floor ≤ position ≤ through; the answer is what the front holds afterwards (undefined = not taken).
   * `identity` must match, else nothing is taken. A front that has no room compares all the same: what it would take
   * is as exact for its reader as if it were kept.
   */
  fill(
    partition: number,
    identity: string,
    position: Position,
    rows: readonly FrontFillRow[],
  ): Promise<FrontFilled>
  /**
   * Keeps keys from being released for `forMs` (conditional writes hold their keys until they are applied).
   * Answers like `read`. Bounded in number: beyond the bound it answers without holding.
   */
  hold(partition: number, refs: readonly RecordRef[], forMs: number): Promise<FrontRead>
  /** Drops keys whose effects up to `to` are landed, as memory needs; raises `floor` accordingly. */
  release(partition: number, identity: string, to: Position): Promise<FrontSeen>
  /** Drops one key's value if it is landed up to `landed` (the way out after somebody edited the table). */
  invalidate(partition: number, identity: string, ref: RecordRef, landed: Position): Promise<boolean>
  /** Which of these positions were refused. Exact only for positions above `seen.refusedFrom` and ≤ through. */
  refused(
    partition: number,
    positions: readonly Position[],
  ): Promise<{ readonly seen: FrontSeen; readonly refused: readonly boolean[] }>
  /** The control state and refused positions, in one snapshot; undefined when missing. */
  snapshot(partition: number): Promise<{ readonly seen: FrontSeen; readonly fold: FoldSnapshot | undefined }>
  /** Forgets refused positions up to `upTo` (they are landed and trimmed) and raises refusedFrom. */
  forgetRefused(partition: number, identity: string, upTo: Position): Promise<void>
  /**
   * Reserves bytes for a write before it is journaled, so that apply never fails for memory. False: full of
   * what has not landed yet; the caller answers `overloaded`. The writer always gives it back with `unreserve`
   * once its outcome is known; what `apply` stored is counted by the front itself.
   */
  reserve(bytes: number): boolean
  unreserve(bytes: number): void
  usage(): { readonly bytes: number; readonly bytesMax: number }
  close(): Promise<void>
}

/** A front beside a separate journal. */
export interface Front extends FrontReads {
  /** Starts a missing partition at a copy of a fold; floor = through. Does nothing if it is not missing. */
  start(partition: number, fold: FoldSnapshot): Promise<FrontSeen>
  /** Forgets the partition, so that it is missing. Does nothing if the identity differs. */
  discard(partition: number, identity: string): Promise<FrontSeen>
  apply(request: ApplyRequest): Promise<ApplyResult>
  /** Only of a front in this process's own memory: the same, at once. */
  applyNow?(request: ApplyRequest): ApplyResult
}
