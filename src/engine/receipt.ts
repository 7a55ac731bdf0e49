/** A receipt: what a write returned, and the means to wait for its further stages. */
import { SpillwayError } from '../errors.ts'
import type { RecordRef } from '../model/entry.ts'
import type { Position } from '../model/position.ts'
import type { Engine } from './engine.ts'
import type { Receipt, Stage, WaitOptions } from './tier.ts'
import type { WriteOutcome, Written } from './write-path.ts'

export class EngineReceipt implements Receipt {
  readonly collection: string
  readonly key: string
  readonly version: number
  readonly stage: Stage
  readonly #engine: Engine
  readonly #partition: number

  constructor(engine: Engine, partition: number, ref: RecordRef, version: Position, stage: Stage) {
    this.collection = ref.collection
    this.key = ref.key
    this.version = version
    this.stage = stage
    this.#engine = engine
    this.#partition = partition
  }

  async landed(options: WaitOptions = {}): Promise<Stage> {
    if (this.stage === 'landed') return 'landed'
    const timeoutMs = waitMs(this.#engine, options.timeoutMs)
    const landed = await this.#engine.landed(
      this.#partition,
      this,
      this.version as Position,
      timeoutMs,
      options.signal,
    )
    if (landed) return 'landed'
    return this.stage === 'visible' ? 'visible' : this.visible({ timeoutMs: 0 })
  }

  async visible(options: WaitOptions = {}): Promise<Stage> {
    if (this.stage !== 'journaled') return this.stage
    return this.#engine.visible(
      this.#partition,
      this.version as Position,
      waitMs(this.#engine, options.timeoutMs),
      options.signal,
    )
  }
}

/** What became of a write, as its receipt. */
export class ReceiptOutcome implements WriteOutcome {
  readonly #engine: Engine
  readonly #partition: number
  readonly #ref: RecordRef
  readonly #resolve: (receipt: Receipt) => void
  readonly failed: (error: unknown) => void

  constructor(
    engine: Engine,
    partition: number,
    ref: RecordRef,
    resolve: (receipt: Receipt) => void,
    reject: (error: unknown) => void,
  ) {
    this.#engine = engine
    this.#partition = partition
    this.#ref = ref
    this.#resolve = resolve
    this.failed = reject
  }

  done({ first, stage }: Written): void {
    this.#resolve(new EngineReceipt(this.#engine, this.#partition, this.#ref, first, stage))
  }
}

/** A caller's wait in ms: default and bound are the engine's; else `invalid`. */
export function waitMs(engine: Engine, given: number | undefined): number {
  const { waitMs: usual, waitMsMax } = engine.context.settings
  if (given === undefined) return usual
  if (Number.isFinite(given) && given >= 0 && given <= waitMsMax) return given
  throw new SpillwayError('invalid', `timeoutMs must be from 0 to ${waitMsMax}; this one is ${given}.`)
}
