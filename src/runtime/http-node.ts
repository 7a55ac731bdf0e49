/**
 * The listener on node:http.
 *
 * Malformed requests (400), header bombs (431) and slow headers or bodies (408) are answered by node:http itself,
 * bare, and never reach the handler. Timeouts are checked every second, or four times per timeout if that is more.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../kit/clock.ts'
import {
  bindError,
  bodyBroken,
  bodyTwice,
  BODY_TIMEOUT_MS,
  DISCARD_BYTES_MAX,
  HEADERS_BYTES_MAX,
  HEADERS_MAX,
  HEADERS_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  NO_BODY,
  overloadedReply,
  LINGER_MS,
  REQUESTS_MAX,
  tooLarge,
  urlOf,
} from './http-bounds.ts'
import { COPIED_BYTES_MAX } from './http-exchange.ts'
import type { HttpListener, HttpListenerOptions, HttpReply, HttpRequest } from './http-exchange.ts'
import { pathAndQuery } from './http-target.ts'

export async function listenOnNode(options: HttpListenerOptions): Promise<HttpListener> {
  const headersTimeoutMs = options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS
  const bodyTimeoutMs = options.bodyTimeoutMs ?? BODY_TIMEOUT_MS
  const requestTimeout = headersTimeoutMs + bodyTimeoutMs
  const server = createServer({
    joinDuplicateHeaders: true,
    maxHeaderSize: HEADERS_BYTES_MAX,
    headersTimeout: headersTimeoutMs,
    requestTimeout,
    keepAliveTimeout: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
    connectionsCheckingInterval: Math.ceil(Math.min(1_000, headersTimeoutMs / 4, bodyTimeoutMs / 4)),
  })
  // Headers beyond this count would be dropped in silence; begin() refuses them.
  server.maxHeadersCount = 0
  const exchange = exchanges(options)
  server.on('request', (incoming, outgoing) => exchange.begin(incoming, outgoing, false))
  server.on('checkContinue', (incoming, outgoing) => exchange.begin(incoming, outgoing, true))
  await listening(server, options)
  const { port } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    port,
    url: urlOf(options.host, port),
    close({ graceMs }) {
      closed ??= new Promise((resolve) => {
        exchange.closing = true
        const cancels = [
          // An idle connection that is closed at once may carry a request already, which then gets no answer.
          systemClock.after(Math.min(graceMs, LINGER_MS), () => server.close()),
          systemClock.after(graceMs, () => server.closeAllConnections()),
        ]
        // Only accepts no more: what comes on the open connections is answered, and closes them.
        NetServer.prototype.close.call(server, () => {
          for (const cancel of cancels) cancel()
          server.close()
          resolve()
        })
      })
      return closed
    },
  }
}

function listening(server: Server, { host, port }: HttpListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(bindError(error, host, port))
    server.once('error', failed)
    server.listen(port, host, () => {
      server.off('error', failed)
      resolve()
    })
  })
}

interface Exchanges {
  closing: boolean
  begin(incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean): void
}

function exchanges({
  handler,
  onDefect,
  bodyBytesMax,
  requestsMax = REQUESTS_MAX,
}: HttpListenerOptions): Exchanges {
  let waiting = 0
  const state: Exchanges = { closing: false, begin }

  function begin(incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean): void {
    const target = pathAndQuery(incoming.url ?? '')
    const request = new NodeRequest(incoming, outgoing, target, bodyBytesMax, expectsContinue)
    if (target === undefined) return send(request, { status: 400 })
    if (incoming.rawHeaders.length > 2 * HEADERS_MAX) return send(request, { status: 431 })
    if (waiting >= requestsMax) return send(request, overloadedReply(requestsMax))
    let reply
    try {
      reply = handler(request)
    } catch (error) {
      return failed(request, error)
    }
    if (!(reply instanceof Promise)) return send(request, reply)
    waiting++
    reply.then(
      (settled) => {
        waiting--
        send(request, settled)
      },
      (error: unknown) => {
        waiting--
        failed(request, error)
      },
    )
  }

  function send(request: NodeRequest, reply: HttpReply): void {
    request.send(reply, state.closing)
  }

  function failed(request: NodeRequest, error: unknown): void {
    onDefect(error)
    send(request, { status: 500 })
  }

  return state
}

class NodeRequest implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #bodyBytesMax: number
  #expectsContinue: boolean
  #bodyTaken = false
  #controller: AbortController | undefined

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    target: { path: string; query: string } | undefined,
    bodyBytesMax: number,
    expectsContinue: boolean,
  ) {
    this.method = incoming.method ?? ''
    this.path = target?.path ?? ''
    this.query = target?.query ?? ''
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#bodyBytesMax = bodyBytesMax
    this.#expectsContinue = expectsContinue
  }

  header(name: string): string | undefined {
    const value = this.#incoming.headers[name]
    return typeof value === 'object' ? value.join(', ') : value
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController()
      const outgoing = this.#outgoing
      const gone = (): void => {
        if (!outgoing.writableFinished) controller.abort()
      }
      if (outgoing.destroyed || outgoing.socket === null) gone()
      else outgoing.once('close', gone)
      this.#controller = controller
    }
    return this.#controller.signal
  }

  body(): Promise<Uint8Array> {
    if (this.#bodyTaken) return Promise.reject(bodyTwice())
    this.#bodyTaken = true
    if (announcedBytes(this.#incoming) > this.#bodyBytesMax)
      return Promise.reject(tooLarge(this.#bodyBytesMax))
    if (this.#expectsContinue) {
      this.#expectsContinue = false
      this.#outgoing.writeContinue()
    }
    return new Promise((resolve, reject) => this.#collect(resolve, reject))
  }

  #collect(resolve: (body: Uint8Array) => void, reject: (error: unknown) => void): void {
    const incoming = this.#incoming
    if (incoming.destroyed && !incoming.complete) return reject(bodyBroken(incoming.errored))
    const chunks: Buffer[] = []
    let bytes = 0
    incoming.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= this.#bodyBytesMax) chunks.push(chunk)
      else if (bytes > DISCARD_BYTES_MAX) incoming.destroy()
      else {
        chunks.length = 0
        reject(tooLarge(this.#bodyBytesMax))
      }
    })
    incoming.on('end', () => resolve(joined(chunks, bytes)))
    incoming.on('error', (error) => reject(bodyBroken(error)))
  }

  send(reply: HttpReply, closing: boolean): void {
    const outgoing = this.#outgoing
    const body = reply.body ?? NO_BODY
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
    const head: (string | number)[] = []
    for (const name in reply.headers) head.push(name, reply.headers[name] ?? '')
    if (reply.etag !== undefined) head.push('etag', reply.etag)
    if (reply.status !== 204 && reply.status !== 304) head.push('content-length', bytes)
    if (closing || this.#mustClose()) head.push('connection', 'close')
    outgoing.writeHead(reply.status, head as never)
    // Text goes out in one piece with the headers, bytes in a piece of their own; ASCII needs no encoding.
    if (typeof body === 'string') outgoing.end(body, bytes === body.length ? 'latin1' : 'utf8')
    else if (bytes <= COPIED_BYTES_MAX) outgoing.end(latin1(body), 'latin1')
    else outgoing.end(body)
  }

  /** Whether more of the body may come than is worth reading, or whether nobody knows if it comes. */
  #mustClose(): boolean {
    return (
      this.#expectsContinue ||
      (!this.#incoming.complete && announcedBytes(this.#incoming) > DISCARD_BYTES_MAX)
    )
  }
}

/** Text that is these bytes again when it is written as latin1. */
function latin1(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString('latin1')
}

/** Looked up in the raw headers: making the object of all of them is worth it only where several are asked for. */
function announcedBytes({ rawHeaders }: IncomingMessage): number {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(rawHeaders[index + 1])
  }
  return 0
}

/** A copy, always: what the socket delivers is a piece of a 64 KiB buffer that would be kept alive by it. */
function joined(chunks: readonly Buffer[], bytes: number): Uint8Array {
  if (bytes === 0) return NO_BODY
  const body = new Uint8Array(bytes)
  let offset = 0
  for (const chunk of chunks) {
    body.set(chunk, offset)
    offset += chunk.length
  }
  return body
}
