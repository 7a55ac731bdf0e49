/**
 * Looks now and then where the database is, in all partitions at once.
 *
 * A process that does not land learns only so what has landed: ten times a second while as far as it knows something is
 * not landed yet, or somebody waits for that, and once a second otherwise. One that lands looks because the database
 * may have gone back while nothing was to land: then its lander, which believes otherwise, reads again.
 */
import { withDeadline } from '../kit/clock.ts'
import { BackgroundLoop } from '../kit/lifecycle.ts'
import type { Loop } from '../kit/lifecycle.ts'
import type { EngineContext } from './context.ts'
import { Outage } from './outage.ts'
import type { Shape, ShapePartition } from './shape.ts'

/** Pause between looks where another process lands. */
const POLL_MS = 100
/** The same while nothing is left to land. */
const QUIET_MS = 1_000
/** How long somebody who asks waits for a database that does not answer. */
const ANSWER_MS = 1_000

export class DatabaseWatch {
  readonly #context: EngineContext
  readonly #shape: Shape
  readonly #loop: Loop
  readonly #lands: boolean
  readonly #outage: Outage
  #looking: Promise<void> | undefined
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(context: EngineContext, shape: Shape, lands: boolean) {
    this.#context = context
    this.#shape = shape
    this.#lands = lands
    this.#outage = new Outage({ report: context.report, store: 'database' })
    const { clock, random, settings } = context
    this.#loop = new BackgroundLoop({
      name: 'watching the database position',
      clock,
      random,
      run: async (signal) => {
        // While it does not answer the loop's own pauses are between the looks.
        if (!this.#outage.failing) await clock.sleep(lands ? settings.idleLookMs : POLL_MS, signal)
        if (lands || this.#outage.failing || !this.#isQuiet()) await this.#once()
      },
    })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /**
   * Takes what the database says as what has landed, also where it is less than was known. False: it does not answer
   * within a second, and what was known stays.
   */
  look(): Promise<boolean> {
    // Twice: the first that is asked after a database came back may fail on a connection of before.
    const looking = this.#once().catch(() => this.#once())
    return withDeadline(this.#context.clock, ANSWER_MS, looking).then(
      () => true,
      () => false,
    )
  }

  #once(): Promise<void> {
    this.#looking ??= this.#outage
      .watch(() => this.#look())
      .finally(() => {
        this.#looking = undefined
      })
    return this.#looking
  }

  /** Nobody needs to know now: everything has landed that this process knows of, and that was looked up a moment ago. */
  #isQuiet(): boolean {
    if (this.#context.clock.monotonic() - this.#lookedAt >= QUIET_MS) return false
    return this.#shape.partitions.every(({ landed, end }) => landed.position >= end && !landed.waited)
  }

  async #look(): Promise<void> {
    const { partitions } = this.#shape
    this.#lookedAt = this.#context.clock.monotonic()
    const known = partitions.map(({ landed }) => landed.position)
    for (const { partition, mark, counts } of await this.#context.database.partitions()) {
      const { landed, lander } = partitions[partition] as ShapePartition
      // What has landed since the question was sent is newer than the answer.
      if (landed.position !== known[partition]) continue
      landed.note(mark.position, counts)
      if (this.#lands) lander.look(mark)
    }
  }
}
