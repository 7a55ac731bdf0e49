/**
 * One call over HTTP: sent once, answered by a deadline, every failure a `SpillwayError`.
 *
 * What a failure means depends on the call. A read that failed has happened to nobody: `unavailable`. A write may
 * have reached the server, so it is `outcome-unknown`, unless the connection was never made, or the server itself
 * said what became of it. Nothing is ever sent a second time.
 */
import { ERRORS, SpillwayError, isSpillwayError } from '../errors.ts'
import { systemClock, withDeadline } from '../kit/clock.ts'
import type { ErrorCode } from '../errors.ts'

export interface TransportOptions {
  readonly url: string
  readonly token: string | undefined
  readonly fetch: typeof fetch
  /** For an answer, beyond the waiting that a call asks for. */
  readonly timeoutMs: number
}

export interface Call {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly path: string
  /** True: sent without an answer, something may have happened. */
  readonly writes: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** JSON text. */
  readonly body?: string | Uint8Array
  /** Time that the server was asked to wait. */
  readonly waitMs?: number
  readonly signal?: AbortSignal | undefined
}

/** What a problem on the wire holds that we use. */
interface ProblemBody {
  readonly code?: unknown
  readonly detail?: unknown
  readonly retryAfter?: unknown
  readonly entry?: unknown
}

const LOOK = 'Read the record before sending the write again.'

export class Transport {
  readonly #options: TransportOptions

  constructor(options: TransportOptions) {
    this.#options = options
  }

  /** The bytes of a good answer. */
  async send(call: Call): Promise<Uint8Array> {
    const { timeoutMs } = this.#options
    call.signal?.throwIfAborted()
    const ms = timeoutMs + (call.waitMs ?? 0)
    try {
      return await withDeadline(
        systemClock,
        ms,
        (deadline) => this.#exchange(call, deadline),
        () => late(call, ms),
      )
    } catch (error) {
      throw isSpillwayError(error) ? error : failure(call, error, this.#options.url)
    }
  }

  async #exchange(call: Call, deadline: AbortSignal): Promise<Uint8Array> {
    const { url, token, fetch: send } = this.#options
    const reply = await send(url + call.path, {
      method: call.method,
      headers: {
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...call.headers,
      },
      // A redirect would carry the token, or turn a write into a read.
      redirect: 'manual',
      signal: call.signal === undefined ? deadline : AbortSignal.any([deadline, call.signal]),
      ...(call.body === undefined ? {} : { body: call.body as Uint8Array<ArrayBuffer> | string }),
    })
    const bytes = new Uint8Array(await reply.arrayBuffer())
    if (reply.ok) return bytes
    throw refusal(call, reply.status, bytes)
  }
}

function late({ writes, method, path }: Call, ms: number): SpillwayError {
  const what = `${method} ${path} had no answer within ${ms} ms.`
  return writes
    ? new SpillwayError('outcome-unknown', `${what} ${LOOK}`)
    : new SpillwayError('unavailable', what)
}

/** What the names of errors in Node, Bun and their fetch say: no connection was made, so nothing was sent. */
const NEVER_CONNECTED =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused|FailedToOpenSocket)$/

function neverConnected(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && NEVER_CONNECTED.test(String(at.code))) return true
  }
  return false
}

/** What a fetch that threw means. */
function failure(call: Call, cause: unknown, url: string): unknown {
  if (neverConnected(cause)) {
    return new SpillwayError(
      'unavailable',
      `No connection to ${url}: is the server running? Nothing was sent.`,
      { cause },
    )
  }
  const aborted = call.signal?.aborted === true
  if (call.writes) {
    const why = aborted ? 'was given up' : 'broke off'
    return new SpillwayError(
      'outcome-unknown',
      `${call.method} ${call.path} ${why} before its answer came. ${LOOK}`,
      { cause },
    )
  }
  if (aborted) return call.signal?.reason
  return new SpillwayError('unavailable', `${call.method} ${call.path} broke off before its answer came.`, {
    cause,
  })
}

/** An answer that is no success, as the error that it tells of. */
function refusal(call: Call, status: number, bytes: Uint8Array): SpillwayError {
  const problem = problemIn(bytes)
  if (problem !== undefined) return errorFrom(problem)
  return strangerSaid(call, status)
}

function problemIn(bytes: Uint8Array): ProblemBody | undefined {
  try {
    const body: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof body === 'object' && body !== null && 'code' in body) return body
  } catch {
    // Not JSON: then it is no problem of ours, and its status has to speak for it.
  }
  return undefined
}

/** A problem as it came, from an answer or out of a batch's results. */
export function errorFrom({ code, detail, retryAfter, entry }: ProblemBody): SpillwayError {
  const text = typeof detail === 'string' ? detail : 'The server gave no detail.'
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code)) {
    return new SpillwayError('internal', `The server answered with the unknown code ${String(code)}: ${text}`)
  }
  return new SpillwayError(code as ErrorCode, text, {
    ...(typeof retryAfter === 'number' ? { retryAfterMs: retryAfter * 1000 } : {}),
    ...(typeof entry === 'string' ? { entry } : {}),
  })
}

/** By status, where a proxy or another server answered: it knows nothing of what became of a write. */
function strangerSaid({ writes, method, path }: Call, status: number): SpillwayError {
  const said = `${method} ${path} was answered with ${status}, and not by Spillway.`
  if (status >= 500 || status === 408) {
    return writes
      ? new SpillwayError('outcome-unknown', `${said} ${LOOK}`)
      : new SpillwayError('unavailable', said)
  }
  const code = CODE_OF_STATUS[status] ?? 'invalid'
  return new SpillwayError(code, `${said} Check the URL that was given to connect.`)
}

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'too-large',
  429: 'overloaded',
}
