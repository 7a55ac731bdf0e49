/**
 * The wire between a process and a store: where answers come late, twice never, or not at all.
 *
 *   call ──▶ on its way ──▶ effect ──▶ on its way back ──▶ answer
 *             │  lost: no effect, error      │ lost: effect, error
 *             │  refused: no effect, `unavailable`
 *             └─ late: the error comes first, the effect after it
 *
 * Every call ends some time (drivers have deadlines), and every error but `unavailable` and those that the store
 * itself throws means *unknown*. What the wire is like is the store's `Weather`, which faults change for a while.
 */
import { SpillwayError } from '../errors.ts'
import type { SimProcess } from './process.ts'
import type { Step, StepBoard } from './step-board.ts'

export interface Weather {
  latencyMs: readonly [number, number]
  /** Probabilities, each from 0 to 1. */
  slow: number
  lostReply: number
  lostRequest: number
  late: number
  refused: number
}

/** A bad day in the life of a wire, now and then, without any fault. */
export const FAIR: Weather = {
  latencyMs: [0.2, 2],
  slow: 0.01,
  lostReply: 0.002,
  lostRequest: 0.002,
  late: 0.002,
  refused: 0.002,
}
/** Late and lost appends are what settling is for: they come often enough to be seen in every run. */
export const FAIR_JOURNAL: Weather = { ...FAIR, lostReply: 0.01, late: 0.015 }
export const CALM: Weather = {
  latencyMs: [0.2, 2],
  slow: 0,
  lostReply: 0,
  lostRequest: 0,
  late: 0,
  refused: 0,
}
export const STORM: Weather = {
  latencyMs: [0.5, 40],
  slow: 0.1,
  lostReply: 0.15,
  lostRequest: 0.1,
  late: 0.1,
  refused: 0.1,
}
export const AWAY: Weather = {
  latencyMs: [0.5, 5],
  slow: 0,
  lostReply: 0,
  lostRequest: 0.3,
  late: 0,
  refused: 0.7,
}
export const CUT: Weather = {
  latencyMs: [0.5, 5],
  slow: 0,
  lostReply: 0,
  lostRequest: 0.1,
  late: 0,
  refused: 0.9,
}
export const SLOW: Weather = {
  latencyMs: [20, 600],
  slow: 0.3,
  lostReply: 0,
  lostRequest: 0,
  late: 0,
  refused: 0,
}

const SLOW_MS: readonly [number, number] = [50, 900]
/** How long a driver waits for an answer before it calls the outcome unknown. */
const DRIVER_DEADLINE_MS: readonly [number, number] = [100, 1_500]
const LATE_MS: readonly [number, number] = [1, 2_000]

export interface LinkOptions {
  readonly process: SimProcess
  readonly store: string
  readonly weather: () => Weather
  readonly board: StepBoard
  /** Calls of one link take effect in the order in which they were made. */
  readonly ordered?: boolean
  /** The store's thread dies with its caller: what had not arrived never does, nothing comes after its error. */
  readonly sameHost?: boolean
}

export class Link {
  readonly #process: SimProcess
  readonly #store: string
  readonly #weather: () => Weather
  readonly #board: StepBoard
  readonly #ordered: boolean
  readonly #sameHost: boolean
  #lastArrival = 0

  constructor(options: LinkOptions) {
    this.#process = options.process
    this.#store = options.store
    this.#weather = options.weather
    this.#board = options.board
    this.#ordered = options.ordered ?? false
    this.#sameHost = options.sameHost ?? false
  }

  /** Makes a call whose effect on the store is `effect`; what it returns or throws is the answer. */
  call<T>(verb: string, step: Step, effect: () => T): Promise<T> {
    const process = this.#process
    const { world } = process
    const weather = this.#weather()
    const name = `${process.name} ${this.#store}.${verb}`
    const flight = this.#board.depart(step, process)
    return new Promise<T>((resolve, reject) => {
      const answer = (ms: number, settle: () => void): void => {
        world.schedule(ms, () =>
          process.deliver(() => {
            this.#board.arrive(flight)
            settle()
          }),
        )
      }
      const unknown = (): void => reject(unknownError(name))
      const travel = (): number =>
        world.between(...weather.latencyMs) +
        (weather.slow > 0 && world.chance(weather.slow) ? world.between(...SLOW_MS) : 0)
      const reach = (ms: number, run: () => void): void => {
        let at = world.now + ms
        if (this.#ordered) {
          at = Math.max(at, this.#lastArrival)
          this.#lastArrival = at
        }
        world.schedule(at - world.now, run)
      }
      const fate = world.random.float()
      let edge = weather.refused
      if (fate < edge) {
        world.note(`${name} refused`)
        answer(travel(), () =>
          reject(new SpillwayError('unavailable', `The simulated ${this.#store} does not answer.`)),
        )
        return
      }
      edge += weather.lostRequest
      if (fate < edge) {
        world.note(`${name} lost request`)
        answer(world.between(...DRIVER_DEADLINE_MS), unknown)
        return
      }
      edge += weather.late
      if (fate < edge && !this.#sameHost) {
        const errorMs = world.between(...DRIVER_DEADLINE_MS)
        world.note(`${name} late`)
        answer(errorMs, unknown)
        reach(errorMs + world.between(...LATE_MS), () => {
          world.note(`${name} takes effect late`)
          attempt(effect)
        })
        return
      }
      edge += weather.lostReply
      const replyLost = fate < edge
      reach(travel(), () => {
        // A request of a process that died meanwhile may have stayed in its own buffers.
        if (!process.alive && (this.#sameHost || world.chance(0.3))) {
          world.note(`${name} died with its process`)
          return
        }
        const outcome = attempt(effect)
        world.note(
          `${name} ${outcome.ok ? 'ok' : outcome.error instanceof SpillwayError ? outcome.error.code : 'threw'}${replyLost ? ', reply lost' : ''}`,
        )
        this.#board.takeEffect(flight)
        if (replyLost) answer(world.between(...DRIVER_DEADLINE_MS), unknown)
        else answer(travel(), () => (outcome.ok ? resolve(outcome.value) : reject(outcome.error as Error)))
      })
    })
  }
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }

function attempt<T>(effect: () => T): Attempt<T> {
  try {
    return { ok: true, value: effect() }
  } catch (error) {
    return { ok: false, error }
  }
}

function unknownError(name: string): Error {
  return new Error(`${name}: the connection broke before the answer (simulated)`)
}
