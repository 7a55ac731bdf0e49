/**
 * The load generator: connections, each with candidates of its own, so that a form has one client at a time and
 * what that client was told is a history in order. Each asks again as soon as it is answered, unless a pace is set.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { sleep, systemClock } from '../clock.ts'
import type { Choice } from '../domain/choices.ts'
import { candidateId, teacherLogin } from '../generate/people.ts'
import type { SessionTokens } from '../people/session-token.ts'
import { HttpConnection } from './http-connection.ts'
import type { LoadAnswer, LoadRequest } from './http-connection.ts'
import { Latencies } from './latencies.ts'
import { ASK_KINDS, Asker } from './mix.ts'
import type { AskKind, Mix } from './mix.ts'

export interface GeneratorOptions {
  /** Connections are spread over them. */
  readonly urls: readonly string[]
  readonly connections: number
  readonly people: number
  readonly teachers: number
  readonly tokens: SessionTokens
  readonly mix: Mix
  readonly seed: number
  readonly history: History | undefined
  /** Hears of each answer; `ok` false: refused, or none came. */
  readonly onAnswer?: (kind: AskKind, ok: boolean) => void
}

/** Takes down what clients were told. */
export interface History {
  add(line: Told): void
}

export interface Told {
  readonly kind: 'read' | 'save'
  readonly candidate: string
  readonly outcome?: 'saved' | 'refused' | 'unknown'
  readonly version?: number | undefined
  readonly [member: string]: unknown
}

export interface KindFigures {
  readonly answers: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly msMax: number
  /** By code of the problem, or `no answer`. */
  readonly refused: Readonly<Record<string, number>>
}

export type Figures = Readonly<Record<AskKind, KindFigures>>

/** A candidate as the client knows it. */
interface Known {
  readonly candidate: string
  readonly token: string
  /** 0 at first, as nobody has saved; undefined: what became of a save is unknown, so it is read before the next. */
  version: number | undefined
}

interface Counted {
  latencies: Latencies
  refused: Map<string, number>
}

const TOKEN_MS = 12 * 3_600_000
const WAIT_AFTER_FAILURE_MS = 250

export class Generator {
  readonly #options: GeneratorOptions
  #counted = newCounts()
  #countedSinceMs = 0
  #stopping = false
  #running: Promise<unknown> = Promise.resolve()
  /** Asks a second of all connections; 0 = as many as are answered. */
  #perSecond = 0
  readonly #connections: HttpConnection[]
  /** Requests without an answer yet. */
  inFlight = 0

  constructor(options: GeneratorOptions) {
    this.#options = options
    this.#connections = Array.from(
      { length: options.connections },
      (_, index) => new HttpConnection(options.urls[index % options.urls.length] as string),
    )
  }

  start(): void {
    this.#countedSinceMs = systemClock.now()
    this.#running = Promise.all(this.#connections.map((connection, index) => this.#drive(connection, index)))
  }

  setPace(perSecond: number): void {
    this.#perSecond = perSecond
  }

  /** Since the last call. */
  takeFigures(): Figures {
    const nowMs = systemClock.now()
    const seconds = Math.max(0.001, (nowMs - this.#countedSinceMs) / 1_000)
    const counted = this.#counted
    this.#counted = newCounts()
    this.#countedSinceMs = nowMs
    const figures = ASK_KINDS.map((kind): [AskKind, KindFigures] => {
      const { latencies, refused } = counted[kind]
      return [
        kind,
        {
          answers: latencies.count,
          perSecond: latencies.count / seconds,
          p50Ms: latencies.percentileMs(0.5),
          p99Ms: latencies.percentileMs(0.99),
          msMax: latencies.msMax,
          refused: Object.fromEntries(refused),
        },
      ]
    })
    return Object.fromEntries(figures) as Record<AskKind, KindFigures>
  }

  /** Waits for what is out. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
    for (const connection of this.#connections) connection.close()
  }

  async #drive(connection: HttpConnection, index: number): Promise<void> {
    const { connections, people, teachers, tokens, mix, seed } = this.#options
    const asker = new Asker(seed * 10_007 + index, mix)
    const nowMs = systemClock.now()
    const own: (Known | undefined)[] = new Array(Math.ceil((people - index) / connections))
    const teacher = teacherLogin(index % teachers)
    const teacherToken = tokens.make({ role: 'teacher', id: teacher }, 0, nowMs, TOKEN_MS).token
    while (!this.#stopping) {
      const startedMs = systemClock.now()
      const n = asker.candidate(own.length)
      const candidate = candidateId(n * connections + index)
      own[n] ??= {
        candidate,
        token: tokens.make({ role: 'candidate', id: candidate }, 0, nowMs, TOKEN_MS).token,
        version: 0,
      }
      const answered = await this.#ask(connection, own[n], asker, teacherToken)
      // A server that is away is not asked in a tight loop, and other connections get their turn.
      if (answered) await turn()
      else await sleep(WAIT_AFTER_FAILURE_MS)
      if (this.#perSecond > 0) {
        const dueMs = (connections / this.#perSecond) * 1_000
        await sleep(Math.max(0, dueMs - (systemClock.now() - startedMs)))
      }
    }
  }

  async #ask(connection: HttpConnection, known: Known, asker: Asker, teacherToken: string): Promise<boolean> {
    const kind = asker.kind()
    const { token } = known
    if (kind === 'exam')
      return (await this.#send(connection, kind, { method: 'GET', path: '/api/exam', token })).ok
    if (kind === 'teacher')
      return (
        await this.#send(connection, kind, {
          method: 'GET',
          path: '/api/teacher/classes',
          token: teacherToken,
        })
      ).ok
    return kind === 'read' || known.version === undefined
      ? this.#read(connection, known)
      : this.#save(connection, known, known.version, asker.choices())
  }

  async #read(connection: HttpConnection, known: Known): Promise<boolean> {
    const { candidate, token } = known
    const { ok, answer } = await this.#send(connection, 'read', { method: 'GET', path: '/api/form', token })
    if (answer === undefined || !ok) return false
    const { version, receipt, choices } = JSON.parse(answer.body) as SavedBody
    known.version = version
    this.#options.history?.add({
      kind: 'read',
      candidate,
      version,
      receipt,
      ...(version === 0 ? {} : { choices }),
    })
    return true
  }

  async #save(
    connection: HttpConnection,
    known: Known,
    ifMatch: number,
    choices: readonly Choice[],
  ): Promise<boolean> {
    const { candidate, token } = known
    const body = JSON.stringify({ choices })
    const request = { method: 'PUT', path: '/api/form', token, body, ifMatch } as const
    const { ok, answer } = await this.#send(connection, 'save', request)
    const line = { kind: 'save', candidate, choices } as const
    known.version = undefined
    if (ok && answer !== undefined) {
      const { version, receipt, savedAt } = JSON.parse(answer.body) as SavedBody
      known.version = version
      this.#options.history?.add({ ...line, outcome: 'saved', version, receipt, savedAt })
      return true
    }
    const code = codeOf(answer)
    if (code === 'version-mismatch') known.version = standingVersion(answer)
    const outcome = answer === undefined || isOpen(answer, code) ? 'unknown' : 'refused'
    this.#options.history?.add({ ...line, outcome, code })
    return false
  }

  async #send(
    connection: HttpConnection,
    kind: AskKind,
    request: LoadRequest,
  ): Promise<{ readonly ok: boolean; readonly answer: LoadAnswer | undefined }> {
    const startedMs = performance.now()
    this.inFlight += 1
    const answer = await connection.send(request)
    this.inFlight -= 1
    const ok = answer !== undefined && answer.status >= 200 && answer.status < 300
    const { latencies, refused } = this.#counted[kind]
    if (ok) latencies.add(performance.now() - startedMs)
    else refused.set(codeOf(answer), (refused.get(codeOf(answer)) ?? 0) + 1)
    this.#options.onAnswer?.(kind, ok)
    return { ok, answer }
  }
}

interface SavedBody {
  readonly version: number
  readonly receipt?: string
  readonly savedAt?: string
  readonly choices?: readonly Choice[]
}

/** A gateway's 502 says nothing about what became of a request that it passed on. */
function isOpen({ status }: LoadAnswer, code: string): boolean {
  return code === 'outcome-unknown' || code === 'internal' || (status >= 500 && code.startsWith('status'))
}

/** A refusal because of the version says which one stands. */
function standingVersion(answer: LoadAnswer | undefined): number | undefined {
  if (answer === undefined) return undefined
  return (JSON.parse(answer.body) as { readonly form?: { readonly version: number } }).form?.version
}

function newCounts(): Record<AskKind, Counted> {
  const one = (): Counted => ({ latencies: new Latencies(), refused: new Map() })
  return { read: one(), save: one(), exam: one(), teacher: one() }
}

/** A gateway in front answers without a code. */
function codeOf(answer: LoadAnswer | undefined): string {
  if (answer === undefined) return 'no answer'
  return /"code":"([a-z-]+)"/.exec(answer.body)?.[1] ?? `status ${answer.status}`
}
