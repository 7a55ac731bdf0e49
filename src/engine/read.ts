/**
 * Reads: served from the front, and from the database where the front does not know.
 *
 *   gate open? ─▶ front ─ held ─▶ answer
 *                   └ miss ─▶ one coalesced multi-get: rows and the partition's position from one snapshot
 *                               └▶ front.fill: taken only if floor ≤ position ≤ through ─▶ answer
 *                                     └ not taken: the front is behind the database (it catches up, dropping what
 *                                       the database has) or ahead of it by something released (landing catches up)
 *
 * That one comparison replaces every token and lease: it is exact for puts, deletes, absence and joined misses.
 * Bounds: every read ends within its time (default 5 s) with `catching-up`; fills wait in a bounded coalescer.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { Coalescer } from '../kit/coalescer.ts'
import type { RecordRef } from '../model/entry.ts'
import type { Position } from '../model/position.ts'
import type { DropUpTo, FrontReads, FrontSeen, Held } from '../ports/front.ts'
import { dropOf } from './apply.ts'
import { lastFailure } from './asked.ts'
import type { EngineContext } from './context.ts'
import type { Gate } from './gate.ts'

/** What reading needs of one partition; both shapes have it. */
export interface ReadPartition {
  readonly gate: Gate
  /** The gate is closed or stale: prove again that the front has the journal's end. Bounded in time. */
  confirm(): Promise<void>
  /** The front must be asked again where it stands. */
  distrust(): void
  dropUpTo(drop: DropUpTo): void
  reached(position: Position, signal: AbortSignal): Promise<void>
}

export interface ReadLimits {
  readonly timeoutMs: number
  readonly atLeast?: Position | undefined
  readonly signal?: AbortSignal | undefined
}

interface FillItem {
  readonly ref: RecordRef
  /** An answer is of no use unless the front keeps it. */
  readonly keep: boolean
}

/** A fill call brought rows that the front did not take. */
const NOT_TAKEN = Symbol('not taken')

export class Reader {
  readonly #context: EngineContext
  readonly #front: FrontReads
  readonly #partitions: readonly ReadPartition[]
  readonly #fills: readonly Coalescer<FillItem, Held | typeof NOT_TAKEN>[]

  constructor(context: EngineContext, front: FrontReads, partitions: readonly ReadPartition[]) {
    this.#context = context
    this.#front = front
    this.#partitions = partitions
    this.#fills = partitions.map(
      (_, partition) =>
        new Coalescer({
          name: `fills of partition ${partition}`,
          call: (items: FillItem[]) => this.#fill(partition, items),
          itemsMax: 500,
          waitingMax: 10_000,
          callsMax: 2,
        }),
    )
  }

  /** The records in order; version 0 = absent. Rejects with `catching-up` when they could not be had in time. */
  get(partition: number, refs: readonly RecordRef[], limits: ReadLimits): Promise<readonly Held[]> {
    const { gate } = this.#partitions[partition] as ReadPartition
    if (limits.atLeast === undefined && limits.signal === undefined && gate.open)
      return this.#quick(partition, refs, limits)
    return this.#patiently(limits, (attempt) => this.#slow(partition, refs, limits, attempt))
  }

  /** Makes the front hold keys until their conditional write is applied; rejects where they cannot be had. */
  async hold(partition: number, refs: readonly RecordRef[], limits: ReadLimits): Promise<void> {
    const { settings } = this.#context
    const held = await this.#hold(partition, refs, settings.holdMs)
    if (held) return
    await this.#patiently(limits, async (attempt) => {
      attempt.keep = true
      for (;;) {
        await this.#slow(partition, refs, {}, attempt)
        if (await this.#hold(partition, refs, settings.holdMs)) return
        await this.#pause(attempt.signal)
      }
    })
  }

  async #hold(partition: number, refs: readonly RecordRef[], forMs: number): Promise<boolean> {
    // A front that does not answer holds nothing; the read that follows says what is wrong.
    const answer = await this.#front.hold(partition, refs, forMs).catch(() => undefined)
    return answer !== undefined && isComplete(answer.held)
  }

  /** A hit, as nearly all reads are: one promise on top of the front's own, where each costs as much as the layer. */
  #quick(partition: number, refs: readonly RecordRef[], limits: ReadLimits): Promise<readonly Held[]> {
    const one = this.#partitions[partition] as ReadPartition
    const { through: sent, epoch } = one.gate
    const slowly = (failure?: unknown): Promise<readonly Held[]> =>
      this.#patiently(limits, (attempt) => {
        attempt.failure = failure
        return this.#slow(partition, refs, limits, attempt)
      })
    return this.#front.read(partition, refs).then(({ seen, held }) => {
      if (!mayServe(one, seen, sent, epoch) || !isComplete(held)) return slowly()
      return held
    }, slowly)
  }

  /** One call of the front; undefined when its answer must not be served. */
  async #look(
    partition: number,
    refs: readonly RecordRef[],
  ): Promise<{ held: readonly (Held | undefined)[]; seen: FrontSeen } | undefined> {
    const one = this.#partitions[partition] as ReadPartition
    const { through: sent, epoch } = one.gate
    const answer = await this.#front.read(partition, refs)
    return mayServe(one, answer.seen, sent, epoch) ? answer : undefined
  }

  async #slow(
    partition: number,
    refs: readonly RecordRef[],
    limits: Pick<ReadLimits, 'atLeast'>,
    attempt: Attempt,
  ): Promise<readonly Held[]> {
    const { signal } = attempt
    const one = this.#partitions[partition] as ReadPartition
    for (;;) {
      signal.throwIfAborted()
      if (!one.gate.open) await one.confirm().catch((error: unknown) => (attempt.failure = error))
      if (limits.atLeast !== undefined) await one.reached(limits.atLeast, signal)
      const done = await this.#try(partition, refs, limits, attempt)
      if (done !== undefined) return done
      await this.#pause(signal)
    }
  }

  async #try(
    partition: number,
    refs: readonly RecordRef[],
    limits: Pick<ReadLimits, 'atLeast'>,
    attempt: Attempt,
  ): Promise<readonly Held[] | undefined> {
    const one = this.#partitions[partition] as ReadPartition
    const { gate } = one
    const { epoch } = gate
    if (!gate.open) return undefined
    const answer = await this.#look(partition, refs).catch((error: unknown) => {
      gate.close()
      one.distrust()
      attempt.failure = error
      return undefined
    })
    if (answer === undefined || gate.epoch !== epoch) return undefined
    const through = answer.seen.mark?.position ?? 0
    if (limits.atLeast !== undefined && through < limits.atLeast) return undefined
    if (isComplete(answer.held)) return answer.held
    const filled = await Promise.all(
      answer.held.map(
        (held, index) =>
          held ??
          (this.#fills[partition] as Coalescer<FillItem, Held | typeof NOT_TAKEN>).add({
            ref: refs[index] as RecordRef,
            keep: attempt.keep,
          }),
      ),
    ).catch((error: unknown) => {
      if (attempt.keep && isSpillwayError(error, 'overloaded')) throw error
      attempt.failure = error
      return undefined
    })
    if (filled === undefined || gate.epoch !== epoch) return undefined
    return filled.every((held) => held !== NOT_TAKEN) ? (filled as Held[]) : undefined
  }

  async #fill(partition: number, items: readonly FillItem[]): Promise<(Held | typeof NOT_TAKEN | Error)[]> {
    const one = this.#partitions[partition] as ReadPartition
    const identity = one.gate.identity
    const refs = items.map((item) => item.ref)
    const read = await this.#context.database.read(partition, refs)
    if (identity === undefined) return items.map(() => NOT_TAKEN)
    const sent = one.gate.through
    const rows = refs.map((ref, index) => ({ ...ref, held: read.held[index] as Held }))
    const answer = await this.#front.fill(partition, identity, read.position, rows)
    if (!one.gate.admits(answer.seen, sent)) {
      one.distrust()
      return items.map(() => NOT_TAKEN)
    }
    const through = answer.seen.mark?.position ?? 0
    if (read.position > through) one.dropUpTo(dropOf(await this.#context.database.snapshot(partition)))
    return answer.held.map((held, index) => {
      const isLost = answer.noRoom === true && held === rows[index]?.held && (items[index] as FillItem).keep
      return isLost ? noRoom() : (held ?? NOT_TAKEN)
    })
  }

  #pause(signal: AbortSignal): Promise<void> {
    return this.#context.clock.sleep(this.#context.settings.retryBaseMs, signal)
  }

  async #patiently<T>(limits: ReadLimits, work: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { clock, settings } = this.#context
    const timeoutMs = Math.min(limits.timeoutMs, settings.waitMsMax)
    const controller = new AbortController()
    const attempt: Attempt = { signal: controller.signal, failure: undefined, keep: false }
    const cancel = clock.after(timeoutMs, () => controller.abort(lateError(timeoutMs, attempt.failure)))
    const onAbort = (): void => controller.abort(limits.signal?.reason)
    limits.signal?.addEventListener('abort', onAbort, { once: true })
    const aborted = new Promise<never>((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error), {
        once: true,
      })
    })
    aborted.catch(() => undefined)
    try {
      if (limits.signal?.aborted === true) onAbort()
      return await Promise.race([work(attempt), aborted])
    } finally {
      cancel()
      limits.signal?.removeEventListener('abort', onAbort)
      if (!controller.signal.aborted) controller.abort(lateError(timeoutMs, undefined))
    }
  }
}

/** One patient call: when to stop, and the last failure of a store, which explains being late. */
interface Attempt {
  readonly signal: AbortSignal
  failure: unknown
  /** What is read has to be in the front afterwards. */
  keep: boolean
}

function noRoom(): SpillwayError {
  return new SpillwayError(
    'overloaded',
    'The front has no room for what the condition needs; nothing has happened, retry when landing has made some.',
  )
}

function lateError(timeoutMs: number, failure: unknown): SpillwayError {
  if (failure !== undefined) {
    return new SpillwayError(
      'unavailable',
      `The stores did not answer within ${timeoutMs} ms; nothing has happened, retry. ${lastFailure(failure)}`,
      { cause: failure },
    )
  }
  return new SpillwayError('catching-up', `The front could not answer exactly within ${timeoutMs} ms; retry.`)
}

/** Whether an answer may be served to a call that was sent when the gate had seen `sent`, in that epoch. */
function mayServe(one: ReadPartition, seen: FrontSeen, sent: Position, epoch: number): boolean {
  if (one.gate.admits(seen, sent)) return one.gate.epoch === epoch
  one.distrust()
  return false
}

function isComplete(held: readonly (Held | undefined)[]): held is readonly Held[] {
  return held.every((one) => one !== undefined)
}
