/**
 * The engine's settings after defaults: durations in ms, sizes in bytes, every bound of the engine in one place.
 */
import { COUNT_MAX } from '../model/position.ts'

export interface EngineSettings {
  /** Writes of this process that wait for the journal, per lane. Then `overloaded`. */
  readonly writesWaitingMax: number
  /** Bytes of the same. A caller that gave up has given its memory back; its write still waits here. */
  readonly writesWaitingBytesMax: number
  /** Entries of one append call. */
  readonly appendEntriesMax: number
  /** Bytes of one append call. */
  readonly appendBytesMax: number
  /** Entries of one apply call. */
  readonly applyEntriesMax: number
  /** Journaled entries per partition kept in memory, so that landing need not read them back. */
  readonly tailEntriesMax: number
  /** Bytes of the same; both bounds hold, the oldest leave first. */
  readonly tailBytesMax: number
  /** Rows of one batch that lands; a database may want fewer (`batchRowsMax`). */
  readonly landRowsMax: number
  readonly landBytesMax: number
  /** How old a write may get in a spike before landing stops yielding to it. */
  readonly landingLagMs: number
  /** How long a writer waits for its entry to be applied before it answers `journaled` or `outcome-unknown`. */
  readonly visibleWaitMs: number
  /** How long a writer tries to settle an append that brought no answer before it answers `outcome-unknown`. */
  readonly settleWaitMs: number
  /** Default and bound of waits that a caller can set. */
  readonly waitMs: number
  readonly waitMsMax: number
  /** How long a conditional write keeps its keys in the front. */
  readonly holdMs: number
  /** Where the journal is shared: how old the last proof that the front is caught up may be. */
  readonly confirmMs: number
  /** Where others append too: pause between looks at the journal's end. */
  readonly followMs: number
  /** The same where the store is front and journal in one, and nothing came for long. */
  readonly followIdleMs: number
  /** Positions that are kept in the journal behind the highest landed one. */
  readonly trimMargin: number
  /** Positions that are kept in the front behind the landed one. */
  readonly releaseMargin: number
  /** Back-off after a failure of a store. */
  readonly retryBaseMs: number
  readonly retryMsMax: number
  /** Deadline of each call of a store. */
  readonly callMs: number
  /** How long open waits for stores that do not answer. */
  readonly openTimeoutMs: number
  /** How long open may take to bring the front to the end of the journal. */
  readonly recoverTimeoutMs: number
  /** How long a lander leaves a partition to another process before it looks whether that one gets on. */
  readonly standBackMs: number
  /** How often a process that lands looks where the database is: it may have gone back while nothing was to land. */
  readonly idleLookMs: number
  /** Positions of one generation; the fused shape begins the next one when half of them are used. */
  readonly countMax: number
  /** Positions after which a void is forgotten; the same in every store of a deployment. */
  readonly ageMax: number
  /** Deepest nesting of a JSON value. */
  readonly nestingMax: number
  /** Keys of one multi-get, writes of one batch or frame. */
  readonly batchMax: number
  /** Tests only: acknowledges before the append, to show that the proof finds it. */
  readonly sabotage: 'ack-before-journal' | undefined
}

export const DEFAULT_SETTINGS: EngineSettings = {
  writesWaitingMax: 10_000,
  writesWaitingBytesMax: 64 * 2 ** 20,
  appendEntriesMax: 1_024,
  appendBytesMax: 8 * 2 ** 20,
  applyEntriesMax: 1_024,
  tailEntriesMax: 16_384,
  tailBytesMax: 32 * 2 ** 20,
  landRowsMax: 4_000,
  landBytesMax: 8 * 2 ** 20,
  landingLagMs: 5_000,
  visibleWaitMs: 2_000,
  settleWaitMs: 2_000,
  waitMs: 5_000,
  waitMsMax: 60_000,
  holdMs: 10_000,
  confirmMs: 1_000,
  followMs: 20,
  followIdleMs: 250,
  trimMargin: 4_096,
  releaseMargin: 0,
  retryBaseMs: 20,
  retryMsMax: 2_000,
  callMs: 10_000,
  openTimeoutMs: 30_000,
  recoverTimeoutMs: 600_000,
  standBackMs: 500,
  idleLookMs: 5_000,
  countMax: COUNT_MAX,
  ageMax: 2 ** 20,
  nestingMax: 512,
  batchMax: 1_000,
  sabotage: undefined,
}
