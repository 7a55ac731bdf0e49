/** Leaves the machine to a spike of writes between two batches of landing; `model/landing-pace.ts` decides for how long. */
import { pauseBeforeLanding, yieldsToSpike } from '../model/landing-pace.ts'
import type { LandingPressure } from '../model/landing-pace.ts'
import type { Position } from '../model/position.ts'
import type { EngineContext } from './context.ts'
import type { Landed } from './landed.ts'

/** What lets the lander judge whether to yield to a spike. */
export interface LandingLoad {
  /** How far the journal is known to go. */
  readonly end: Position
  /** How much of the memory for what has not landed is used, 0 to 1. */
  readonly filled: number
  /** Age of the oldest write that has not landed. */
  readonly lagMs: number
}

export interface LandingYieldOptions {
  readonly context: EngineContext
  /** Partitions that land in this process. */
  readonly partitions: number
  readonly landed: Landed
  /** What else this process has to do, and how much is left to land as far as it knows. */
  load(): LandingLoad
}

export class LandingYield {
  readonly #options: LandingYieldOptions
  /** Where the journal ended when it was looked at before a batch, when that was, and how long the last batch took. */
  #last = { end: 0, at: 0, tookMs: 0 }

  constructor(options: LandingYieldOptions) {
    this.#options = options
  }

  /** Whether there is a spike that landing leaves the machine to. */
  pauses(): boolean {
    return yieldsToSpike(this.#pressure())
  }

  /** Pauses as long as it should, and tells for how long that was meant; whoever waits for landing ends the pause. */
  async pause(signal: AbortSignal): Promise<number> {
    const { context, landed, load } = this.#options
    const { end } = load()
    const pauseMs = pauseBeforeLanding(this.#pressure())
    if (pauseMs > 0) {
      const cancel = context.clock.after(pauseMs, () => landed.asked.raise())
      await landed.asked.wait(signal)
      cancel()
    }
    this.#note(end)
    return pauseMs
  }

  /** The spike is measured from now on. */
  begin(): void {
    this.#note(this.#options.load().end)
  }

  /** A batch has landed. */
  took(ms: number): void {
    this.#last = { ...this.#last, tookMs: ms }
  }

  #note(end: number): void {
    this.#last = { end, at: this.#options.context.clock.monotonic(), tookMs: 0 }
  }

  #pressure(): LandingPressure {
    const { context, partitions, landed, load } = this.#options
    const { clock, settings } = context
    const { end, filled, lagMs } = load()
    return {
      arrived: end - this.#last.end,
      sinceMs: clock.monotonic() - this.#last.at,
      batchMs: this.#last.tookMs,
      partitions,
      filled,
      lagMs,
      lagMsMax: settings.landingLagMs,
      waited: landed.waited,
    }
  }
}
