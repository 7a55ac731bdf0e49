/**
 * Waiting until a rising number has reached a value: `atLeast`, `landed`, a front that has to reach a position.
 *
 * The waiters stand in a binary heap by (target, order of arrival), so an advance touches only those that it
 * releases, and they are released in that order, which makes it deterministic. Each waiter knows its place in the
 * heap: one that is aborted leaves at once and does not lie there until its number comes, which may be never.
 *
 * Bound: `waitersMax`; beyond it `wait` rejects with `overloaded`. Cost: O(log n) for each wait and each release, and
 * one comparison for an advance that releases nobody. Measured: 10,000 waiters come and go
 * in 5 to 10 ms on Node 24 and Bun 1.4, promises included.
 */
import { SpillwayError } from '../errors.ts'

interface Waiter {
  readonly target: number
  readonly sequence: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  /** Index in the heap. */
  place: number
  /** Takes its listener from the signal that it was given, if any. */
  forget: (() => void) | undefined
}

export interface PositionWaitersOptions {
  /** What is waited for, for people: it is in the detail of a refusal. */
  readonly name: string
  /** Waiters at once, at most. */
  readonly waitersMax: number
  /** Where the number stands at first; default 0. */
  readonly reached?: number
}

function before(a: Waiter, b: Waiter): boolean {
  return a.target < b.target || (a.target === b.target && a.sequence < b.sequence)
}

export class PositionWaiters {
  readonly #name: string
  readonly #waitersMax: number
  readonly #heap: Waiter[] = []
  #reached: number
  #sequence = 0
  #closedWith: Error | undefined

  constructor(options: PositionWaitersOptions) {
    this.#name = options.name
    this.#waitersMax = options.waitersMax
    this.#reached = options.reached ?? 0
  }

  /** The highest number that `advance` was given (or what `retreat` set). */
  get reached(): number {
    return this.#reached
  }

  get waiting(): number {
    return this.#heap.length
  }

  /** Resolves once the number is at least `target`; rejects with the signal's reason, or as `fail` and `close` say. */
  wait(target: number, signal?: AbortSignal): Promise<void> {
    if (this.#closedWith !== undefined) return Promise.reject(this.#closedWith)
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    if (target <= this.#reached) return Promise.resolve()
    if (this.#heap.length >= this.#waitersMax) return Promise.reject(this.#overloaded())
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        target,
        sequence: this.#sequence,
        resolve,
        reject,
        place: this.#heap.length,
        forget: undefined,
      }
      this.#sequence += 1
      this.#heap.push(waiter)
      this.#rise(waiter)
      if (signal !== undefined) this.#leaveOnAbort(waiter, signal)
    })
  }

  /** The number is `to` now: releases, in order, all who wait for it or less. A number already passed does nothing. */
  advance(to: number): void {
    if (to <= this.#reached) return
    this.#reached = to
    for (let first = this.#heap[0]; first !== undefined && first.target <= to; first = this.#heap[0]) {
      this.#remove(first)
      first.forget?.()
      first.resolve()
    }
  }

  /** What is followed went back (a store was restored): later waits count from `to`. Nobody is released. */
  retreat(to: number): void {
    this.#reached = Math.min(this.#reached, to)
  }

  /** Rejects all who wait now; who comes later waits as usual. */
  fail(error: Error): void {
    const waiters = this.#heap.splice(0).sort((a, b) => (before(a, b) ? -1 : 1))
    for (const waiter of waiters) {
      waiter.forget?.()
      waiter.reject(error)
    }
  }

  /** Rejects all who wait and all who come. A second close does nothing. */
  close(error?: Error): void {
    if (this.#closedWith !== undefined) return
    this.#closedWith =
      error ?? new SpillwayError('closed', `Nothing waits for ${this.#name} any more: it is closed.`)
    this.fail(this.#closedWith)
  }

  #leaveOnAbort(waiter: Waiter, signal: AbortSignal): void {
    const onAbort = (): void => {
      this.#remove(waiter)
      waiter.reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    waiter.forget = () => signal.removeEventListener('abort', onAbort)
  }

  #remove(waiter: Waiter): void {
    const last = this.#heap.pop() as Waiter
    if (last === waiter) return
    this.#put(last, waiter.place)
    this.#rise(last)
    this.#sink(last)
  }

  #put(waiter: Waiter, place: number): void {
    this.#heap[place] = waiter
    waiter.place = place
  }

  #rise(waiter: Waiter): void {
    while (waiter.place > 0) {
      const parentPlace = (waiter.place - 1) >> 1
      const parent = this.#heap[parentPlace] as Waiter
      if (before(parent, waiter)) return
      this.#put(parent, waiter.place)
      this.#put(waiter, parentPlace)
    }
  }

  #sink(waiter: Waiter): void {
    for (;;) {
      const leftPlace = 2 * waiter.place + 1
      const left = this.#heap[leftPlace]
      const right = this.#heap[leftPlace + 1]
      if (left === undefined) return
      const child = right !== undefined && before(right, left) ? right : left
      if (before(waiter, child)) return
      const childPlace = child.place
      this.#put(child, waiter.place)
      this.#put(waiter, childPlace)
    }
  }

  #overloaded(): SpillwayError {
    const detail = `${this.#name} has ${this.#waitersMax} waiters, its bound waitersMax: nothing has happened, come back later.`
    return new SpillwayError('overloaded', detail)
  }
}
