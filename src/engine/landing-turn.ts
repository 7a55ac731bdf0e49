/**
 * Which of several processes lands a partition.
 *
 *   mine ── a commit finds the position moved ahead by another ─▶ theirs
 *   theirs: pause, read the position ─ it got on ─▶ theirs
 *                                    ├ it pauses, since a spike of writes is on ─▶ theirs
 *                                    └ it did not, and there is something to land ─▶ mine
 *
 * Any number may land at once without harm: the position is compared in the transaction, one commits and the others
 * have worked for nothing. So whoever landed last goes on, and the others only look now and then whether it still
 * does. Nothing is written for it; a lander that dies is replaced after at most 1.5 pauses, and in a spike when the
 * oldest write is as old as it may get.
 */
import type { Mark } from '../model/entry.ts'
import type { Position } from '../model/position.ts'
import type { EngineContext } from './context.ts'
import type { Landed } from './landed.ts'

/** The part of the pause that is kept even when somebody here waits for landing. */
const PAUSE_SHARE_MIN = 0.1

export interface LandingTurnOptions {
  readonly context: EngineContext
  readonly partition: number
  readonly landed: Landed
  /** Whether whoever lands would pause now: there is a spike, and nothing is too old yet. */
  pauses(): boolean
}

export class LandingTurn {
  readonly #options: LandingTurnOptions
  /** Where another process had brought the database when this one last looked. */
  #theirs: Position | undefined

  constructor(options: LandingTurnOptions) {
    this.#options = options
  }

  get mine(): boolean {
    return this.#theirs === undefined
  }

  /** A commit found the database somewhere else than `from`. Further back is nobody's turn but this one's. */
  moved(from: Mark, now: Mark | undefined): void {
    if (now !== undefined && now.position > from.position) this.#theirs = now.position
  }

  /** Lets another process get on; true when it did not, so that the turn is here. */
  async comes(signal: AbortSignal): Promise<boolean> {
    const { context, partition, landed, pauses } = this.#options
    const { clock, random, settings } = context
    const pauseMs = settings.standBackMs * (1 + random.float() / 2)
    await clock.sleep(pauseMs * PAUSE_SHARE_MIN, signal)
    if (!landed.waited) {
      const cancel = clock.after(pauseMs * (1 - PAUSE_SHARE_MIN), () => landed.asked.raise())
      await landed.asked.wait(signal)
      cancel()
    }
    const rows = await context.database.partitions()
    const row = rows.find((one) => one.partition === partition)
    if (row === undefined) return true
    landed.note(row.mark.position, row.counts)
    const isTheirs = row.mark.position > (this.#theirs ?? row.mark.position) || pauses()
    this.#theirs = isTheirs ? row.mark.position : undefined
    return !isTheirs
  }
}
