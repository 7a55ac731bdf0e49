/** What `status` says: the ledger per partition, lag, time to drain, and what is wrong right now. */
import type { LedgerTotals, Status } from './tier.ts'
import type { Engine } from './engine.ts'

export interface Profile {
  readonly name: string
  /** What acknowledged writes survive, in a sentence. */
  readonly promise: string
}

/** Landed counts over time, for the rate that the drain estimate is made from. */
interface Reading {
  readonly at: number
  readonly done: number
}

const RATE_WINDOW_MS = 1_000
const UNCONFIRMED =
  'The database does not answer: what has landed and what is pending is as it was known before.'

export class StatusBoard {
  readonly #engine: Engine
  readonly #profile: Profile
  #before: Reading | undefined
  #rate = 0

  constructor(engine: Engine, profile: Profile) {
    this.#engine = engine
    this.#profile = profile
  }

  async read(ready: boolean, why: string | undefined): Promise<Status> {
    const { shape, context } = this.#engine
    const confirmed = await this.#engine.confirmLanded()
    const partitions = shape.partitions.map((_, partition) => ({
      partition,
      ...this.#engine.ledgerOf(partition),
      lagMs: this.#engine.lagMs(partition),
    }))
    const totals = sum(partitions)
    const journal = await shape.journal.usage()
    const front = shape.front.usage()
    const notes = shape.partitions.flatMap((one) => one.lander.stopped ?? [])
    if (!confirmed) notes.unshift(UNCONFIRMED)
    if (why !== undefined) notes.unshift(why)
    const { settings } = context
    return {
      profile: this.#profile.name,
      promise: this.#profile.promise,
      ready,
      generation: shape.generation,
      totals,
      partitions,
      drainSeconds: this.#drainSeconds(totals),
      notes,
      bounds: {
        frontBytesMax: front.bytesMax,
        journalBytesMax: journal.bytesMax,
        writesWaitingMax: settings.writesWaitingMax,
        landingLagMs: settings.landingLagMs,
        batchMax: settings.batchMax,
        nestingMax: settings.nestingMax,
        waitMsMax: settings.waitMsMax,
      },
      usage: { frontBytes: front.bytes, journalBytes: journal.bytes },
    }
  }

  #drainSeconds(totals: LedgerTotals): number | null {
    const now = this.#engine.context.clock.monotonic()
    const done = totals.accepted - totals.pending
    if (this.#before === undefined) this.#before = { at: now, done }
    else if (now - this.#before.at >= RATE_WINDOW_MS) {
      this.#rate = ((done - this.#before.done) * 1_000) / (now - this.#before.at)
      this.#before = { at: now, done }
    }
    if (totals.pending === 0) return 0
    return this.#rate > 0 ? Math.ceil(totals.pending / this.#rate) : null
  }
}

function sum(rows: readonly LedgerTotals[]): LedgerTotals {
  const totals = { accepted: 0, landed: 0, superseded: 0, refused: 0, parked: 0, pending: 0 }
  for (const row of rows) {
    totals.accepted += row.accepted
    totals.landed += row.landed
    totals.superseded += row.superseded
    totals.refused += row.refused
    totals.parked += row.parked
    totals.pending += row.pending
  }
  return totals
}
