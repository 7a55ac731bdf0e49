/**
 * The simulated world: one thread, virtual time, and an order of events that only the seed decides.
 *
 *   queue of (time, number, what) ──▶ take the earliest ──▶ now = its time ──▶ run it
 *            ▲                                                                  │
 *            └────── code under test sets timers and makes calls ◀── drain ◀────┘
 *
 * *Drain* means that every promise that the event settled has had all its consequences before the next event is
 * taken. So the only places where anything can interleave are the events themselves: a crash between two of them
 * is a crash at an `await`, and the same seed gives the same trace, which is a hash over all events in order.
 *
 * Time costs nothing: an hour of waiting is one step. A run ends when its condition holds, or when the bound on
 * events or on time is met, which is then an error: it means that something waits for ever or spins.
 */
import { systemClock } from '../kit/clock.ts'
import { SpillwayError } from '../errors.ts'
import type { Random } from '../kit/random.ts'
import { seededRandom } from '../kit/random.ts'

interface SimEvent {
  readonly at: number
  readonly number: number
  readonly run: () => void
}

export interface WorldOptions {
  readonly seed: number
  /** Events after which a run is given up; default 1,000,000. */
  readonly eventsMax?: number
  /** Lines of the trace that are kept for a failure's report; default 60. */
  readonly tailLines?: number
}

/** Turns of events after which the real event loop gets a turn, so that signals and messages are seen. */
const REAL_TURN_EVENTS = 4_096

export class World {
  readonly seed: number
  readonly random: Random
  /** Virtual milliseconds since the start of the run. */
  now = 0
  /** Events taken so far. */
  events = 0
  readonly #eventsMax: number
  readonly #heap: SimEvent[] = []
  readonly #tail: string[] = []
  readonly #tailLines: number
  #number = 0
  #hashLow = 0x811c9dc5
  #hashHigh = 0x01000193

  constructor(options: WorldOptions) {
    this.seed = options.seed
    this.random = seededRandom(options.seed)
    this.#eventsMax = options.eventsMax ?? 1_000_000
    this.#tailLines = options.tailLines ?? 60
  }

  /** Runs `run` after `ms` of virtual time; events of the same time run in the order of their scheduling. */
  schedule(ms: number, run: () => void): void {
    push(this.#heap, { at: this.now + Math.max(0, ms), number: this.#number, run })
    this.#number += 1
  }

  /** One line of the trace: part of the hash that tells whether two runs were the same. */
  note(line: string): void {
    const whole = `${this.now.toFixed(3)} ${line}`
    for (let at = 0; at < whole.length; at += 1) {
      const code = whole.charCodeAt(at)
      this.#hashLow = Math.imul(this.#hashLow ^ code, 0x01000193)
      this.#hashHigh = Math.imul(this.#hashHigh ^ code, 0x85ebca6b) ^ (this.#hashLow >>> 15)
    }
    this.#tail.push(whole)
    if (this.#tail.length > this.#tailLines * 2) this.#tail.splice(0, this.#tail.length - this.#tailLines)
  }

  /** Hash over all lines so far. */
  get trace(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
    return hex(this.#hashHigh) + hex(this.#hashLow)
  }

  /** The last lines. */
  get tail(): readonly string[] {
    return this.#tail.slice(-this.#tailLines)
  }

  /** Events that are still to come. */
  get pending(): number {
    return this.#heap.length
  }

  /** Takes events until `done` holds. Rejects when the queue runs dry or a bound is met before that. */
  async run(done: () => boolean, untilMs = Number.POSITIVE_INFINITY): Promise<'done' | 'late'> {
    await systemClock.turn()
    for (;;) {
      if (done()) return 'done'
      const event = this.#heap[0]
      if (event === undefined)
        throw new SpillwayError('internal', 'The simulated world has nothing left to do, and is not done.')
      if (event.at > untilMs) {
        this.now = untilMs
        return 'late'
      }
      pop(this.#heap)
      this.events += 1
      if (this.events > this.#eventsMax) {
        throw new SpillwayError(
          'internal',
          `The simulated world took ${this.#eventsMax} events and is not done: something spins.`,
        )
      }
      this.now = event.at
      event.run()
      if (this.events % REAL_TURN_EVENTS === 0) await systemClock.turn()
      else await drained()
    }
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.random.float() < probability
  }

  /** One of these, evenly. */
  pick<T>(from: readonly T[]): T {
    return from[this.random.integer(from.length)] as T
  }

  /** Evenly from `low` to below `high`. */
  between(low: number, high: number): number {
    return low + this.random.float() * (high - low)
  }
}

/**
 * Resolves when no microtask is left: Node and Bun run a tick that a microtask asked for only after the queue of
 * microtasks is empty. Costs 1 µs, where a turn of the event loop costs 5.
 */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve)
  })
}

function before(a: SimEvent, b: SimEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number)
}

function push(heap: SimEvent[], event: SimEvent): void {
  let at = heap.length
  heap.push(event)
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent] as SimEvent
    if (!before(event, above)) break
    heap[at] = above
    at = parent
  }
  heap[at] = event
}

function pop(heap: SimEvent[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1] as SimEvent, heap[child] as SimEvent)) child += 1
    const below = heap[child] as SimEvent
    if (!before(below, last)) break
    heap[at] = below
    at = child
  }
  heap[at] = last
}
