/**
 * Looks now and then where the database is, in all partitions at once.
 *
 * A process that does not land learns only so what has landed: ten times a second while as far as it knows something is
 * not landed yet, or somebody waits for that, and once a second otherwise. One that lands looks because the database
 * may have gone back while nothing was to land: then its lander, which believes otherwise, reads again.
 */
import { BackgroundLoop } from '../kit/lifecycle.ts'
import type { Loop } from '../kit/lifecycle.ts'
import type { PartitionRow } from '../ports/database.ts'
import type { EngineContext } from './context.ts'
import type { Shape, ShapePartition } from './shape.ts'

/** Pause between looks where another process lands. */
const POLL_MS = 100
/** The same while nothing is left to land. */
const QUIET_MS = 1_000

export class DatabaseWatch {
  readonly #context: EngineContext
  readonly #shape: Shape
  readonly #loop: Loop
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(context: EngineContext, shape: Shape, lands: boolean) {
    this.#context = context
    this.#shape = shape
    const { clock, random, settings } = context
    this.#loop = new BackgroundLoop({
      name: 'watching the database position',
      clock,
      random,
      run: async (signal) => {
        await clock.sleep(lands ? settings.idleLookMs : POLL_MS, signal)
        if (!lands && this.#isQuiet()) return
        if (lands) await this.#each((one, row) => one.lander.look(row.mark))
        else await this.note()
      },
    })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** Takes what the database says as what has landed. Only where nobody here lands, or no longer. */
  note(): Promise<void> {
    return this.#each((one, row) => one.landed.note(row.mark.position, row.counts))
  }

  /** Nobody needs to know now: everything has landed that this process knows of, and that was looked up a moment ago. */
  #isQuiet(): boolean {
    if (this.#context.clock.monotonic() - this.#lookedAt >= QUIET_MS) return false
    return this.#shape.partitions.every(({ landed, end }) => landed.position >= end && !landed.waited)
  }

  async #each(look: (one: ShapePartition, row: PartitionRow) => void): Promise<void> {
    this.#lookedAt = this.#context.clock.monotonic()
    for (const row of await this.#context.database.partitions())
      look(this.#shape.partitions[row.partition] as ShapePartition, row)
  }
}
