/** A simulated world for tests that simply await their calls. */
import { afterAll } from 'vitest'
import { SimProcess, StepBoard, World } from '../../src/testing/index.ts'

/** A world that runs by itself while anything is to come, so that a test can simply await its calls. */
export class RunningWorld {
  readonly world = new World({ seed: 1 })
  readonly board = new StepBoard(this.world)
  readonly process = new SimProcess(this.world, 'test')
  #closed = false

  constructor() {
    void this.#run()
    running.add(this)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      if (this.world.pending > 0) await this.world.run(() => this.world.pending === 0)
      else
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
    }
  }
}

const running = new Set<RunningWorld>()
afterAll(async () => {
  for (const one of running) await one.close()
})
