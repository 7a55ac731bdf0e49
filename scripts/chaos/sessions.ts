/**
 * Clients of several server processes, each keeping its own history. Imports nothing of src.
 *
 * Writers own their keys (puts, some deletes, some on a condition, now and then on a wrong one); counters are
 * shared by all and only ever incremented on a condition; readers read anything, every other time with
 * `atLeast` = the highest version that anybody had seen of the key. A session stays with its process until that
 * one does not answer or turns it away, as behind a balancer. Half of the unknown outcomes are settled, at
 * whichever process comes next.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { HistoryEvent } from '../../test/scenarios/verdict.ts'
import type { Dice } from './dice.ts'

export const COLLECTION = 'scenario'
const BACK_OFF_MS = 40
/** A request to a process that is paused waits until that one goes on. */
const CALL_MS_MAX = 90_000
const SETTLE_TRIES_MAX = 40
/** Where the journal went back, what became of an entry is known to nobody, now or later. */
const STILL_UNKNOWN_MAX = 5
const SURPRISES_MAX = 20

export interface Target {
  readonly name: string
  /** Undefined while the process is not running. */
  readonly url: string | undefined
}

/** What happened to one call, and at which process. */
export interface SessionEvent extends HistoryEvent {
  readonly via: string
}

export interface SessionOptions {
  readonly writers: number
  readonly readers: number
  readonly incrementers: number
  readonly keysPerWriter: number
  readonly counters: number
  readonly padBytes: number
  /** Between two calls of one session. */
  readonly thinkMs: number
}

const DEFAULTS: SessionOptions = {
  writers: 6,
  readers: 3,
  incrementers: 2,
  keysPerWriter: 12,
  counters: 2,
  padBytes: 200,
  thinkMs: 4,
}

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

/** Nothing answered: refused before it was asked, or the answer did not come. */
type NoAnswer = 'refused' | 'lost'

/** One client: the process it is at. */
class Session {
  at: number
  constructor(at: number) {
    this.at = at
  }
}

export class Sessions {
  readonly events: SessionEvent[] = []
  /** Answers by status and code. */
  readonly answers = new Map<string, number>()
  /** Answers that no client should ever have to see. */
  readonly surprises: string[] = []
  inFlight = 0
  settled = 0
  readonly #targets: readonly Target[]
  readonly #dice: Dice
  readonly #options: SessionOptions
  readonly #latest = new Map<string, number>()
  #clock = 0
  #n = 0
  #writes = 0

  constructor(targets: readonly Target[], dice: Dice, options: Partial<SessionOptions> = {}) {
    this.#targets = targets
    this.#dice = dice
    this.#options = { ...DEFAULTS, ...options }
  }

  /** A moment in the clients' own time: what was answered before has a smaller `done`. */
  mark(): number {
    return ++this.#clock
  }

  /** Writes that were acknowledged. */
  get acknowledged(): number {
    return this.#writes
  }

  run(): { stop(): void; readonly done: Promise<void> } {
    const control = { stopped: false }
    const { writers, readers, incrementers, thinkMs } = this.#options
    const loop = async (at: number, step: (session: Session) => Promise<unknown>): Promise<void> => {
      const session = new Session(at % this.#targets.length)
      while (!control.stopped) {
        await step(session)
        await sleep(thinkMs)
      }
    }
    const many = (count: number, step: (session: Session, index: number) => Promise<unknown>) =>
      Array.from({ length: count }, (_, index) => loop(index, (session) => step(session, index)))
    const all = [
      ...many(writers, (session, writer) => this.#write(session, writer)),
      ...many(readers, (session) => this.#readAny(session)),
      ...many(incrementers, (session) => this.#increment(session)),
    ]
    return {
      stop: () => {
        control.stopped = true
      },
      done: Promise.all(all).then(() => undefined),
    }
  }

  /** One write through each process that serves; true once each has acknowledged one. */
  async probe(round: string): Promise<boolean> {
    const answers = await Promise.all(
      this.#targets.map((target, at) =>
        target.url === undefined ? undefined : this.#put(new Session(at), `probe-${round}-${target.name}`),
      ),
    )
    return answers.every((answer) => answer === 'ok')
  }

  async #call(session: Session, path: string, init: RequestInit = {}): Promise<Answer | NoAnswer> {
    const target = this.#targets[session.at] as Target
    if (target.url === undefined) {
      this.#move(session)
      return 'refused'
    }
    this.inFlight += 1
    try {
      const response = await fetch(`${target.url}${path}`, {
        ...init,
        signal: AbortSignal.timeout(CALL_MS_MAX),
      })
      const answer = {
        status: response.status,
        body: (await response.json()) as Record<string, unknown>,
      }
      this.#count(`${answer.status}${typeof answer.body.code === 'string' ? ` ${answer.body.code}` : ''}`)
      return answer
    } catch (error) {
      const refused = (error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED'
      this.#count(refused ? 'connection refused' : 'no answer')
      this.#move(session)
      return refused ? 'refused' : 'lost'
    } finally {
      this.inFlight -= 1
    }
  }

  #count(what: string): void {
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1)
  }

  #move(session: Session): void {
    session.at = (session.at + 1) % this.#targets.length
  }

  #nameOf(session: Session): string {
    return (this.#targets[session.at] as Target).name
  }

  /** What may be asked again later: the session goes on elsewhere. */
  async #turnedAway(session: Session, method: string, key: string, answer: Answer | NoAnswer): Promise<void> {
    if (typeof answer !== 'string') {
      if (answer.status === 503 || answer.status === 429) this.#move(session)
      else if (answer.status >= 400 && this.surprises.length < SURPRISES_MAX)
        this.surprises.push(
          `${method} ${key} at ${this.#nameOf(session)}: ${answer.status} ${JSON.stringify(answer.body)}`,
        )
    }
    await sleep(BACK_OFF_MS)
  }

  async #get(
    session: Session,
    key: string,
    exact: boolean,
  ): Promise<{ version: number; value: { counter?: number } } | undefined> {
    const sent = this.mark()
    const via = this.#nameOf(session)
    const latest = this.#latest.get(key)
    const query = exact && latest !== undefined ? `?atLeast=${latest}` : ''
    const answer = await this.#call(session, `${pathOf(key)}${query}`)
    if (typeof answer === 'string' || (answer.status !== 200 && answer.status !== 404)) {
      await this.#turnedAway(session, 'GET', key, answer)
      return undefined
    }
    const base = { key, op: 'read', sent, done: this.mark(), outcome: 'ok', via } as const
    if (answer.status === 404) {
      this.events.push({ ...base, n: 0, version: 0 })
      return { version: 0, value: {} }
    }
    const record = answer.body as unknown as { version: number; value: { n: number; counter?: number } }
    this.#saw(key, record.version)
    const { n, counter } = record.value
    this.events.push({
      ...base,
      n,
      version: record.version,
      ...(counter === undefined ? {} : { counter }),
    })
    return record
  }

  async #put(
    session: Session,
    key: string,
    headers: Record<string, string> = {},
    counter?: number,
  ): Promise<HistoryEvent['outcome']> {
    const n = ++this.#n
    const value = {
      n,
      ...(counter === undefined ? {} : { counter }),
      pad: 'x'.repeat(this.#options.padBytes),
    }
    const init = {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(value),
    }
    return this.#writeOnce(
      session,
      { key, op: 'put', n, ...(counter === undefined ? {} : { counter }) },
      init,
    )
  }

  async #writeOnce(
    session: Session,
    write: Pick<HistoryEvent, 'key' | 'op' | 'n' | 'counter'>,
    init: RequestInit,
  ): Promise<HistoryEvent['outcome']> {
    const sent = this.mark()
    const via = this.#nameOf(session)
    const first = await this.#call(session, pathOf(write.key), init)
    const answer = await this.#settleSome(session, first)
    const outcome = outcomeOf(answer)
    const version = outcome === 'ok' ? ((answer as Answer).body.version as number) : 0
    if (outcome === 'ok') {
      this.#saw(write.key, version)
      this.#writes += 1
    }
    this.events.push({ ...write, sent, done: this.mark(), outcome, version, via })
    const isVoid = typeof answer !== 'string' && answer.body.code === 'void'
    if (!isVoid && (outcome === 'nothing' || outcome === 'unknown'))
      await this.#turnedAway(session, write.op, write.key, answer)
    return outcome
  }

  /** Every second unknown outcome that comes with its entry is settled, and so is what the write itself said. */
  async #settleSome(session: Session, first: Answer | NoAnswer): Promise<Answer | NoAnswer> {
    if (typeof first === 'string' || first.body.code !== 'outcome-unknown') return first
    const entry = first.body.entry
    if (typeof entry !== 'string' || this.#dice.below(2) === 0) return first
    let stillUnknown = 0
    for (let attempt = 0; attempt < SETTLE_TRIES_MAX && stillUnknown < STILL_UNKNOWN_MAX; attempt += 1) {
      const answer = await this.#call(session, `/v1/entries/${encodeURIComponent(entry)}/settle`, {
        method: 'POST',
      })
      if (typeof answer !== 'string' && answer.status !== 503 && answer.status !== 429) {
        this.settled += 1
        return answer
      }
      if (typeof answer !== 'string' && answer.body.code === 'outcome-unknown') stillUnknown += 1
      this.#move(session)
      await sleep(5 * BACK_OFF_MS)
    }
    return first
  }

  /** For `atLeast`; a delete counts too: whoever has read its version does not see the record again. */
  #saw(key: string, version: number): void {
    if (version > (this.#latest.get(key) ?? 0)) this.#latest.set(key, version)
  }

  async #write(session: Session, writer: number): Promise<void> {
    const key = `w${writer}-${this.#dice.below(this.#options.keysPerWriter)}`
    const dice = this.#dice.below(20)
    if (dice === 0) {
      await this.#writeOnce(session, { key, op: 'delete', n: 0 }, { method: 'DELETE' })
      return
    }
    const latest = this.#latest.get(key)
    const condition = dice <= 3 && latest !== undefined
    await this.#put(session, key, condition ? { 'if-match': `"${dice === 1 ? latest + 1 : latest}"` } : {})
  }

  async #readAny(session: Session): Promise<void> {
    const { writers, keysPerWriter } = this.#options
    const key = `w${this.#dice.below(writers)}-${this.#dice.below(keysPerWriter)}`
    await this.#get(session, key, this.#dice.below(2) === 0)
  }

  async #increment(session: Session): Promise<void> {
    const key = `counter-${this.#dice.below(this.#options.counters)}`
    const record = await this.#get(session, key, false)
    if (record === undefined) return
    await this.#put(session, key, { 'if-match': `"${record.version}"` }, (record.value.counter ?? 0) + 1)
  }
}

function pathOf(key: string): string {
  return `/v1/records/${COLLECTION}/${encodeURIComponent(key)}`
}

function outcomeOf(answer: Answer | NoAnswer): HistoryEvent['outcome'] {
  if (answer === 'refused') return 'nothing'
  if (answer === 'lost') return 'unknown'
  // What is only journaled is durable and has its version, but readers may not see it yet: it is known as possible.
  if (answer.status === 200) return answer.body.stage === 'journaled' ? 'unknown' : 'ok'
  if (answer.status === 202) return 'unknown'
  if (answer.status === 412) return 'refused'
  return answer.body.code === 'outcome-unknown' ? 'unknown' : 'nothing'
}
