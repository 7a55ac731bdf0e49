/**
 * The listener on Bun.serve.
 *
 * Malformed requests (400, 505), header bombs (431) and broken chunks (400) are answered by Bun itself, bare, and
 * never reach the handler. What cannot be made the same as on Node, because Bun shows no raw request target:
 *
 * - dot segments, also spelled `%2e`, are resolved before the path is seen (`/c/%2e%2e` arrives as `/`), and `\`
 *   arrives as `/`; on Node both arrive as sent. Browsers, fetch and URL objects do the same before sending.
 * - bytes above 127 in the target, which HTTP does not allow, arrive percent-encoded, and as `%EF%BF%BD` where they
 *   are no UTF-8; on Node they are a 400.
 * - headers that stop arriving end the connection without an answer after Bun's own 10 to 12 s; `headersTimeoutMs`
 *   and its 408 are for Node alone. A method that HTTP does not know ends it at once, on Node it is a 400.
 */
import { systemClock } from '../kit/clock.ts'
import { SpillwayError } from '../errors.ts'
import {
  bindError,
  bodyBroken,
  bodyLate,
  bodyTwice,
  BODY_TIMEOUT_MS,
  closedReply,
  DISCARD_BYTES_MAX,
  IDLE_TIMEOUT_MS,
  NO_BODY,
  overloadedReply,
  LINGER_MS,
  REQUESTS_MAX,
  tooLarge,
  urlOf,
} from './http-bounds.ts'
import { Deadlines } from './http-deadlines.ts'
import type { Awaited } from './http-deadlines.ts'
import type { HttpListener, HttpListenerOptions, HttpReply, HttpRequest } from './http-exchange.ts'

/** What we use of Bun; its types would bring a second set of globals. */
interface BunServer {
  readonly port: number
  stop(closeActiveConnections: boolean): Promise<void>
  reload(options: { fetch: (request: Request) => Response }): void
}
interface BunRuntime {
  serve(options: {
    hostname: string
    port: number
    idleTimeout: number
    maxRequestBodySize: number
    development: boolean
    reusePort: boolean
    fetch: (request: Request) => Response | Promise<Response>
    error: (error: unknown) => Response
  }): BunServer
}

/** What all requests of a listener share. */
interface Shared {
  readonly bodyBytesMax: number
  readonly bodyTimeoutMs: number
  readonly deadlines: Deadlines
  readonly tagged: TaggedHeaders
  /** Every answer ends its connection. */
  closing: boolean
}

const SLASH = 0x2f
/** Longer than a client that was turned away needs to be at another server, or to wait for this one's successor. */
const QUIET_MS = 100
const TURN_AWAY_MS = 1_000

export async function listenOnBun(options: HttpListenerOptions): Promise<HttpListener> {
  const { Bun } = globalThis as unknown as { Bun: BunRuntime }
  const { host } = options
  let server: BunServer
  const { bodyBytesMax, bodyTimeoutMs = BODY_TIMEOUT_MS } = options
  const deadlines = new Deadlines(bodyTimeoutMs)
  const shared: Shared = {
    bodyBytesMax,
    bodyTimeoutMs,
    deadlines,
    tagged: new TaggedHeaders(),
    closing: false,
  }
  try {
    server = Bun.serve({
      hostname: host,
      port: options.port,
      idleTimeout: Math.min(255, Math.ceil((options.idleTimeoutMs ?? IDLE_TIMEOUT_MS) / 1_000)),
      // The bound is kept in body(), which lets the handler say so; Bun's own would answer with a bare 413.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
      // Without it Bun 1.4 shares a port with whoever else takes it so, another tier's server for example.
      reusePort: false,
      fetch: exchange(options, shared),
      error: (error) => {
        options.onDefect(error)
        return new Response(null, { status: 500 })
      },
    })
  } catch (error) {
    throw bindError(error, host, options.port)
  }
  let closed: Promise<void> | undefined
  return {
    port: server.port,
    url: urlOf(host, server.port),
    close({ graceMs }) {
      shared.closing = true
      closed ??= stop(server, graceMs)
      return closed
    },
  }
}

/**
 * Bun stops to listen and closes idle connections at one moment, and can do neither alone: a request that is on its
 * way then, on an old connection or on one that nobody has accepted yet, would get no answer (of 480 clients that sent
 * 150 requests a second each, 141 had none). So nobody may be about to send when that moment comes:
 *
 *   0 ──── every answer closes its connection ──── LINGER_MS ──── and says `closed`: use another one ──── stop
 *                                                        until nothing has come for QUIET_MS, TURN_AWAY_MS at most
 */
async function stop(server: BunServer, graceMs: number): Promise<void> {
  const deadline = systemClock.monotonic() + graceMs
  const left = (): number => Math.max(0, deadline - systemClock.monotonic())
  await systemClock.sleep(Math.min(graceMs, LINGER_MS))
  let last = systemClock.monotonic()
  server.reload({
    fetch: () => {
      last = systemClock.monotonic()
      return turnedAway()
    },
  })
  const turnAwayUntil = last + Math.min(left(), TURN_AWAY_MS)
  for (;;) {
    const now = systemClock.monotonic()
    const ms = Math.min(last + QUIET_MS, turnAwayUntil) - now
    if (ms <= 0) break
    await systemClock.sleep(ms)
  }
  const cancel = systemClock.after(left(), () => void server.stop(true))
  await server.stop(false)
  cancel()
}

function turnedAway(): Response {
  const { status, headers, body } = closedReply()
  return new Response(body, { status, headers: { ...headers, connection: 'close' } })
}

function exchange(
  options: HttpListenerOptions,
  shared: Shared,
): (request: Request) => Response | Promise<Response> {
  const { handler, onDefect, requestsMax = REQUESTS_MAX } = options
  let waiting = 0

  function failed(request: BunRequest, error: unknown): Response {
    onDefect(error)
    return request.response({ status: 500 })
  }

  return (native) => {
    const request = new BunRequest(native, shared)
    if (waiting >= requestsMax) return request.response(overloadedReply(requestsMax))
    let reply
    try {
      reply = handler(request)
    } catch (error) {
      return failed(request, error)
    }
    if (!(reply instanceof Promise)) return request.response(reply)
    waiting++
    return reply.then(
      (settled) => {
        waiting--
        return request.response(settled)
      },
      (error: unknown) => {
        waiting--
        return failed(request, error)
      },
    )
  }
}

class BunRequest implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly #native: Request
  readonly #shared: Shared
  #bodyTaken = false
  #awaited: AwaitedBody | undefined = undefined
  /** As the headers have it; asked for at most once, since each look at a header makes a string. */
  #announced: string | null | undefined = undefined

  constructor(native: Request, shared: Shared) {
    this.#native = native
    this.#shared = shared
    this.method = native.method
    const { url } = native
    // With a Host header that is no authority the URL is the bare target.
    const start = url.charCodeAt(0) === SLASH ? 0 : url.indexOf('/', url.indexOf('//') + 2)
    const mark = url.indexOf('?', start)
    this.path = mark < 0 ? url.slice(start) : url.slice(start, mark)
    this.query = mark < 0 ? '' : url.slice(mark + 1)
  }

  header(name: string): string | undefined {
    if (name === 'content-length') return this.#contentLength() ?? undefined
    return this.#native.headers.get(name) ?? undefined
  }

  get signal(): AbortSignal {
    return this.#native.signal
  }

  body(): Promise<Uint8Array> {
    if (this.#bodyTaken) return Promise.reject(bodyTwice())
    this.#bodyTaken = true
    const { bodyBytesMax } = this.#shared
    const announced = this.#contentLength()
    if (announced === null && this.header('transfer-encoding') === undefined) return Promise.resolve(NO_BODY)
    if (Number(announced) > bodyBytesMax) return Promise.reject(tooLarge(bodyBytesMax))
    const whole = announced === null ? this.#collect(bodyBytesMax) : this.#native.bytes()
    this.#awaited = new AwaitedBody(whole, this.#shared)
    return this.#awaited.inTime
  }

  /** A body of unannounced length, up to the bound; what comes after it is thrown away. */
  async #collect(bytesMax: number): Promise<Uint8Array> {
    const reader = this.#native.body?.getReader()
    if (reader === undefined) return NO_BODY
    const chunks: Uint8Array[] = []
    for (let bytes = 0; ;) {
      const { done, value } = await reader.read()
      if (done) return Buffer.concat(chunks, bytes)
      bytes += value.byteLength
      if (bytes > bytesMax) {
        void discard(reader)
        throw tooLarge(bytesMax)
      }
      chunks.push(value)
    }
  }

  response(reply: HttpReply): Response {
    if (this.#awaited?.isLate === true)
      return new Response(null, { status: 408, headers: { connection: 'close' } })
    const { status, headers, etag, body = null } = reply
    if (this.#mustClose()) {
      const last = { ...headers, connection: 'close' }
      return new Response(body, { status, headers: etag === undefined ? last : { ...last, etag } })
    }
    if (etag !== undefined)
      return new Response(body, { status, headers: this.#shared.tagged.of(headers, etag) })
    return new Response(body, headers === undefined ? { status } : { status, headers })
  }

  #contentLength(): string | null {
    if (this.#announced === undefined) this.#announced = this.#native.headers.get('content-length')
    return this.#announced
  }

  /** What is announced and not read Bun throws away by itself, whatever it is. */
  #mustClose(): boolean {
    if (this.#shared.closing) return true
    if (this.method === 'GET') return false
    return Number(this.#contentLength() ?? 0) > DISCARD_BYTES_MAX
  }
}

/** A body on its way, until it is there or late. */
class AwaitedBody implements Awaited {
  readonly inTime: Promise<Uint8Array>
  isLate = false
  sinceTick = 0
  previous: Awaited | undefined = undefined
  next: Awaited | undefined = undefined
  readonly #shared: Shared
  #reject: ((error: unknown) => void) | undefined = undefined

  constructor(whole: Promise<Uint8Array>, shared: Shared) {
    this.#shared = shared
    this.inTime = new Promise((resolve, reject) => {
      this.#reject = reject
      shared.deadlines.begin(this)
      whole.then(
        (body) => {
          if (this.isLate) return
          shared.deadlines.end(this)
          resolve(body)
        },
        (error: unknown) => {
          if (this.isLate) return
          shared.deadlines.end(this)
          reject(error instanceof SpillwayError ? error : bodyBroken(error))
        },
      )
    })
  }

  late(): void {
    this.isLate = true
    this.#reject?.(bodyLate(this.#shared.bodyTimeoutMs))
  }
}

/**
 * The headers of replies that differ only in their ETag, as Bun has them inside: a Response copies those in a piece,
 * and an object name by name, which costs 1 to 1.5 us more for three. The last object that replies shared is kept.
 */
class TaggedHeaders {
  #given: Readonly<Record<string, string>> | undefined = undefined
  #headers = new Headers()

  /** Good until the next call: a Response has made its copy by then. */
  of(given: Readonly<Record<string, string>> | undefined, etag: string): Headers {
    if (given !== this.#given) {
      this.#given = given
      this.#headers = new Headers(given ?? {})
    }
    this.#headers.set('etag', etag)
    return this.#headers
  }
}

async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    for (let bytes = 0; bytes <= DISCARD_BYTES_MAX;) {
      const { done, value } = await reader.read()
      if (done) return
      bytes += value.byteLength
    }
    await reader.cancel()
  } catch {
    // The client went away, which is what was hoped for.
  }
}
