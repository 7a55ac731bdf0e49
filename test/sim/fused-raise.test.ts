import { describe, expect, onTestFinished, test } from 'vitest'
import { Engine } from '../../src/engine/engine.ts'
import type { EngineOptions } from '../../src/engine/engine.ts'
import type { Held } from '../../src/ports/front.ts'
import { generationOf } from '../../src/model/position.ts'
import { compileTable } from '../../src/model/table.ts'
import { FakeDatabase } from '../../src/testing/index.ts'
import { FakeFused } from '../../src/testing/fake-fused.ts'
import { write } from '../conformance/line.ts'
import { RunningWorld } from './running-world.ts'

class Stage {
  readonly #one = new RunningWorld()
  readonly fused = new FakeFused({ ...this.#one, partitions: 1 })
  readonly database = new FakeDatabase({ ...this.#one })
  readonly events: string[] = []

  async open(options: Partial<EngineOptions> = {}): Promise<Engine> {
    const { process } = this.#one
    const engine = await Engine.open({
      stores: {
        kind: 'fused',
        fused: this.fused.connect(process),
        database: this.database.connect(process),
      },
      tables: [compileTable('plain')],
      clock: process.clock,
      random: process.random,
      report: ({ name, detail }) => this.events.push(`${name} ${detail ?? ''}`),
      ...options,
    })
    onTestFinished(async () => void (await engine.close(0).catch(() => undefined)))
    return engine
  }

  /** Writes one after another, and waits until they have landed. */
  async put(engine: Engine, keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const { first } = await engine.write(0, [write(key, `"${key}"`, { collection: 'plain' })])
      await engine.landed(0, { collection: 'plain', key }, first, 5_000)
    }
  }

  async get(engine: Engine, key: string): Promise<Held | undefined> {
    const [held] = await engine.get(0, [{ collection: 'plain', key }], { timeoutMs: 5_000 })
    return held
  }

  sleep(ms: number): Promise<void> {
    return this.#one.process.clock.sleep(ms)
  }
}

const keys = (count: number): string[] => Array.from({ length: count }, (_, n) => `k${n}`)

describe('raising the generation of a fused store', () => {
  test('before the positions of a generation run out the next one begins, and every value is kept', async () => {
    const stage = new Stage()
    const engine = await stage.open({ settings: { countMax: 20, idleLookMs: 50 } })
    await stage.put(engine, keys(11))
    await expect.poll(() => stage.sleep(50).then(() => engine.shape.generation)).toBe(2)
    await stage.put(engine, ['after'])
    expect(generationOf((await stage.get(engine, 'after'))?.version as never)).toBe(2)
    for (const key of keys(11)) expect((await stage.get(engine, key))?.version).toBeGreaterThan(0)
    expect(stage.fused.discarded).toEqual([])
    expect(stage.events.filter((event) => event.startsWith('generation-raised'))).toEqual([
      'generation-raised generation 2',
    ])
  })

  test('a database that is behind the whole stream stops it: nothing is thrown away unless loss is accepted', async () => {
    const stage = new Stage()
    const settings = { trimMargin: 4, landRowsMax: 1 }
    const first = await stage.open({ settings })
    await stage.put(first, keys(2))
    const backup = stage.database.state.copy()
    await stage.put(first, keys(40))
    await expect.poll(() => stage.fused.trimmed(0)).toBeGreaterThan(backup.partitions[0]?.mark.offset ?? 0)
    await first.close(0)
    stage.database.state = backup
    stage.fused.failover(false)
    await expect(stage.open({ settings })).rejects.toMatchObject({ code: 'journal-mismatch' })
    expect(stage.fused.discarded).toEqual([])
    const second = await stage.open({ settings, acceptLoss: true })
    await stage.put(second, ['after'])
    expect(await stage.get(second, 'k30')).toMatchObject({ version: 0 })
  })
})
