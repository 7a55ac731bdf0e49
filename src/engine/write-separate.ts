/**
 * Writing where front and journal are separate stores.
 *
 *   entry made ─▶ append (durable) ─▶ placed by the tail ─▶ applied to the front ─▶ verdict
 *       │             │ no answer                                │ not in time
 *       │             ▼                                          ▼
 *       │          settle: its place, or void              unconditional, neither void nor sealed: `journaled`
 *       └──────◀── void: a new entry, while              else: `outcome-unknown`
 *                  the caller has had no answer
 *
 * In the embedded shape (private front, exclusive journal) there are no gaps, nobody else applies and the end is
 * exact, so the straight line is all that ever runs (`begin`: one object for each write, no promise); the side ways
 * are for brokers and shared fronts.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { withDeadline } from '../kit/clock.ts'
import type { Coalescer, Outcome } from '../kit/coalescer.ts'
import type { ControlEntry, EntryId, Mark, PlacedEntry, Write, WriteEntry } from '../model/entry.ts'
import { COUNT_MAX, countOf, plus } from '../model/position.ts'
import type { Applier } from './apply.ts'
import { AppendUnknown } from './append-lane.ts'
import type { Appended, LaneItem } from './append-lane.ts'
import type { EngineContext } from './context.ts'
import { handleOf } from './entry-handle.ts'
import type { EntryHandle } from './entry-handle.ts'
import type { Gate } from './gate.ts'
import type { Settled, Settler } from './settle.ts'
import { orAbort, unknownOutcome } from './settle.ts'
import type { Tail } from './tail.ts'
import type { WriteOutcome, WritePath, WriteRequest, Written } from './write-path.ts'

export interface SeparatePartition {
  readonly tail: Tail
  readonly applier: Applier
  readonly gate: Gate
}

export interface SeparateWriterOptions {
  readonly context: EngineContext
  readonly partitions: readonly SeparatePartition[]
  readonly laneOf: (partition: number) => Coalescer<LaneItem, Appended>
  readonly lanes: readonly Coalescer<LaneItem, Appended>[]
  readonly settler: () => Settler
}

/** New entries for one write before its caller is told that it did not get through. */
const ATTEMPTS_MAX = 4
/** Control entries tried before a caller is told that the journal does not answer. */
const CONTROL_ATTEMPTS_MAX = 6
/** A generation is left before its positions run out; open begins the next one. */
const COUNT_RESERVE = 2 ** 20

/** An entry that is on its way to the journal. */
interface Tried {
  readonly entry: WriteEntry
  readonly mark: Mark
  readonly append: Promise<Appended>
}

/** A write on the straight line: what the lane takes, and who it tells. */
class Begun implements LaneItem, Outcome<Appended> {
  readonly partition: number
  readonly entry: WriteEntry
  readonly mark: Mark
  readonly request: WriteRequest
  readonly outcome: WriteOutcome
  readonly #onwards: (begun: Begun, append: Promise<Appended>) => void

  constructor(
    entry: WriteEntry,
    mark: Mark,
    request: WriteRequest,
    outcome: WriteOutcome,
    onwards: (begun: Begun, append: Promise<Appended>) => void,
  ) {
    this.partition = request.partition
    this.entry = entry
    this.mark = mark
    this.request = request
    this.outcome = outcome
    this.#onwards = onwards
  }

  done(appended: Appended): void {
    if (appended.verdict?.kind === 'applied')
      this.outcome.done({ first: appended.placed.first, stage: 'visible' })
    else this.#onwards(this, Promise.resolve(appended))
  }

  failed(error: unknown): void {
    if (error instanceof AppendUnknown) this.#onwards(this, rejected(error))
    else this.outcome.failed(error)
  }
}

export class SeparateWriter implements WritePath {
  readonly #options: SeparateWriterOptions

  constructor(options: SeparateWriterOptions) {
    this.#options = options
  }

  write(request: WriteRequest): Promise<Written> {
    if (this.#options.context.settings.sabotage === 'ack-before-journal')
      return Promise.resolve(this.#lie(request))
    return this.#write(request)
  }

  /** Rejects as `write` does, through `outcome`. */
  begin(request: WriteRequest, outcome: WriteOutcome): void {
    const { partition, signal } = request
    if (signal !== undefined || this.#options.context.settings.sabotage !== undefined) {
      this.write(request).then(
        (written) => outcome.done(written),
        (error: unknown) => outcome.failed(error),
      )
      return
    }
    let begun: Begun
    try {
      begun = new Begun(
        this.#entry(request),
        this.#partition(partition).tail.mark,
        request,
        outcome,
        this.#onwards,
      )
    } catch (error) {
      return outcome.failed(error)
    }
    this.#options.laneOf(partition).hand(begun, begun)
  }

  /** What was begun has left the straight line. */
  readonly #onwards = (begun: Begun, append: Promise<Appended>): void => {
    this.#write(begun.request, { entry: begun.entry, mark: begun.mark, append }).then(
      (written) => begun.outcome.done(written),
      (error: unknown) => begun.outcome.failed(error),
    )
  }

  /** One async function: every further one would cost each write a promise and a turn. */
  async #write(request: WriteRequest, begun?: Tried): Promise<Written> {
    const { partition, writes, signal } = request
    const { applier } = this.#partition(partition)
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const { entry, mark, append } = attempt === 1 && begun !== undefined ? begun : this.#try(request)
      const handle = (): EntryHandle => handleOf(partition, entry, mark)
      let appended: Appended
      try {
        appended = await (signal === undefined ? append : orAbort(append, signal, handle))
      } catch (error) {
        if (!(error instanceof AppendUnknown)) throw error
        const settling = this.#settle(handle(), error)
        const settled = await (signal === undefined ? settling : orAbort(settling, signal, handle))
        if (settled === 'void') continue
        return settled
      }
      const { placed } = appended
      const applied = appended.verdict ?? applier.outcome(placed)
      const outcome = await (signal === undefined
        ? applied
        : orAbort(Promise.resolve(applied), signal, handle))
      if (outcome.kind === 'applied') {
        this.#proveBy(partition, appended)
        return { first: placed.first, stage: 'visible' }
      }
      if (outcome.kind === 'refused') throw refusal(outcome.code, writes)
      if (outcome.kind === 'void') continue
      if (outcome.kind === 'forgotten') {
        const settling = this.#settle(handle(), undefined)
        const settled = await (signal === undefined ? settling : orAbort(settling, signal, handle))
        if (settled !== 'void') return settled
        continue
      }
      const written = this.#late(partition, placed, writes, handle())
      if (written !== 'void') return written
    }
    throw new SpillwayError(
      'unavailable',
      `The write did not get into the journal in ${ATTEMPTS_MAX} tries and does not count; send it again.`,
    )
  }

  #try(request: WriteRequest): Tried {
    const { partition } = request
    const { mark } = this.#partition(partition).tail
    const entry = this.#entry(request)
    return { entry, mark, append: this.#options.laneOf(partition).add({ partition, entry }) }
  }

  /** A new entry for a write, with the end that its process knows now. */
  #entry({ partition, writes }: WriteRequest): WriteEntry {
    const { position } = this.#partition(partition).tail.mark
    if (countOf(position) > COUNT_MAX - COUNT_RESERVE) throw generationUsed(partition)
    return { kind: 'write', id: this.#options.context.random.id(), knownEnd: position, writes }
  }

  async control(partition: number, make: (id: EntryId) => ControlEntry): Promise<PlacedEntry> {
    const { context, laneOf } = this.#options
    let failure: unknown
    for (let attempt = 1; attempt <= CONTROL_ATTEMPTS_MAX; attempt += 1) {
      try {
        // Every try is an entry of its own: control entries may be repeated, an entry may not be sent twice.
        const appended = await laneOf(partition).add({ partition, entry: make(context.random.id()) })
        if (appended.verdict === undefined) this.#applied(partition, appended)
        return appended.placed
      } catch (error) {
        if (isSpillwayError(error, 'closed')) throw error
        failure = error
        await context.clock.sleep(context.settings.retryBaseMs * attempt)
      }
    }
    throw new SpillwayError('unavailable', 'The journal did not take a control entry; retry.', {
      cause: failure,
    })
  }

  async idle(): Promise<void> {
    await Promise.all(this.#options.lanes.map((lane) => lane.idle()))
  }

  close(): void {
    for (const lane of this.#options.lanes) lane.close()
  }

  /** The planted bug of the demo: answers before the journal has the entry. */
  #lie(request: WriteRequest): Written {
    void this.#write(request).catch(() => undefined)
    return { first: plus(this.#partition(request.partition).tail.position, 1), stage: 'visible' }
  }

  /** Not applied in time: durable, and its verdict is certain only where control entries alone decide it. */
  #late(
    partition: number,
    placed: PlacedEntry,
    writes: readonly Write[],
    handle: EntryHandle,
  ): Written | 'void' {
    const found = this.#partition(partition).tail.find(placed.first)
    const unconditional = writes.every((write) => write.ifVersion === undefined)
    if (found === undefined || !unconditional) throw unknownOutcome(handle, undefined)
    if (found.verdict === undefined) return { first: placed.first, stage: 'journaled' }
    if (found.verdict.kind === 'refused') throw refusal(found.verdict.code, writes)
    return 'void'
  }

  async #settle(handle: EntryHandle, cause: unknown): Promise<Written | 'void'> {
    const { context, settler } = this.#options
    const { clock, settings } = context
    const until = clock.monotonic() + settings.settleWaitMs
    for (;;) {
      let settled: Settled
      try {
        // A void that is still on its way when the time is over does no harm: voids may be repeated.
        settled = await withDeadline(clock, Math.max(1, until - clock.monotonic()), settler().settle(handle))
      } catch (error) {
        if (clock.monotonic() >= until) throw unknownOutcome(handle, cause ?? error)
        await clock.sleep(settings.retryBaseMs)
        continue
      }
      if (settled.kind === 'void') return 'void'
      if (settled.kind === 'refused')
        throw new SpillwayError(settled.code, refusalText(settled.code, handle.writes))
      return { first: settled.first, stage: settled.stage }
    }
  }

  #applied(partition: number, appended: Appended): void {
    const { applier } = this.#partition(partition)
    void applier.outcome(appended.placed).then((outcome) => {
      if (outcome.kind === 'control') this.#proveBy(partition, appended)
    })
  }

  /** An own entry that the front has passed proves that it had reached the journal's end as of the append. */
  #proveBy(partition: number, appended: Appended): void {
    const { gate, applier } = this.#partition(partition)
    if (applier.identity !== undefined) gate.prove(appended.proof, applier.identity)
  }

  #partition(partition: number): SeparatePartition {
    return this.#options.partitions[partition] as SeparatePartition
  }
}

async function rejected(error: AppendUnknown): Promise<never> {
  throw error
}

function generationUsed(partition: number): SpillwayError {
  return new SpillwayError(
    'unavailable',
    `Partition ${partition} has used the 2^36 positions of its generation; restart to begin the next one.`,
  )
}

export function refusal(code: 'sealed' | 'version-mismatch', writes: readonly Write[]): SpillwayError {
  return new SpillwayError(code, refusalText(code, writes.length))
}

function refusalText(code: 'sealed' | 'version-mismatch', writes: number): string {
  const what = writes === 1 ? 'The write' : `The frame of ${writes} writes`
  if (code === 'sealed') return `${what} came after its collection was sealed; nothing was changed.`
  return `${what} found another version than its condition named; nothing was changed. Read the record and decide again.`
}
