/**
 * A process of the simulated world: a clock, randomness, and a life that can end or stop at any event.
 *
 *   running ──pause──▶ paused (a zombie: what it waits for is delivered after the pause) ──▶ running
 *      └──────kill──▶ dead (nothing is delivered to it ever again: its promises stay open, its timers are silent)
 *
 * A dead process cannot do anything more, since code runs only when something is delivered to it. What it had
 * sent before may still arrive at a store: the wire does not know that the sender died.
 */
import type { Clock } from '../kit/clock.ts'
import type { Random } from '../kit/random.ts'
import { seededRandom } from '../kit/random.ts'
import type { World } from './world.ts'

/** Where the wall clocks of the simulation begin; any number would do. */
const EPOCH_MS = 1_700_000_000_000

export class SimProcess {
  readonly world: World
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  #alive = true
  #pausedUntil = 0
  #backlog: (() => void)[] = []
  /** The wall clock is wrong by this much, and may jump: it must never decide anything. */
  wallSkewMs: number

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
    this.random = seededRandom(world.random.integer(2 ** 32))
    this.wallSkewMs = world.between(-10_000, 10_000)
    this.clock = simClock(this)
  }

  get alive(): boolean {
    return this.#alive
  }

  get paused(): boolean {
    return this.#pausedUntil > this.world.now
  }

  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#backlog = []
    this.world.note(`${this.name} killed`)
  }

  pause(ms: number): void {
    if (!this.#alive || this.paused) return
    this.#pausedUntil = this.world.now + ms
    this.world.note(`${this.name} pauses ${ms.toFixed(0)} ms`)
    this.world.schedule(ms, () => this.#resume())
  }

  /** Runs `run` in this process: now, after its pause, or never. */
  deliver(run: () => void): void {
    if (!this.#alive) return
    if (this.paused || this.#backlog.length > 0) this.#backlog.push(run)
    else run()
  }

  /** As `deliver`, after `ms`. */
  deliverAfter(ms: number, run: () => void): void {
    this.world.schedule(ms, () => this.deliver(run))
  }

  /** What piled up is delivered in its order, each in an event of its own: the loop turns between them. */
  #resume(): void {
    if (!this.#alive) return
    const next = this.#backlog.shift()
    if (next === undefined) return
    next()
    this.world.schedule(0, () => this.#resume())
  }
}

function simClock(of: SimProcess): Clock {
  const { world } = of
  return {
    now: () => Math.floor(EPOCH_MS + world.now + of.wallSkewMs),
    monotonic: () => world.now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason as Error)
          return
        }
        const onAbort = (): void => {
          live = false
          reject(signal?.reason as Error)
        }
        let live = true
        signal?.addEventListener('abort', onAbort, { once: true })
        of.deliverAfter(ms, () => {
          signal?.removeEventListener('abort', onAbort)
          if (live) resolve()
        })
      }),
    after: (ms, run) => {
      let live = true
      of.deliverAfter(ms, () => {
        if (live) run()
      })
      return () => {
        live = false
      }
    },
    turn: () =>
      new Promise((resolve) => {
        of.deliverAfter(0, () => resolve())
      }),
  }
}
