/**
 * The load of the demo: writers that save their own keys over and over, readers that read anybody's, each with one
 * request in flight. Everything that is sent and answered goes into the history.
 */
import { systemRandom } from '../../kit/random.ts'
import { Caller } from './http-call.ts'
import type { Random } from '../../kit/random.ts'
import type { History, Seen } from './history.ts'

export const COLLECTION = 'orders'

export interface LoadShape {
  readonly writers: number
  readonly readers: number
  /** Of each writer; none shares a key with another. */
  readonly keysPerWriter: number
}

export interface LoadEvents {
  onSave(): void
  onRead(): void
}

const NOTES = ['gift wrap', 'leave at the door', 'call first', 'no onions', 'window seat']

/** A plausible order of a few hundred bytes; `n` is what the history judges by. */
function orderOf(key: string, n: number, random: Random): string {
  const lines = Array.from({ length: 1 + random.integer(4) }, () => ({
    sku: `sku-${random.integer(5_000)}`,
    quantity: 1 + random.integer(9),
    cents: 99 + random.integer(20_000),
  }))
  return JSON.stringify({ n, order: key, lines, note: NOTES[random.integer(NOTES.length)] })
}

export function pathOf(key: string): string {
  return `/v1/records/${COLLECTION}/${encodeURIComponent(key)}`
}

/** What a GET has shown: undefined for no record. Any other answer than 200 and 404 throws. */
export function seenIn(status: number, body: string): Seen | undefined {
  if (status === 404) return undefined
  if (status !== 200) throw new Error(`A read was answered with ${status}: ${body.slice(0, 200)}`)
  const record = JSON.parse(body) as { version: number; value: { n: number } }
  return { version: record.version, n: record.value.n }
}

/** Runs until `stop`, or until the server answers no more. */
export class Load {
  readonly #caller: Caller
  readonly #history: History
  readonly #shape: LoadShape
  readonly #events: LoadEvents
  #stopped = false
  /** Answers that were neither a success nor "not now". */
  readonly surprises: string[] = []
  readonly done: Promise<void>

  constructor(url: string, shape: LoadShape, history: History, events: LoadEvents) {
    this.#caller = new Caller(url, shape.writers + shape.readers)
    this.#history = history
    this.#shape = shape
    this.#events = events
    const workers = [
      ...Array.from({ length: shape.writers }, (_, index) => this.#write(index)),
      ...Array.from({ length: shape.readers }, () => this.#read()),
    ]
    this.done = Promise.all(workers).then(() => this.#caller.close())
  }

  get inFlight(): number {
    return this.#caller.inFlight
  }

  stop(): void {
    this.#stopped = true
  }

  #key(writer: number): string {
    return `order-${writer}-${systemRandom.integer(this.#shape.keysPerWriter)}`
  }

  async #write(writer: number): Promise<void> {
    while (!this.#stopped) {
      const key = this.#key(writer)
      const n = this.#history.nextSave(key)
      const answer = await this.#caller
        .call('PUT', pathOf(key), orderOf(key, n, systemRandom))
        .catch(() => undefined)
      if (answer === undefined) {
        this.#history.unanswered()
        return
      }
      if (answer.status === 200) {
        this.#history.acknowledge(key, n, (JSON.parse(answer.body) as { version: number }).version)
        this.#events.onSave()
      } else if (answer.status === 202 || answer.status === 429 || answer.status === 503) {
        // Journaled but not visible yet, turned away, or unknown: none of them is on the list of what must be there.
        this.#history.unanswered()
        // An unknown save may still come, behind later ones: its key can say nothing about order any more.
        if (answer.body.includes('outcome-unknown')) return
      } else {
        this.#surprise(`PUT ${key}: ${answer.status} ${answer.body.slice(0, 200)}`)
        return
      }
    }
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const key = this.#key(systemRandom.integer(this.#shape.writers))
      const start = this.#history.startRead(key)
      const answer = await this.#caller.call('GET', pathOf(key)).catch(() => undefined)
      if (answer === undefined) return
      if (answer.status === 429 || answer.status === 503) continue
      try {
        this.#history.endRead(start, seenIn(answer.status, answer.body))
      } catch (error) {
        this.#surprise((error as Error).message)
        return
      }
      this.#events.onRead()
    }
  }

  #surprise(what: string): void {
    if (this.surprises.length < 10) this.surprises.push(what)
    this.#stopped = true
  }
}

/** Reads every key of the history and judges it; returns how many were read. */
export async function readBack(url: string, history: History, onRead: () => void): Promise<number> {
  const readers = 32
  const caller = new Caller(url, readers)
  const keys = [...history.keys()]
  let next = 0
  const reader = async (): Promise<void> => {
    for (let key = keys[next++]; key !== undefined; key = keys[next++]) {
      const start = history.startRead(key)
      const answer = await caller.call('GET', pathOf(key))
      history.endRead(start, seenIn(answer.status, answer.body))
      onRead()
    }
  }
  try {
    await Promise.all(Array.from({ length: readers }, reader))
  } finally {
    caller.close()
  }
  return keys.length
}
