/**
 * Which step of the engine is in flight, for the table *fault × step*: a fault proves something about a step only
 * if it struck while that step was under way.
 *
 * A step is told by the call that a store sees. Faults can lie in wait for a step: `ambush` strikes as soon as a
 * call of that step is on its way, or has just taken effect, so that the rare steps are not left to luck.
 */
import type { SimProcess } from './process.ts'
import type { World } from './world.ts'

export const STEPS = [
  'admit',
  'append',
  'apply',
  'fill',
  'read',
  'land',
  'trim',
  'recover',
  'settle',
  'gate',
] as const
export type Step = (typeof STEPS)[number]

export interface Flight {
  readonly step: Step
  readonly process: SimProcess
}

interface Ambush {
  readonly step: Step
  readonly phase: 'departed' | 'effective'
  readonly strike: (flight: Flight) => void
}

export class StepBoard {
  readonly #world: World
  readonly #flights = new Set<Flight>()
  readonly #ambushes: Ambush[] = []
  /** `fault × step` → how often. */
  readonly cells = new Map<string, number>()
  /** Faults that struck. */
  strikes = 0

  constructor(world: World) {
    this.#world = world
  }

  depart(step: Step, process: SimProcess): Flight {
    const flight: Flight = { step, process }
    this.#flights.add(flight)
    this.#spring(flight, 'departed')
    return flight
  }

  takeEffect(flight: Flight): void {
    this.#spring(flight, 'effective')
  }

  arrive(flight: Flight): void {
    this.#flights.delete(flight)
  }

  /** Strikes once, when a call of `step` comes to `phase`. The answer gives it up: true if it had not struck. */
  ambush(step: Step, phase: Ambush['phase'], strike: Ambush['strike']): () => boolean {
    const ambush: Ambush = { step, phase, strike }
    this.#ambushes.push(ambush)
    return () => {
      const at = this.#ambushes.indexOf(ambush)
      if (at >= 0) this.#ambushes.splice(at, 1)
      return at >= 0
    }
  }

  /** Faults that still lie in wait go home. */
  disarm(): void {
    this.#ambushes.length = 0
  }

  /** Counts what is in flight now under this fault. */
  record(fault: string): void {
    this.strikes += 1
    const steps = new Set<Step>()
    for (const flight of this.#flights) {
      if (flight.process.alive) steps.add(flight.step)
      else this.#flights.delete(flight)
    }
    for (const step of steps) {
      const cell = `${fault} × ${step}`
      this.cells.set(cell, (this.cells.get(cell) ?? 0) + 1)
    }
  }

  #spring(flight: Flight, phase: Ambush['phase']): void {
    for (let at = 0; at < this.#ambushes.length; at += 1) {
      const ambush = this.#ambushes[at] as Ambush
      if (ambush.step !== flight.step || ambush.phase !== phase) continue
      this.#ambushes.splice(at, 1)
      // In an event of its own: the call that sprang it is still inside its caller.
      this.#world.schedule(0, () => ambush.strike(flight))
      return
    }
  }
}
