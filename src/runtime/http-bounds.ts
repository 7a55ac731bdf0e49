/** What both listeners share: their default bounds, and the words in which they refuse. */
import { ERRORS, SpillwayError } from '../errors.ts'
import type { HttpReply } from './http-exchange.ts'

export const HEADERS_TIMEOUT_MS = 15_000
export const BODY_TIMEOUT_MS = 30_000
export const IDLE_TIMEOUT_MS = 75_000
/** Requests that wait for an answer at a time; each holds its own body at most once, and a socket. */
export const REQUESTS_MAX = 10_000
/** Request line and headers, the smaller of what the two runtimes are set to by default. */
export const HEADERS_BYTES_MAX = 16_384
/** What Bun takes; with one more it answers 431. */
export const HEADERS_MAX = 198
/**
 * What is read and thrown away of a body that is refused or that nobody asks for, so that clients that send before
 * they read get to see the answer: with the connection closed at once, 10 of 30 uploads of 100 MiB by Node's fetch
 * ended in EPIPE instead of the 413. Above it the connection is closed.
 */
export const DISCARD_BYTES_MAX = 256 << 20

export const NO_BODY = new Uint8Array(0)

export function tooLarge(bytesMax: number): SpillwayError {
  return new SpillwayError('too-large', `The body is above the limit of ${bytesMax} bytes.`)
}

export function bodyBroken(cause: unknown): SpillwayError {
  return new SpillwayError('invalid', 'The connection ended before the whole body had arrived.', { cause })
}

export function bodyLate(ms: number): SpillwayError {
  return new SpillwayError('invalid', `The body did not arrive within ${ms} ms; the connection is closed.`)
}

export function bodyTwice(): SpillwayError {
  return new SpillwayError('internal', 'The body of a request can be read once.')
}

/** Refuses before anything has happened; like every problem of the server, so that clients need one parser. */
export function overloadedReply(requestsMax: number): HttpReply {
  return refusal(
    'overloaded',
    `${requestsMax} requests are being answered, as many as this server takes; nothing has happened.`,
  )
}

/** The same from a server that is about to stop. */
export function closedReply(): HttpReply {
  return refusal('closed', 'This server is ending; send requests to another one. Nothing has happened.')
}

function refusal(code: 'overloaded' | 'closed', detail: string): HttpReply {
  const { status, meaning, retryAfterSeconds } = ERRORS[code]
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'retry-after': `${retryAfterSeconds}` },
    body: JSON.stringify({
      type: 'about:blank',
      title: meaning,
      status,
      code,
      detail,
      retryAfter: retryAfterSeconds,
    }),
  }
}

/** What binding a port failed with, in words. */
export function bindError(error: unknown, host: string, port: number): unknown {
  const code = (error as { code?: unknown } | null)?.code
  const where = `port ${port} on ${host}`
  const options = { cause: error }
  if (code === 'EADDRINUSE') {
    return new SpillwayError(
      'unavailable',
      `Cannot listen: ${where} is in use. End what listens there, or choose another port.`,
      options,
    )
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new SpillwayError(
      'unavailable',
      `Cannot listen: this user may not open ${where}. Ports above 1023 need no rights.`,
      options,
    )
  }
  if (typeof code === 'string') {
    return new SpillwayError(
      'invalid',
      `Cannot listen on ${where} (${code}): the host is no address of this machine.`,
      options,
    )
  }
  return error
}

export function urlOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** How long connections without a request stay open at a stop. */
export const LINGER_MS = 500
