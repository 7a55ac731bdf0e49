/**
 * Writing where front and journal are one store: one call judges, appends and applies.
 *
 *   entry made ─▶ write ─ applied ─▶ visible and journaled at once
 *                   ├ refused ─▶ the refusal; nothing entered the journal
 *                   ├ needs fill ─▶ the caller fills and comes back; nothing entered the journal
 *                   ├ fenced ─▶ another identity or generation: look, or raise the generation; nothing happened
 *                   └ no answer ─▶ settle by a void entry
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { withDeadline } from '../kit/clock.ts'
import { Coalescer } from '../kit/coalescer.ts'
import type { Outcome } from '../kit/coalescer.ts'
import type { ControlEntry, EntryId, Mark, PlacedEntry, WriteEntry } from '../model/entry.ts'
import type { Position } from '../model/position.ts'
import type { FusedBatch, FusedFront, FusedVerdict, FusedWriteResult } from '../ports/fused.ts'
import { AppendUnknown } from './append-lane.ts'
import { handleOf } from './entry-handle.ts'
import type { EntryHandle } from './entry-handle.ts'
import type { EngineContext } from './context.ts'
import { NeedsFill } from './needs-fill.ts'
import type { FusedPartitionRuntime } from './partition-fused.ts'
import { orAbort, unknownOutcome } from './settle.ts'
import type { Settled, Settler } from './settle.ts'
import { bytesOfWrites } from './tail.ts'
import { refusal } from './write-separate.ts'
import type { WriteOutcome, WritePath, WriteRequest, Written } from './write-path.ts'

const ATTEMPTS_MAX = 6
/** Nothing was done: this process spoke for another identity or generation. */
const FENCED = Symbol('fenced')
/** Entries that are worth a second call beside one that is out. */
const BESIDE_MIN = 64

interface Sent {
  readonly partition: number
  readonly entry: WriteEntry
  /** Up to where its writer knew the stream. */
  readonly mark: Mark
}

type Answer = FusedVerdict | typeof FENCED

interface Tried {
  readonly sent: Sent
  readonly answer: Answer | AppendUnknown
}

/** A write on the straight line: applied by the first call, with no promise of its own. Anything else goes `onwards`. */
class Begun implements Outcome<Answer> {
  readonly sent: Sent
  readonly request: WriteRequest
  readonly outcome: WriteOutcome
  readonly #onwards: (begun: Begun, answer: Answer | AppendUnknown) => void

  constructor(
    sent: Sent,
    request: WriteRequest,
    outcome: WriteOutcome,
    onwards: (begun: Begun, answer: Answer | AppendUnknown) => void,
  ) {
    this.sent = sent
    this.request = request
    this.outcome = outcome
    this.#onwards = onwards
  }

  done(verdict: Answer): void {
    if (verdict === FENCED || verdict.kind !== 'applied') this.#onwards(this, verdict)
    else this.outcome.done({ first: verdict.first, stage: 'visible' })
  }

  failed(error: unknown): void {
    if (error instanceof AppendUnknown) this.#onwards(this, error)
    else this.outcome.failed(error)
  }
}

/** What one call has for one partition, and where in the call each of its entries stands. */
class Group {
  readonly one: FusedPartitionRuntime
  readonly places: number[] = []
  readonly entries: WriteEntry[] = []
  readonly #through: Position

  constructor(one: FusedPartitionRuntime) {
    this.one = one
    this.#through = one.gate.through
  }

  /** An entry that was made in an older generation is void by generation: nothing would be gained by sending it. */
  batch(): FusedBatch {
    const { partition, identity, generation } = this.one
    return { partition, identity, generation, entries: this.entries }
  }

  answer(result: FusedWriteResult, answers: Answer[]): void {
    const { one, places } = this
    const written = result.kind === 'written'
    for (let index = 0; index < places.length; index += 1)
      answers[places[index] as number] = written ? (result.verdicts[index] as FusedVerdict) : FENCED
    if (!written) return
    one.saw(result.seen, this.#through)
    one.lander.wake()
  }
}

export interface FusedWriterOptions {
  readonly context: EngineContext
  readonly fused: FusedFront
  readonly partitions: readonly FusedPartitionRuntime[]
  readonly settler: () => Settler
  /** Looks again who answers, and raises the generation where that is due. */
  recover(): Promise<void>
}

export class FusedWriter implements WritePath {
  readonly #options: FusedWriterOptions
  /** One for all partitions where the store takes them in one call, else one for each. */
  readonly #lanes: readonly Coalescer<Sent, Answer>[]

  constructor(options: FusedWriterOptions) {
    this.#options = options
    const { context, fused } = options
    const { settings } = context
    this.#lanes = Array.from(
      { length: fused.sharesCalls ? 1 : fused.partitions },
      (_, lane) =>
        new Coalescer<Sent, Answer>({
          name: fused.sharesCalls ? 'fused writes' : `fused writes of partition ${lane}`,
          call: (sent) => this.#call(sent),
          itemsMax: settings.appendEntriesMax,
          weightMax: settings.appendBytesMax,
          weigh: ({ entry }) => bytesOfWrites(entry),
          waitingMax: settings.writesWaitingMax,
          besideMin: BESIDE_MIN,
        }),
    )
  }

  write(request: WriteRequest): Promise<Written> {
    return this.#write(request)
  }

  begin(request: WriteRequest, outcome: WriteOutcome): void {
    const begun = new Begun(this.#try(request), request, outcome, this.#onwards)
    this.#lane(request.partition).hand(begun.sent, begun)
  }

  /** What was begun has not been applied at once. */
  readonly #onwards = ({ sent, request, outcome }: Begun, answer: Answer | AppendUnknown): void => {
    this.#write(request, { sent, answer }).then(
      (written) => outcome.done(written),
      (error: unknown) => outcome.failed(error),
    )
  }

  #try({ partition, writes }: WriteRequest): Sent {
    const { mark } = this.#partition(partition)
    const id = this.#options.context.random.id()
    return { partition, mark, entry: { kind: 'write', id, knownEnd: mark.position, writes } }
  }

  async #write(request: WriteRequest, begun?: Tried): Promise<Written> {
    const { partition, writes, signal } = request
    const { context } = this.#options
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const sent = attempt === 1 && begun !== undefined ? begun.sent : this.#try(request)
      let verdict: Answer
      try {
        const answer = begun?.sent === sent ? begun.answer : await this.#lane(partition).add(sent)
        if (answer instanceof AppendUnknown) throw answer
        verdict = answer
      } catch (error) {
        if (!(error instanceof AppendUnknown)) throw error
        const handle = handleOf(partition, sent.entry, sent.mark)
        const settling = this.#settle(handle, error)
        const settled = await (signal === undefined ? settling : orAbort(settling, signal, () => handle))
        if (settled.kind === 'void') continue
        if (settled.kind === 'refused') throw refusal(settled.code, writes)
        return { first: settled.first, stage: settled.stage }
      }
      if (verdict === FENCED) await this.#options.recover()
      else if (verdict.kind === 'applied') return { first: verdict.first, stage: 'visible' }
      else if (verdict.kind === 'refused') throw refusal(verdict.code, writes)
      else if (verdict.kind === 'needs-fill') throw new NeedsFill(verdict.missing)
      // Void by name, by age or by generation: a new entry, while the caller has had no answer.
      else await context.clock.turn()
    }
    throw new SpillwayError(
      'fenced',
      `The store kept changing under this write, which does not count; send it again.`,
    )
  }

  async control(partition: number, make: (id: EntryId) => ControlEntry): Promise<PlacedEntry> {
    const { fused, context, recover } = this.#options
    const one = this.#partition(partition)
    let failure: unknown
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      try {
        const sent = one.gate.through
        const call = fused.control(partition, one.identity, one.generation, make(context.random.id()))
        const result = await withDeadline(context.clock, context.settings.callMs, call)
        if (result.kind === 'written') {
          one.saw(result.seen, sent)
          one.lander.wake()
          return result.placed
        }
        await recover()
      } catch (error) {
        failure = error
        await context.clock.sleep(context.settings.retryBaseMs * attempt)
      }
    }
    throw new SpillwayError('unavailable', 'The store did not take a control entry; retry.', {
      cause: failure,
    })
  }

  async idle(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.idle()))
  }

  close(): void {
    for (const lane of this.#lanes) lane.close()
  }

  /** One call of the store, a batch for each partition that has something in it. */
  async #call(sent: readonly Sent[]): Promise<(Answer | Error)[]> {
    const { fused, context } = this.#options
    const groups: Group[] = []
    for (let place = 0; place < sent.length; place += 1) {
      const { partition, entry } = sent[place] as Sent
      let group = groups.find((each) => each.one.partition === partition)
      if (group === undefined) groups.push((group = new Group(this.#partition(partition))))
      group.places.push(place)
      group.entries.push(entry)
    }
    try {
      const calling = fused.write(groups.map((group) => group.batch()))
      const results = await withDeadline(context.clock, context.settings.callMs, calling)
      const answers: Answer[] = []
      for (let index = 0; index < groups.length; index += 1)
        groups[index]?.answer(results[index] as FusedWriteResult, answers)
      return answers
    } catch (error) {
      if (isSpillwayError(error, 'overloaded') || isSpillwayError(error, 'unavailable')) throw error
      for (const { one, entries } of groups)
        context.report({
          name: 'append-unknown',
          partition: one.partition,
          detail: `${entries.length} entries`,
          error,
        })
      throw new AppendUnknown('The write brought no answer', { cause: error })
    }
  }

  async #settle(handle: EntryHandle, cause: unknown): Promise<Settled> {
    const { context, settler } = this.#options
    const until = context.clock.monotonic() + context.settings.settleWaitMs
    for (;;) {
      try {
        const left = Math.max(1, until - context.clock.monotonic())
        return await withDeadline(context.clock, left, settler().settle(handle))
      } catch (error) {
        if (context.clock.monotonic() >= until) throw unknownOutcome(handle, cause ?? error)
        await context.clock.sleep(context.settings.retryBaseMs)
      }
    }
  }

  #lane(partition: number): Coalescer<Sent, Answer> {
    return this.#lanes[this.#options.fused.sharesCalls ? 0 : partition] as Coalescer<Sent, Answer>
  }

  #partition(partition: number): FusedPartitionRuntime {
    return this.#options.partitions[partition] as FusedPartitionRuntime
  }
}
