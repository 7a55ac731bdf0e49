/**
 * Looks now and then where the database is, in all partitions at once.
 *
 * A process that does not land learns only so what has landed. One that lands looks because the database may have gone
 * back while nothing was to land: then its lander, which believes otherwise, reads again.
 */
import { BackgroundLoop } from '../kit/lifecycle.ts'
import type { Loop } from '../kit/lifecycle.ts'
import type { PartitionRow } from '../ports/database.ts'
import type { EngineContext } from './context.ts'
import type { Shape, ShapePartition } from './shape.ts'

/** Pause between looks where another process lands. */
const POLL_MS = 100

export class DatabaseWatch {
  readonly #context: EngineContext
  readonly #shape: Shape
  readonly #loop: Loop

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

  async #each(look: (one: ShapePartition, row: PartitionRow) => void): Promise<void> {
    for (const row of await this.#context.database.partitions())
      look(this.#shape.partitions[row.partition] as ShapePartition, row)
  }
}
