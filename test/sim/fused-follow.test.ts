import { describe, expect, onTestFinished, test } from 'vitest'
import { Engine } from '../../src/engine/engine.ts'
import type { EngineSettings } from '../../src/engine/settings.ts'
import type { FusedFront } from '../../src/ports/fused.ts'
import { compileTable } from '../../src/model/table.ts'
import { CALM, FakeDatabase } from '../../src/testing/index.ts'
import { FakeFused } from '../../src/testing/fake-fused.ts'
import { write } from '../conformance/line.ts'
import { RunningWorld } from './running-world.ts'

const REF = { collection: 'plain', key: 'a' }

/** Several engines on one fused store and one database; every look at the store's state is counted. */
class Stage {
  readonly #one = new RunningWorld()
  readonly #fused = new FakeFused({ ...this.#one, partitions: 1 })
  readonly #database = new FakeDatabase({ ...this.#one })
  looks = 0
  queries = 0

  /** Stores that are never slow: what is measured is our own pace. */
  constructor() {
    this.#fused.weather = CALM
    this.#database.weather = CALM
  }

  async open(lands: boolean, settings: Partial<EngineSettings> = {}): Promise<Engine> {
    const { process } = this.#one
    const database = this.#database.connect(process)
    const partitions = database.partitions.bind(database)
    database.partitions = () => {
      this.queries += 1
      return partitions()
    }
    const engine = await Engine.open({
      stores: { kind: 'fused', fused: this.#counted(this.#fused.connect(process)), database },
      tables: [compileTable('plain')],
      clock: process.clock,
      random: process.random,
      lands,
      settings,
    })
    onTestFinished(async () => void (await engine.close(0).catch(() => undefined)))
    return engine
  }

  sleep(ms: number): Promise<void> {
    return this.#one.process.clock.sleep(ms)
  }

  /** Virtual ms until `is`. */
  async until(is: () => boolean): Promise<number> {
    const { clock } = this.#one.process
    const from = clock.monotonic()
    while (!is()) await clock.sleep(1)
    return clock.monotonic() - from
  }

  #counted(fused: FusedFront): FusedFront {
    const { front } = fused
    const state = front.state.bind(front)
    front.state = (partition) => {
      this.looks += 1
      return state(partition)
    }
    return fused
  }
}

const put = (engine: Engine, key: string) => engine.write(0, [write(key, '1', { collection: 'plain' })])

describe('following a fused store', () => {
  test('an idle process asks its store four times a second, and its database hardly ever', async () => {
    const stage = new Stage()
    await stage.open(true)
    await stage.sleep(10_000)
    stage.looks = 0
    stage.queries = 0
    await stage.sleep(10_000)
    expect(stage.looks).toBeGreaterThan(30)
    expect(stage.looks).toBeLessThanOrEqual(41)
    expect(stage.queries).toBeLessThanOrEqual(5)
  })

  test('an idle process that does not land asks the database once a second', async () => {
    const stage = new Stage()
    await stage.open(false)
    await stage.sleep(10_000)
    stage.queries = 0
    await stage.sleep(10_000)
    expect(stage.queries).toBeGreaterThan(5)
    expect(stage.queries).toBeLessThanOrEqual(14)
  })

  test('what another process writes after a long silence is known within 250 ms, and landed soon after', async () => {
    const stage = new Stage()
    const lander = await stage.open(true)
    const writer = await stage.open(false)
    await stage.sleep(10_000)
    const { first } = await put(writer, 'a')
    expect(await stage.until(() => (lander.shape.partitions[0]?.end ?? 0) >= first)).toBeLessThan(300)
    expect(await writer.landed(0, REF, first, 500)).toBe(true)
  })

  test('a read that shows what another process wrote makes it known at once', async () => {
    const stage = new Stage()
    const lander = await stage.open(true)
    const writer = await stage.open(false)
    await stage.sleep(10_000)
    // Right after a look, so that the next one is far away.
    const looks = stage.looks
    await stage.until(() => stage.looks > looks)
    const { first } = await put(writer, 'a')
    await lander.get(0, [REF], { timeoutMs: 5_000 })
    expect(await stage.until(() => (lander.shape.partitions[0]?.end ?? 0) >= first)).toBeLessThan(100)
  })

  test('while answers say where the stream ends, nobody looks', async () => {
    const stage = new Stage()
    const engine = await stage.open(false, { followMs: 1_000, followIdleMs: 1_000 })
    await put(engine, 'first')
    stage.looks = 0
    const busy = await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let n = 0; n < 40; n += 1) await put(engine, `k${n}`)
      }),
    )
    expect(busy.length).toBe(8)
    expect(stage.looks).toBe(0)
  })
})
