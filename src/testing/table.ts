/**
 * The table *fault × step*: in how many runs a fault struck while a step of the engine was in flight. A cell that
 * stays empty although it could be filled means that the simulator proves nothing about it.
 */
import { faultsOf } from './faults.ts'
import type { FaultName, Shape } from './faults.ts'
import { STEPS } from './step-board.ts'
import type { Step } from './step-board.ts'

/** Steps that a shape does not have, with the reason. */
const NO_STEP: Record<Shape, Partial<Record<Step, string>>> = {
  embedded: {
    admit: 'the front is the own memory: a hold is no call',
    apply: 'the front is the own memory: an apply is no call',
    fill: 'the front is the own memory: a fill is no call',
  },
  fused: { apply: 'judged, appended and applied by one call' },
  separate: {},
}

export function isPossible(shape: Shape, _fault: FaultName, step: Step): boolean {
  return NO_STEP[shape][step] === undefined
}

export class FaultTable {
  readonly shape: Shape
  readonly #cells = new Map<string, number>()

  constructor(shape: Shape) {
    this.shape = shape
  }

  add(cells: Iterable<readonly [string, number]>): void {
    for (const [cell, count] of cells) this.#cells.set(cell, (this.#cells.get(cell) ?? 0) + count)
  }

  empty(): string[] {
    return faultsOf(this.shape).flatMap((fault) =>
      STEPS.filter(
        (step) => isPossible(this.shape, fault, step) && !this.#cells.has(`${fault} × ${step}`),
      ).map((step) => `${fault} × ${step}`),
    )
  }

  format(): string {
    const head = [`${this.shape}`.padEnd(16), ...STEPS.map((step) => step.padStart(8))].join('')
    const rows = faultsOf(this.shape).map((fault) => {
      const cells = STEPS.map((step) => {
        const count = this.#cells.get(`${fault} × ${step}`)
        return (
          count === undefined ? (isPossible(this.shape, fault, step) ? 'EMPTY' : '-') : String(count)
        ).padStart(8)
      })
      return [fault.padEnd(16), ...cells].join('')
    })
    return [head, ...rows].join('\n')
  }
}
