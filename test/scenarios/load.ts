/**
 * Clients under load, each keeping its own history. Imports nothing of src.
 *
 * Writers own their keys (puts, some deletes, some conditional puts); counters are shared by all and only ever
 * incremented on a condition; readers read anything. All go on until they are stopped or the server is gone.
 */
import { writeFileSync } from 'node:fs'
import type { HistoryEvent } from './verdict.ts'

const COLLECTION = 'scenario'

export interface LoadOptions {
  readonly writers?: number
  readonly readers?: number
  readonly incrementers?: number
  readonly keysPerWriter?: number
  readonly counters?: number
  /** Bytes of padding in each value. */
  readonly padBytes?: number
}

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** The history of all clients over several lives of the server. */
export class Clients {
  readonly events: HistoryEvent[] = []
  readonly #options: Required<LoadOptions>
  readonly #latest = new Map<string, number>()
  /** Keys whose last write may still come: they can say nothing about order any more. */
  readonly #retired = new Set<string>()
  #clock = 0
  #n = 0
  inFlight = 0
  /** A call brought no answer: the server is not there any more. */
  #gone = false
  /** Answers that should not be. */
  readonly surprises: string[] = []

  constructor(options: LoadOptions = {}) {
    this.#options = {
      writers: 32,
      readers: 8,
      incrementers: 8,
      keysPerWriter: 40,
      counters: 4,
      padBytes: 200,
      ...options,
    }
  }

  get acknowledged(): number {
    return this.events.reduce(
      (count, event) => count + (event.op !== 'read' && event.outcome === 'ok' ? 1 : 0),
      0,
    )
  }

  save(file: string): void {
    writeFileSync(file, this.events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  }

  /** Starts all workers against `url`. */
  run(url: string): { stop(): void; readonly done: Promise<void> } {
    const control = { stopped: false }
    const { writers, readers, incrementers } = this.#options
    this.#gone = false
    const until = async (step: () => Promise<unknown>): Promise<void> => {
      while (!control.stopped && !this.#gone) await step()
    }
    const workers = [
      ...Array.from({ length: writers }, (_, writer) => until(() => this.#write(url, writer))),
      ...Array.from({ length: readers }, () => until(() => this.#readAny(url))),
      ...Array.from({ length: incrementers }, () => until(() => this.#increment(url))),
    ]
    return {
      stop: () => {
        control.stopped = true
      },
      done: Promise.all(workers).then(() => undefined),
    }
  }

  /** One put of a key, recorded; for tests that go step by step. */
  async put(url: string, key: string, query = ''): Promise<Answer | undefined> {
    return this.#put(url, key, {}, undefined, query)
  }

  /** One read, recorded. */
  async get(url: string, key: string): Promise<{ version: number; value: { counter?: number } } | undefined> {
    const sent = ++this.#clock
    const answer = await this.#call(`${url}/v1/records/${COLLECTION}/${encodeURIComponent(key)}`)
    if (answer === undefined) return undefined
    const base = { key, op: 'read', sent, done: ++this.#clock } as const
    if (answer.status === 404) {
      this.events.push({ ...base, outcome: 'ok', n: 0, version: 0 })
      return { version: 0, value: {} }
    }
    if (answer.status !== 200) {
      if (answer.status !== 503 && answer.status !== 429) this.#surprise('GET', key, answer)
      return undefined
    }
    const record = answer.body as unknown as { version: number; value: { n: number; counter?: number } }
    this.#latest.set(key, record.version)
    this.events.push({
      ...base,
      outcome: 'ok',
      n: record.value.n,
      version: record.version,
      ...(record.value.counter === undefined ? {} : { counter: record.value.counter }),
    })
    return record
  }

  async #call(url: string, init: RequestInit = {}): Promise<Answer | undefined> {
    this.inFlight += 1
    try {
      const response = await fetch(url, init)
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    } catch {
      // No whole answer: it may or may not have happened.
      this.#gone = true
      return undefined
    } finally {
      this.inFlight -= 1
    }
  }

  #surprise(method: string, key: string, answer: Answer): void {
    if (this.surprises.length < 20)
      this.surprises.push(`${method} ${key}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }

  #pick(below: number): number {
    return Math.floor(Math.random() * below)
  }

  async #put(
    url: string,
    key: string,
    headers: Record<string, string>,
    counter?: number,
    query = '',
  ): Promise<Answer | undefined> {
    const n = ++this.#n
    const sent = ++this.#clock
    const value = {
      n,
      ...(counter === undefined ? {} : { counter }),
      pad: 'x'.repeat(this.#options.padBytes),
    }
    const answer = await this.#call(`${url}/v1/records/${COLLECTION}/${encodeURIComponent(key)}${query}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(value),
    })
    this.#record({ key, op: 'put', n, sent, ...(counter === undefined ? {} : { counter }) }, answer)
    return answer
  }

  #record(
    event: Pick<HistoryEvent, 'key' | 'op' | 'n' | 'sent' | 'counter'>,
    answer: Answer | undefined,
  ): void {
    const done = ++this.#clock
    if (answer === undefined) {
      this.events.push({ ...event, done, outcome: 'unknown', version: 0 })
    } else if (answer.status === 200 || answer.status === 202) {
      const version = answer.body.version as number
      this.#latest.set(event.key, version)
      // A 202 is durable and has its version, but readers may not see it yet: it is known only as possible.
      this.events.push(
        answer.status === 200
          ? { ...event, done, outcome: 'ok', version }
          : { ...event, done, outcome: 'unknown', version: 0 },
      )
    } else if (answer.status === 412) {
      this.events.push({ ...event, done, outcome: 'refused', version: 0 })
    } else if (answer.body.code === 'outcome-unknown') {
      this.#retired.add(event.key)
      this.events.push({ ...event, done, outcome: 'unknown', version: 0 })
    } else {
      if (answer.status !== 503 && answer.status !== 429) this.#surprise(event.op, event.key, answer)
      this.events.push({ ...event, done, outcome: 'nothing', version: 0 })
    }
  }

  async #write(url: string, writer: number): Promise<void> {
    const key = `w${writer}-${this.#pick(this.#options.keysPerWriter)}`
    if (this.#retired.has(key)) return
    const dice = this.#pick(20)
    if (dice === 0) {
      const sent = ++this.#clock
      const answer = await this.#call(`${url}/v1/records/${COLLECTION}/${key}`, { method: 'DELETE' })
      this.#record({ key, op: 'delete', n: 0, sent }, answer)
      this.#latest.delete(key)
      return
    }
    const latest = this.#latest.get(key)
    // Now and then on a condition; sometimes on one that is wrong on purpose.
    const headers: Record<string, string> =
      dice <= 3 && latest !== undefined ? { 'if-match': `"${dice === 1 ? latest + 1 : latest}"` } : {}
    await this.#put(url, key, headers)
  }

  async #readAny(url: string): Promise<void> {
    await this.get(url, `w${this.#pick(this.#options.writers)}-${this.#pick(this.#options.keysPerWriter)}`)
  }

  async #increment(url: string): Promise<void> {
    const key = `counter-${this.#pick(this.#options.counters)}`
    const record = await this.get(url, key)
    if (record === undefined) return
    const headers = { 'if-match': `"${record.version}"` }
    await this.#put(url, key, headers, (record.value.counter ?? 0) + 1)
  }
}
