import { expect, onTestFinished, test } from 'vitest'
import { Engine } from '../../src/engine/engine.ts'
import type { EngineSettings } from '../../src/engine/settings.ts'
import { Spillway } from '../../src/engine/spillway.ts'
import { compileTable } from '../../src/model/table.ts'
import type { FusedFront } from '../../src/ports/fused.ts'
import { FakeDatabase } from '../../src/testing/index.ts'
import { FakeFused } from '../../src/testing/fake-fused.ts'
import { CALM } from '../../src/testing/link.ts'
import { RunningWorld } from './running-world.ts'

/** A fused store, on the wire as it is in the simulation, and an engine on it. */
class Stage {
  readonly fused: FakeFused
  readonly events: string[] = []
  readonly #database: FakeDatabase
  readonly #one = new RunningWorld()
  readonly #connected: FusedFront

  constructor() {
    this.fused = new FakeFused({ ...this.#one, partitions: 1 })
    this.fused.weather = CALM
    this.#database = new FakeDatabase({ ...this.#one })
    this.#database.weather = CALM
    this.#connected = this.fused.connect(this.#one.process)
  }

  async open(frameWritesMax?: number, settings: Partial<EngineSettings> = {}, lands = true): Promise<Engine> {
    const { process } = this.#one
    const bounds = frameWritesMax === undefined ? {} : { frameWritesMax }
    const engine = await Engine.open({
      stores: {
        kind: 'fused',
        fused: { ...this.#connected, ...bounds },
        database: this.#database.connect(process),
      },
      tables: [compileTable('plain')],
      clock: process.clock,
      random: process.random,
      settings,
      lands,
      report: ({ name, detail = '' }) => this.events.push(`${name} ${detail}`),
    })
    onTestFinished(async () => void (await engine.close(0).catch(() => undefined)))
    return engine
  }

  /** Whatever is asked of the store is turned away. */
  away(store: 'fused' | 'database' = 'fused'): void {
    this.#of(store).weather = { ...CALM, refused: 1 }
  }

  back(store: 'fused' | 'database'): void {
    this.#of(store).weather = CALM
  }

  sleep(ms: number): Promise<void> {
    return this.#one.process.clock.sleep(ms)
  }

  #of(store: 'fused' | 'database'): FakeFused | FakeDatabase {
    return store === 'fused' ? this.fused : this.#database
  }
}

test('a frame above what the store takes as a whole is refused for good, before anything is sent', async () => {
  const engine = await new Stage().open(3, { batchMax: 10 })
  const profile = { name: 'test', promise: 'none' }
  const tier = new Spillway({ engine, profile, collections: [], where: 'the store' })
  const frame = (writes: number) =>
    tier.atomic(Array.from({ length: writes }, (_, n) => ({ collection: 'plain', key: `k${n}`, value: n })))
  const { end } = engine.shape.partitions[0] ?? {}
  await expect(frame(4)).rejects.toMatchObject({
    code: 'invalid',
    detail: expect.stringMatching(/1 to 3 writes, .* has 4\. Send several frames/),
  })
  expect(engine.shape.partitions[0]?.end).toBe(end)
  expect(await frame(3)).toHaveLength(3)
  await expect(frame(11)).rejects.toMatchObject({ code: 'invalid' })
})

test('a store that cannot be recovered says why', async () => {
  const stage = new Stage()
  stage.away()
  await expect(stage.open()).rejects.toMatchObject({
    code: 'recovering',
    detail: expect.stringMatching(/Last failure: .*simulated fused/),
  })
})

test.each([200, 5_000])(
  'a read that a store keeps waiting says after %i ms what failed',
  async (timeoutMs) => {
    const stage = new Stage()
    const engine = await stage.open()
    stage.away()
    await expect(engine.get(0, [{ collection: 'plain', key: 'a' }], { timeoutMs })).rejects.toMatchObject({
      code: 'unavailable',
      detail: expect.stringMatching(/Last failure: .*simulated fused/),
    })
  },
)

test.each([
  { store: 'fused', lands: true, told: 'front and journal' },
  { store: 'fused', lands: false, told: 'front and journal' },
  { store: 'database', lands: true, told: 'database' },
  { store: 'database', lands: false, told: 'database' },
] as const)(
  'an idle process (lands: $lands) tells that the $store is away, and that it is back',
  async (one) => {
    const stage = new Stage()
    await stage.open(undefined, {}, one.lands)
    await stage.sleep(5_000)
    stage.away(one.store)
    await stage.sleep(10_000)
    expect(stage.events).toEqual([`store-unavailable ${one.told}`])
    stage.back(one.store)
    await stage.sleep(10_000)
    expect(stage.events).toEqual([`store-unavailable ${one.told}`, `store-back ${one.told}`])
  },
)
