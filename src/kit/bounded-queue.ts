/**
 * A first-in, first-out queue that says no when it is full: the bound between who makes work and the one loop that
 * does it. The ring grows by doubling up to the bound, so an idle queue is small.
 *
 * Bounds: `itemsMax` items and `weightMax` weight (usually bytes). `push` gives false beyond; what to answer then is
 * the caller's decision. An item that alone is heavier than `weightMax` fits into an empty queue, or it would wait
 * for ever.
 */
import { invariant } from '../errors.ts'
import { deferred } from './deferred.ts'
import type { Deferred } from './deferred.ts'

export interface BoundedQueueOptions<T> {
  readonly itemsMax: number
  /** Default: no such bound. */
  readonly weightMax?: number
  /** Must give the same for the same item as long as it is in the queue. Default: 0. */
  weigh?(item: T): number
}

export class BoundedQueue<T> {
  readonly #itemsMax: number
  readonly #weightMax: number
  readonly #weigh: (item: T) => number
  #ring: (T | undefined)[] = Array.from({ length: 16 })
  #head = 0
  #length = 0
  #weight = 0
  #closed = false
  /** The consumer that found nothing; one at most. */
  #taker: Deferred<void> | undefined

  constructor(options: BoundedQueueOptions<T>) {
    invariant(options.itemsMax >= 1, `A queue of at most ${options.itemsMax} items holds nothing`)
    this.#itemsMax = options.itemsMax
    this.#weightMax = options.weightMax ?? Number.POSITIVE_INFINITY
    this.#weigh = (item) => options.weigh?.(item) ?? 0
  }

  get length(): number {
    return this.#length
  }

  get weight(): number {
    return this.#weight
  }

  get closed(): boolean {
    return this.#closed
  }

  /** False when a bound is reached or the queue is closed: the item is not in it. */
  push(item: T): boolean {
    const weight = this.#weigh(item)
    if (this.#closed || this.#length >= this.#itemsMax) return false
    if (this.#length > 0 && this.#weight + weight > this.#weightMax) return false
    if (this.#length === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = item
    this.#length += 1
    this.#weight += weight
    this.#wakeTaker()
    return true
  }

  /** The oldest item, or undefined when there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#ring[this.#head] as T
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length -= 1
    this.#weight -= this.#weigh(item)
    return item
  }

  /**
   * The oldest items, at least one and at most `max`, as soon as there are any; none only when the queue is closed and
   * empty. For one consumer: a second one that waits is a defect.
   */
  async take(max: number): Promise<T[]> {
    invariant(max >= 1, `Taking ${max} items from a queue would wait for ever`)
    while (this.#length === 0 && !this.#closed) {
      invariant(this.#taker === undefined, 'Two consumers wait for one queue')
      this.#taker = deferred()
      await this.#taker.promise
    }
    const items: T[] = []
    while (items.length < max && this.#length > 0) items.push(this.shift() as T)
    return items
  }

  /** Nothing more goes in; what is there can still be taken. */
  close(): void {
    this.#closed = true
    this.#wakeTaker()
  }

  #wakeTaker(): void {
    this.#taker?.resolve()
    this.#taker = undefined
  }

  #grow(): void {
    const size = this.#ring.length
    const ring: (T | undefined)[] = Array.from({ length: size * 2 })
    for (let index = 0; index < this.#length; index += 1)
      ring[index] = this.#ring[(this.#head + index) & (size - 1)]
    this.#ring = ring
    this.#head = 0
  }
}
