/**
 * Writers, counters and readers on one tier while its Redis is maltreated, and what they must find afterwards.
 *
 * Each writer owns a key and counts it up; a counter is incremented by all on a condition. A write that brought
 * nothing but a retryable error has not happened; an unknown one is settled, or its key is left alone.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { isSpillwayError } from '../../../src/errors.ts'
import type { Receipt, Records, Tier } from '../../../src/index.ts'

interface Counted {
  readonly n: number
  readonly pad: string
}

interface Key {
  readonly name: string
  /** The newest that was acknowledged, and the newest that was sent. */
  acknowledged: number
  sent: number
  version: number
  /** Its last write is unknown: it may be there or not. */
  lost: boolean
}

const RETRYABLE = ['overloaded', 'unavailable', 'catching-up', 'recovering', 'fenced']
const PAD = 'x'.repeat(200)

export class Load {
  readonly #records: Records<Counted>
  readonly #tier: Tier
  readonly #keys: Key[]
  #increments = 0
  #incrementsUnknown = 0
  #stopped = false
  #running: Promise<unknown> = Promise.resolve()
  writes = 0
  reads = 0
  /** How often a client was told to come back, by code. */
  readonly refusals = new Map<string, number>()
  readonly surprises: string[] = []
  readonly stages = new Map<string, number>()

  constructor(tier: Tier, keys = 24) {
    this.#tier = tier
    this.#records = tier.records<Counted>('load')
    this.#keys = Array.from({ length: keys }, (_, i) => ({
      name: `key ${i}`,
      acknowledged: 0,
      sent: 0,
      version: 0,
      lost: false,
    }))
  }

  start(): this {
    const until = async (step: () => Promise<void>): Promise<void> => {
      while (!this.#stopped) await step()
    }
    this.#running = Promise.all([
      ...this.#keys.map((key) => until(() => this.#write(key))),
      ...Array.from({ length: 2 }, () => until(() => this.#increment())),
      ...this.#keys.slice(0, 6).map((key) => until(() => this.#read(key))),
    ])
    return this
  }

  /** Until so many more writes were acknowledged. */
  async more(writes: number): Promise<void> {
    const goal = this.writes + writes
    const until = performance.now() + 30_000
    while (this.writes < goal) {
      if (performance.now() > until)
        throw new Error(
          `Only ${this.writes} of ${goal} writes; refused: ${JSON.stringify([...this.refusals])}`,
        )
      await sleep(5)
    }
  }

  /** Ends the load and proves that nothing that was acknowledged is missing, from the tier and from its stores. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    expect(this.surprises).toEqual([])
    for (const key of this.#keys) await this.#proveKey(key)
    const counter = await this.#patiently(() => this.#records.get('counter'))
    const count = counter?.value.n ?? 0
    expect(count).toBeGreaterThanOrEqual(this.#increments)
    expect(count).toBeLessThanOrEqual(this.#increments + this.#incrementsUnknown)
    await expect.poll(async () => (await this.#tier.status()).totals.pending, { timeout: 20_000 }).toBe(0)
    expect(await this.#tier.verify()).toMatchObject({ ok: true, mismatches: [] })
  }

  async #proveKey(key: Key): Promise<void> {
    const found = await this.#patiently(() =>
      this.#records.get(key.name, { ...(key.version > 0 ? { atLeast: key.version } : {}) }),
    )
    const n = found?.value.n ?? 0
    if (key.lost) expect([key.acknowledged, key.sent]).toContain(n)
    else expect([key.name, n]).toEqual([key.name, key.acknowledged])
  }

  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let left = 200; ; left -= 1) {
      try {
        return await call()
      } catch (error) {
        if (left === 0 || !this.#comeBack(error)) throw error
        await sleep(50)
      }
    }
  }

  async #write(key: Key): Promise<void> {
    if (key.lost) return void (await sleep(20))
    const n = key.sent + 1
    key.sent = n
    try {
      const condition = n % 5 === 0 && key.version > 0 ? { ifVersion: key.version } : {}
      this.#took(key, n, await this.#records.put(key.name, { n, pad: PAD }, condition))
    } catch (error) {
      await this.#failed(key, n, error)
    }
  }

  #took(key: Key, n: number, receipt: Receipt): void {
    if (receipt.version <= key.version)
      this.surprises.push(`${key.name}: version ${receipt.version} after ${key.version}`)
    key.acknowledged = n
    key.version = receipt.version
    this.writes += 1
    this.stages.set(receipt.stage, (this.stages.get(receipt.stage) ?? 0) + 1)
  }

  async #failed(key: Key, n: number, error: unknown): Promise<void> {
    if (this.#comeBack(error)) return void (await sleep(10))
    if (isSpillwayError(error, 'outcome-unknown') && error.entry !== undefined) {
      try {
        this.#took(key, n, await this.#tier.settle(error.entry))
      } catch (settled) {
        if (isSpillwayError(settled, 'void')) return
        if (isSpillwayError(settled)) key.lost = true
        else this.surprises.push(`${key.name} settle: ${String(settled)}`)
      }
      return
    }
    this.surprises.push(`${key.name}: ${String(error)}`)
    await sleep(50)
  }

  async #increment(): Promise<void> {
    try {
      await this.#records.update('counter', (now) => ({ n: (now?.n ?? 0) + 1, pad: '' }))
      this.#increments += 1
      this.writes += 1
    } catch (error) {
      if (isSpillwayError(error, 'outcome-unknown')) this.#incrementsUnknown += 1
      else if (!this.#comeBack(error)) this.surprises.push(`counter: ${String(error)}`)
      await sleep(10)
    }
  }

  async #read(key: Key): Promise<void> {
    const acknowledged = key.acknowledged
    try {
      const found = await this.#records.get(key.name)
      const n = found?.value.n ?? 0
      // Nothing that could still be lost, and nothing older than what was acknowledged before.
      if (n < acknowledged || n > key.sent)
        this.surprises.push(`${key.name} read ${n}, acknowledged ${acknowledged}, sent ${key.sent}`)
      this.reads += 1
    } catch (error) {
      if (!this.#comeBack(error)) this.surprises.push(`${key.name} read: ${String(error)}`)
      await sleep(10)
    }
    await sleep(1)
  }

  #comeBack(error: unknown): boolean {
    const known = isSpillwayError(error) && RETRYABLE.includes(error.code)
    if (known) this.refusals.set(error.code, (this.refusals.get(error.code) ?? 0) + 1)
    return known
  }
}
