/** What a round is asked, and what it comes to. */
import type { RuntimeName } from '../../test/scenarios/served.ts'
import type { Found, HistoryEvent } from '../../test/scenarios/verdict.ts'
import type { Fault, Promised } from './fault.ts'
import type { Window } from './judge.ts'
import type { ProfileName } from './profiles.ts'
import type { World, WorldOptions } from './world.ts'

export interface RoundOptions {
  readonly fault: Fault
  readonly profile: ProfileName
  readonly seed: number
  readonly round: number
  readonly pauseMs: number
  /** The longest wait for what has to come; default 30 s. */
  readonly waitMs?: number
  /** Of all processes; default: each has one drawn. */
  readonly runtime?: RuntimeName | undefined
  /** Gives the round up: it rejects, and leaves nothing behind. */
  readonly signal?: AbortSignal | undefined
  /** History and logs are kept of rounds that are good, too. */
  readonly keep?: boolean
  /** For tests of the verdict: another copy of the sources, which the processes run. */
  readonly project?: string | undefined
  /** For tests of the verdict. */
  readonly forgetful?: WorldOptions['forgetful']
  /** For tests of the verdict: called when everything is landed and before it is judged. */
  tamper?(world: World): Promise<void>
}

export interface Phase {
  readonly name: 'servers' | 'load' | 'fault' | 'again' | 'drain' | 'verdict'
  readonly ms: number
}

export interface RoundResult {
  readonly fault: string
  readonly profile: ProfileName
  readonly promised: Promised
  /**
   * Acknowledged writes that SQL did not have at the fault, by histories and SQL, and requests in flight; a round
   * without both does not count.
   */
  readonly unlanded: number
  readonly inFlight: number
  readonly counts: boolean
  readonly breaches: readonly string[]
  readonly lost: number
  readonly reports: number
  readonly acknowledged: number
  readonly reads: number
  readonly unknown: number
  readonly settled: number
  /** From the end of the heal until every process had acknowledged a write again. */
  readonly recoveredMs: number
  readonly tookMs: number
  /** What it was spent on, in this order. */
  readonly phases: readonly Phase[]
  readonly nodes: string
  /** Where history and logs are; undefined: not kept. */
  readonly kept: string | undefined
}

/** What a round has come to so far. */
export interface Course {
  unlanded: number
  inFlight: number
  recoveredMs: number
  window?: Window
  rows?: ReadonlyMap<string, Found>
  finalReads: HistoryEvent[][]
  readonly breaches: string[]
  readonly phases: Phase[]
}
