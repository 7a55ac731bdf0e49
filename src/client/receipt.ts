/** Receipts of writes that happened in another process: their stages are asked for. */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { systemClock } from '../kit/clock.ts'
import type { Receipt, Stage, Trace, WaitOptions } from '../index.ts'

const WAIT_MS = 5_000
const WAIT_MS_MAX = 60_000
/** Landing is a matter of milliseconds or of minutes: asked often at first, then ever less often. */
const PAUSE_MS_MIN = 5
const PAUSE_MS_MAX = 250

/** Where a key is now; what a receipt needs of its connection. */
export type AskTrace = (collection: string, key: string, signal: AbortSignal | undefined) => Promise<Trace>

/** What a server says of a write. */
export interface ReceiptBody {
  readonly collection: string
  readonly key: string
  readonly version: number
  readonly stage: Stage
}

export class RemoteReceipt implements Receipt {
  readonly collection: string
  readonly key: string
  readonly version: number
  readonly stage: Stage
  readonly #trace: AskTrace

  constructor({ collection, key, version, stage }: ReceiptBody, trace: AskTrace) {
    this.collection = collection
    this.key = key
    this.version = version
    this.stage = stage
    this.#trace = trace
  }

  landed(options?: WaitOptions): Promise<Stage> {
    return this.#until('landed', options)
  }

  visible(options?: WaitOptions): Promise<Stage> {
    return this.#until('visible', options)
  }

  async #until(
    wanted: 'visible' | 'landed',
    { timeoutMs = WAIT_MS, signal }: WaitOptions = {},
  ): Promise<Stage> {
    if (!(timeoutMs >= 0 && timeoutMs <= WAIT_MS_MAX)) {
      throw new SpillwayError('invalid', `timeoutMs must be from 0 to ${WAIT_MS_MAX}; it is ${timeoutMs}.`)
    }
    const deadline = systemClock.monotonic() + timeoutMs
    let stage = this.stage
    let pauseMs = PAUSE_MS_MIN
    for (;;) {
      if (reached(stage, wanted)) return stage
      stage = await this.#stageNow(stage, signal)
      const leftMs = deadline - systemClock.monotonic()
      if (reached(stage, wanted) || leftMs <= 0) return stage
      await systemClock.sleep(Math.min(pauseMs, leftMs), signal)
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)
    }
  }

  /** A server that cannot say right now is asked again, until the deadline. */
  async #stageNow(before: Stage, signal: AbortSignal | undefined): Promise<Stage> {
    try {
      const stage = stageIn(await this.#trace(this.collection, this.key, signal), this.version, before)
      if (stage !== 'landed') return stage
      // A trace is no snapshot: the write may have been parked between its looks. A second one began after the
      // database was past the write, so it sees that.
      return stageIn(await this.#trace(this.collection, this.key, signal), this.version, before)
    } catch (error) {
      if (isSpillwayError(error) && (error.kind === 'retry' || error.kind === 'over-limit')) return before
      throw error
    }
  }
}

/**
 * What a trace says of the write at `version`. `parked` is looked at first: a parked write is behind the landed
 * position too. One that is neither parked nor pending is in the table or was overtaken by a newer write.
 */
export function stageIn({ parked, journal, front }: Trace, version: number, before: Stage): Stage {
  if (parked?.version === version) {
    throw new SpillwayError('parked', `The database does not accept this write: ${parked.cause}`)
  }
  if (journal.landed >= version) return 'landed'
  return front.version !== null && front.version >= version ? 'visible' : before
}

function reached(stage: Stage, wanted: Stage): boolean {
  return stage === 'landed' || stage === wanted
}
