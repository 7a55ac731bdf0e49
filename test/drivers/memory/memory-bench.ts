/** A process front under test, with a journal that is only as much of one as applying needs. */
import { expect } from 'vitest'
import { openMemoryFront } from '../../../src/drivers/memory/front.ts'
import type { Position } from '../../../src/model/position.ts'
import type { Front, Held } from '../../../src/ports/front.ts'
import { Line, emptyFold, ref } from '../../conformance/line.ts'
import { TestClock } from './test-clock.ts'

export class MemoryBench {
  readonly clock = new TestClock()
  readonly line = new Line()
  readonly front: Front
  #applied = 0

  constructor(bytesMax: number, holdsMax?: number) {
    const options = { partitions: 1, bytesMax, clock: this.clock }
    this.front = openMemoryFront(holdsMax === undefined ? options : { ...options, holdsMax })
  }

  /** Applies everything that is in the line and not applied yet. */
  async apply(): Promise<void> {
    if (this.#applied === 0) await this.front.start(0, emptyFold(this.line))
    const { identity } = await this.front.state(0)
    const result = await this.front.apply({ partition: 0, identity, ...this.line.request(this.#applied) })
    expect(result.kind).toBe('applied')
    this.#applied = this.line.placed.length
  }

  async put(key: string, valueBytes: number): Promise<Position> {
    const { first } = this.line.put(key, 'x'.repeat(valueBytes))
    await this.apply()
    return first
  }

  async release(to: Position = this.line.end): Promise<void> {
    const { identity } = await this.front.state(0)
    await this.front.release(0, identity, to)
  }

  async held(key: string): Promise<Held | undefined> {
    return (await this.front.read(0, [ref(key)])).held[0]
  }

  /** Which of these keys are held; looking counts as reading. */
  async heldOf(keys: readonly string[]): Promise<string[]> {
    const { held } = await this.front.read(
      0,
      keys.map((key) => ref(key)),
    )
    return keys.filter((_, i) => held[i] !== undefined)
  }
}
