/**
 * What arrives while a call is out is folded into the next one.
 *
 *     add a ─┐                      ┌─ a, its own outcome
 *     add b ─┼─▶ call([a, b]) ──────┴─ b, its own outcome
 *     add c ─┐        │ out        ╲
 *     add d ─┼─ wait ─┘             ▶ call([c, d, e]) ─▶ …
 *     add e ─┘
 *
 * This is why Spillway is fast: an fsync, a round trip or a commit costs nearly the same for one item as for a
 * hundred, so under load every call carries many, and with no load an item waits for nobody. There is no timer and
 * no target size: the pace is set by the calls themselves, and the size of a batch follows the load.
 *
 * Promises: calls begin in the order of `add`, and items of one call are in that order. Each caller gets its own
 * outcome, and a bad item never fails its neighbours: an `Error` in the results fails only its item. Only a call
 * that throws fails all its items, because then nobody knows which. Nothing is ever sent twice.
 *
 * Bounds: `itemsMax` and `weightMax` per call (an item that is heavier alone goes alone), `callsMax` calls out at
 * once, `waitingMax` items and `waitingWeightMax` weight not yet sent; beyond those `add` rejects with `overloaded`,
 * naming the bound, and nothing has happened.
 *
 * When does a call begin? One microtask after the first item: all that is added in the same synchronous step shares
 * the call, and so do callers who add again when their result arrives. `gather: () => clock.turn()` waits for the end
 * of the turn of the event loop instead, so that requests which came in by different sockets meet.
 *
 * Measured (Node 24.21 and Bun 1.4.5, 2 shared cores). Own cost: 40-60 ns per item on top of the 130-200 ns of any
 * promise. In-process callers, a call of 150 us + 3 us per item: microtask and turn are within 5 % of each other at
 * 32, 256 and 1,024 in flight (batches of 32, 256, 500-1,000), so the simpler one is the default. Requests from 16 to
 * 256 sockets, a call of 200 us + 3 us per item: a turn puts 30-60 % more items in each call and is not slower with
 * one socket. Two calls out at once make batches of a tenth: worth it only where the store itself works in parallel.
 *
 * Or where caller and store take turns: with one call out, this thread idles while the store works, and the store
 * while this thread handles the outcomes. `besideMin` keeps two calls out, each of at least so many items, and cuts a
 * batch of twice that in half when none is out; fewer items go in one call at a time, as without it.
 *
 *     one call   this thread ▆▆▆▆────▆▆▆▆────       besideMin   ▆▆▆▆▆▆▆▆▆▆
 *                the store   ────▆▆▆▆────▆▆▆▆                   ──▆▆▆▆▆▆▆▆
 */
import { SpillwayError, invariant } from '../errors.ts'
import { deferred } from './deferred.ts'
import type { Deferred } from './deferred.ts'

export interface CoalescerOptions<I, O> {
  /** What is called, for people: it is in the detail of every refusal. */
  readonly name: string
  /**
   * The call: results in the order of the items. An `Error` in the array fails only that item; a throw fails all
   * items of this call. It bounds its own time: the coalescer waits for as long as the call is out.
   */
  call(items: I[]): Promise<readonly (O | Error)[]>
  /** Items of one call, at most. */
  readonly itemsMax: number
  /** Sum of `weigh(item)` of one call, at most, unless one item alone is heavier; default: no such bound. */
  readonly weightMax?: number
  /** The weight of an item, usually its bytes; must not throw. Default: 0. */
  weigh?(item: I): number
  /** Items that wait for a call, at most. */
  readonly waitingMax: number
  /** Weight that waits for a call, at most, unless one item waits alone; default: no such bound. */
  readonly waitingWeightMax?: number
  /** Calls out at once, at most; default 1. Above 1 they may end in any order. */
  readonly callsMax?: number
  /**
   * Items that a second call must have to go out beside the first one (see the header). With it `callsMax` is 2, and
   * the store must take calls in the order in which they were made.
   */
  readonly besideMin?: number
  /** Resolves when a call may begin; default: one microtask. */
  gather?(): Promise<void>
}

/** Who learns what became of an item, in place of a promise. Exactly one of them is called, once; it must not throw. */
export interface Outcome<O> {
  done(value: O): void
  failed(error: unknown): void
}

/** Items that will go in one call, with who learns of each. */
class Batch<I, O> {
  readonly items: I[] = []
  readonly outcomes: Outcome<O>[] = []
  weight = 0
}

export class Coalescer<I, O> {
  readonly #name: string
  readonly #call: (items: I[]) => Promise<readonly (O | Error)[]>
  readonly #weigh: ((item: I) => number) | undefined
  readonly #gather: (() => Promise<void>) | undefined
  readonly #itemsMax: number
  readonly #weightMax: number
  readonly #waitingMax: number
  readonly #waitingWeightMax: number
  readonly #callsMax: number
  readonly #besideMin: number
  readonly #begin = (): void => this.#beginCalls()
  /** Batches that are not out, oldest first; only the last may still take items. */
  readonly #batches: Batch<I, O>[] = []
  #last: Batch<I, O> | undefined
  #waiting = 0
  #waitingWeight = 0
  #inFlight = 0
  #calls = 0
  #beginning = false
  #closedWith: Error | undefined
  #idle: Deferred<void> | undefined

  constructor(options: CoalescerOptions<I, O>) {
    this.#name = options.name
    this.#call = (items) => options.call(items)
    this.#weigh = options.weigh && ((item) => options.weigh?.(item) ?? 0)
    this.#gather = options.gather && (() => options.gather?.() ?? Promise.resolve())
    this.#itemsMax = options.itemsMax
    this.#weightMax = options.weightMax ?? Number.POSITIVE_INFINITY
    this.#waitingMax = options.waitingMax
    this.#waitingWeightMax = options.waitingWeightMax ?? Number.POSITIVE_INFINITY
    this.#callsMax = options.callsMax ?? (options.besideMin === undefined ? 1 : 2)
    this.#besideMin = options.besideMin ?? 0
    for (const bound of [
      this.#itemsMax,
      this.#weightMax,
      this.#waitingMax,
      this.#waitingWeightMax,
      this.#callsMax,
    ]) {
      invariant(bound >= 1, `A bound of the coalescer ${this.#name} is ${bound}, and must be at least 1`)
    }
  }

  /** Items that were added and are not in a call yet. */
  get waiting(): number {
    return this.#waiting
  }

  /** Sum of the weights of the waiting items. */
  get waitingWeight(): number {
    return this.#waitingWeight
  }

  /** Items that are in a call and have no outcome yet. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Puts the item into the next call; its own outcome. Rejects with `overloaded` at a bound, `closed` after `close`. */
  add(item: I): Promise<O> {
    return new Promise<O>((done, failed) => this.hand(item, { done, failed }))
  }

  /** As `add`, for callers who have something to tell the outcome to: a promise less for each item. */
  hand(item: I, outcome: Outcome<O>): void {
    if (this.#closedWith !== undefined) return outcome.failed(this.#closedWith)
    const weight = this.#weigh === undefined ? 0 : this.#weigh(item)
    if (this.#waiting >= this.#waitingMax) {
      return outcome.failed(this.#overloaded('waitingMax', `${this.#waitingMax} items`))
    }
    if (this.#waitingWeight + weight > this.#waitingWeightMax && this.#waiting > 0) {
      return outcome.failed(this.#overloaded('waitingWeightMax', `a weight of ${this.#waitingWeightMax}`))
    }
    let batch = this.#last
    if (
      batch === undefined ||
      batch.items.length >= this.#itemsMax ||
      batch.weight + weight > this.#weightMax
    ) {
      batch = new Batch()
      this.#batches.push(batch)
      this.#last = batch
    }
    batch.items.push(item)
    batch.outcomes.push(outcome)
    batch.weight += weight
    this.#waiting += 1
    this.#waitingWeight += weight
    if (!this.#beginning && this.#calls < this.#callsMax && this.#mayGo(batch)) this.#beginSoon()
  }

  /** Resolves when no item waits and none is in a call. */
  idle(): Promise<void> {
    if (this.#waiting === 0 && this.#calls === 0) return Promise.resolve()
    this.#idle ??= deferred()
    return this.#idle.promise
  }

  /** Rejects what waits and what comes; calls that are out still bring their outcomes. A second close does nothing. */
  close(error?: Error): void {
    if (this.#closedWith !== undefined) return
    const reason = error ?? new SpillwayError('closed', `${this.#name} is closed: nothing has happened.`)
    this.#closedWith = reason
    for (const batch of this.#batches.splice(0)) for (const outcome of batch.outcomes) outcome.failed(reason)
    this.#last = undefined
    this.#waiting = 0
    this.#waitingWeight = 0
    this.#noteIdle()
  }

  #beginSoon(): void {
    this.#beginning = true
    if (this.#gather === undefined) queueMicrotask(this.#begin)
    else this.#gather().then(this.#begin, this.#begin)
  }

  #beginCalls(): void {
    this.#beginning = false
    while (this.#calls < this.#callsMax) {
      const batch = this.#batches[0]
      if (batch === undefined || !this.#mayGo(batch)) return
      this.#batches.shift()
      if (this.#last === batch) this.#last = undefined
      if (this.#besideMin > 0 && this.#calls === 0 && batch.items.length >= 2 * this.#besideMin)
        this.#halve(batch)
      this.#send(batch)
    }
  }

  /** Beside another call only what is worth a call of its own. */
  #mayGo(batch: Batch<I, O>): boolean {
    return this.#calls === 0 || this.#besideMin === 0 || batch.items.length >= this.#besideMin
  }

  /** The second half becomes the batch that goes next. */
  #halve(batch: Batch<I, O>): void {
    const half = batch.items.length >> 1
    const rest = new Batch<I, O>()
    rest.items.push(...batch.items.splice(half))
    rest.outcomes.push(...batch.outcomes.splice(half))
    for (const item of rest.items) rest.weight += this.#weigh === undefined ? 0 : this.#weigh(item)
    batch.weight -= rest.weight
    this.#batches.unshift(rest)
  }

  #send(batch: Batch<I, O>): void {
    const count = batch.items.length
    this.#waiting -= count
    this.#waitingWeight -= batch.weight
    this.#inFlight += count
    this.#calls += 1
    let outcome: Promise<readonly (O | Error)[]>
    try {
      outcome = this.#call(batch.items)
    } catch (error) {
      outcome = Promise.reject(error)
    }
    outcome.then(
      (results) => {
        this.#end(count)
        this.#settle(batch, results)
        this.#next()
      },
      (error: unknown) => {
        this.#end(count)
        for (const each of batch.outcomes) each.failed(error)
        this.#next()
      },
    )
  }

  #settle(batch: Batch<I, O>, results: readonly (O | Error)[]): void {
    const { outcomes } = batch
    // A call that is wrong about its type must not leave its callers waiting for ever either.
    const count = Array.isArray(results) ? results.length : 'no'
    if (count !== outcomes.length) {
      const detail = `${this.#name} gave ${count} results for ${outcomes.length} items`
      const error = new SpillwayError(
        'internal',
        `${detail}. This is a defect of Spillway: please report it.`,
      )
      for (const outcome of outcomes) outcome.failed(error)
      return
    }
    for (let index = 0; index < outcomes.length; index += 1) {
      const result = results[index] as O | Error
      if (result instanceof Error) outcomes[index]?.failed(result)
      else outcomes[index]?.done(result)
    }
  }

  /** One call less: before its outcomes are given, so that `waiting` and `inFlight` are true for the callers. */
  #end(count: number): void {
    this.#inFlight -= count
    this.#calls -= 1
  }

  /** What follows a call: after its outcomes are given, so that callers who add again at once are in the next one. */
  #next(): void {
    const batch = this.#batches[0]
    if (batch === undefined) this.#noteIdle()
    else if (!this.#beginning && this.#mayGo(batch)) this.#beginSoon()
  }

  #noteIdle(): void {
    if (this.#idle === undefined || this.#waiting > 0 || this.#calls > 0) return
    this.#idle.resolve()
    this.#idle = undefined
  }

  #overloaded(bound: string, value: string): SpillwayError {
    const detail = `${this.#name} has ${value} waiting, its bound ${bound}: nothing has happened, send it again later.`
    return new SpillwayError('overloaded', detail)
  }
}
