import { describe, expect, onTestFinished, test } from 'vitest'
import { openMemoryFront } from '../../src/drivers/memory/front.ts'
import { Engine } from '../../src/engine/engine.ts'
import type { Stores } from '../../src/engine/engine.ts'
import { StatusBoard } from '../../src/engine/status.ts'
import type { Status } from '../../src/engine/tier.ts'
import { compileTable } from '../../src/model/table.ts'
import type { Database } from '../../src/ports/database.ts'
import { FakeDatabase } from '../../src/testing/index.ts'
import { FakeFused } from '../../src/testing/fake-fused.ts'
import { FakeJournal } from '../../src/testing/fake-journal.ts'
import { CALM } from '../../src/testing/link.ts'
import { write } from '../conformance/line.ts'
import { RunningWorld } from './running-world.ts'

/** One engine that has landed ten writes and idles; nothing looks at the database by itself for a minute. */
class Stage {
  readonly database: FakeDatabase
  readonly #one = new RunningWorld()
  readonly #stores: (database: Database) => Stores
  #engine: Engine | undefined
  #board: StatusBoard | undefined

  constructor(shape: 'fused' | 'separate') {
    const { process } = this.#one
    this.database = new FakeDatabase({ ...this.#one })
    this.database.weather = CALM
    const one = { ...this.#one, partitions: 1, exclusive: true }
    this.#stores = (database) =>
      shape === 'fused'
        ? { kind: 'fused', fused: new FakeFused(one).connect(process), database }
        : {
            kind: 'separate',
            front: openMemoryFront({ partitions: 1, bytesMax: 1_000_000, clock: process.clock }),
            journal: new FakeJournal(one).connect(process),
            database,
          }
  }

  get engine(): Engine {
    return this.#engine as Engine
  }

  /** With the database as it was before the last five of them. */
  async landed(): Promise<void> {
    const { process } = this.#one
    this.#engine = await Engine.open({
      stores: this.#stores(this.database.connect(process)),
      tables: [compileTable('plain')],
      clock: process.clock,
      random: process.random,
      settings: { idleLookMs: 60_000 },
    })
    onTestFinished(async () => void (await this.engine.close(0).catch(() => undefined)))
    this.#board = new StatusBoard(this.engine, { name: 'test', promise: 'none' })
    await this.#put(5)
    const backup = this.database.state.copy()
    await this.#put(5)
    expect((await this.status()).totals).toMatchObject({ landed: 10, pending: 0 })
    this.database.state = backup
  }

  status(): Promise<Status> {
    return (this.#board as StatusBoard).read(true, undefined)
  }

  sleep(ms: number): Promise<void> {
    return this.#one.process.clock.sleep(ms)
  }

  /** A database that neither answers nor refuses. */
  silence(): void {
    this.database.weather = { ...CALM, lostRequest: 1 }
  }

  async #put(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      const { first } = await this.engine.write(0, [write(`k${n}`, '1', { collection: 'plain' })])
      await this.engine.landed(0, { collection: 'plain', key: `k${n}` }, first, 5_000)
    }
  }
}

describe.each(['fused', 'separate'] as const)(
  'a database that went back while nothing was to land (%s)',
  (shape) => {
    test('is found out by the status that would have said that nothing is pending, and lands again', async () => {
      const stage = new Stage(shape)
      await stage.landed()
      expect((await stage.status()).totals).toMatchObject({ accepted: 10, landed: 5, pending: 5 })
      await expect
        .poll(() => stage.sleep(50).then(() => stage.status()))
        .toMatchObject({
          totals: { accepted: 10, landed: 10, pending: 0 },
          notes: [],
        })
      expect(stage.database.state.partitions[0]?.counts.landed).toBe(10)
    })

    test('is brought to the end again by close, before it says that everything is there', async () => {
      const stage = new Stage(shape)
      await stage.landed()
      expect(await stage.engine.close(5_000)).toEqual({ pending: 0, confirmed: true })
      expect(stage.database.state.partitions[0]?.counts.landed).toBe(10)
    })

    test('is counted by a close that has no time to land', async () => {
      const stage = new Stage(shape)
      await stage.landed()
      const { pending, confirmed } = await stage.engine.close(0)
      expect(pending).toBe(10 - (stage.database.state.partitions[0]?.counts.landed ?? 0))
      expect(confirmed).toBe(true)
    })

    test('and does not answer: status and close say that they do not know', async () => {
      const stage = new Stage(shape)
      await stage.landed()
      stage.silence()
      const { notes } = await stage.status()
      expect(notes).toEqual([expect.stringContaining('The database does not answer')])
      expect(await stage.engine.close(5_000)).toEqual({ pending: 0, confirmed: false })
    })
  },
)
