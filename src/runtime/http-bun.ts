/**
 * The listener on Bun.serve.
 *
 * Malformed requests (400, 505), header bombs (431) and broken chunks (400) are answered by Bun itself, bare, and
 * never reach the handler. What cannot be made the same as on Node, because Bun shows no raw request target:
 *
 * - dot segments, also spelled `%2e`, are resolved before the path is seen (`/c/%2e%2e` arrives as `/`), and `\`
 *   arrives as `/`; on Node both arrive as sent. Browsers, fetch and URL objects do the same before sending.
 * - raw bytes in the target that are no UTF-8 arrive as `%EF%BF%BD`; on Node they are a 400.
 */
import { systemClock } from '../kit/clock.ts'
import {
  bindError,
  bodyBroken,
  bodyLate,
  bodyTwice,
  BODY_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  NO_BODY,
  overloadedReply,
  REQUESTS_MAX,
  tooLarge,
  UNREAD_BYTES_MAX,
  urlOf,
} from './http-bounds.ts'
import type { HttpListener, HttpListenerOptions, HttpReply, HttpRequest } from './http-listener.ts'

/** What we use of Bun; its types would bring a second set of globals. */
interface BunServer {
  readonly port: number
  stop(closeActiveConnections: boolean): Promise<void>
}
interface BunRuntime {
  serve(options: {
    hostname: string
    port: number
    idleTimeout: number
    maxRequestBodySize: number
    development: boolean
    fetch: (request: Request) => Response | Promise<Response>
    error: (error: unknown) => Response
  }): BunServer
}

export async function listenOnBun(options: HttpListenerOptions): Promise<HttpListener> {
  const { Bun } = globalThis as unknown as { Bun: BunRuntime }
  const { host } = options
  let server: BunServer
  try {
    server = Bun.serve({
      hostname: host,
      port: options.port,
      idleTimeout: Math.min(255, Math.ceil((options.idleTimeoutMs ?? IDLE_TIMEOUT_MS) / 1_000)),
      // The bound is kept in body(), which lets the handler say so; Bun's own would answer with a bare 413.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
      fetch: exchange(options),
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
      closed ??= stop(server, graceMs)
      return closed
    },
  }
}

async function stop(server: BunServer, graceMs: number): Promise<void> {
  const cancel = systemClock.after(graceMs, () => void server.stop(true))
  await server.stop(false)
  cancel()
}

function exchange(options: HttpListenerOptions): (request: Request) => Response | Promise<Response> {
  const { handler, onDefect, requestsMax = REQUESTS_MAX } = options
  let waiting = 0

  function failed(request: BunRequest, error: unknown): Response {
    onDefect(error)
    return request.response({ status: 500 })
  }

  return (native) => {
    const request = new BunRequest(native, options)
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
  readonly #options: HttpListenerOptions
  /** `broken`: what is left of the body will not be read, so the connection cannot be used again. */
  #body: 'untouched' | 'taken' | 'broken' | 'late' = 'untouched'

  constructor(native: Request, options: HttpListenerOptions) {
    this.#native = native
    this.#options = options
    this.method = native.method
    const { url } = native
    // With a Host header that is no authority the URL is the bare target.
    const start = url.charCodeAt(0) === 0x2f ? 0 : url.indexOf('/', url.indexOf('//') + 2)
    const mark = url.indexOf('?', start)
    this.path = mark < 0 ? url.slice(start) : url.slice(start, mark)
    this.query = mark < 0 ? '' : url.slice(mark + 1)
  }

  header(name: string): string | undefined {
    return this.#native.headers.get(name) ?? undefined
  }

  get signal(): AbortSignal {
    return this.#native.signal
  }

  async body(): Promise<Uint8Array> {
    if (this.#body !== 'untouched') throw bodyTwice()
    this.#body = 'taken'
    const { bodyBytesMax, bodyTimeoutMs = BODY_TIMEOUT_MS } = this.#options
    const announced = this.header('content-length')
    if (announced === undefined && this.header('transfer-encoding') === undefined) return NO_BODY
    if (Number(announced ?? 0) > bodyBytesMax) {
      this.#body = 'broken'
      throw tooLarge(bodyBytesMax)
    }
    const { promise: late, reject } = Promise.withResolvers<never>()
    const cancel = systemClock.after(bodyTimeoutMs, () => {
      this.#body = 'late'
      reject(bodyLate(bodyTimeoutMs))
    })
    try {
      const whole = announced === undefined ? this.#collect(bodyBytesMax) : this.#native.bytes()
      return await Promise.race([whole, late])
    } catch (error) {
      if (this.#body === 'taken') this.#body = 'broken'
      throw error instanceof DOMException ? bodyBroken(error) : error
    } finally {
      cancel()
    }
  }

  /** A body of unannounced length, up to the bound and no further. */
  async #collect(bytesMax: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of this.#native.body ?? []) {
      bytes += chunk.byteLength
      if (bytes > bytesMax) throw tooLarge(bytesMax)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, bytes)
  }

  response(reply: HttpReply): Response {
    if (this.#body === 'late') return new Response(null, { status: 408, headers: { connection: 'close' } })
    const { status, headers = {}, body = null } = reply
    return new Response(body, { status, headers: this.#mustClose() ? { ...headers, connection: 'close' } : headers })
  }

  #mustClose(): boolean {
    if (this.#body === 'broken') return true
    if (this.#body === 'taken' || this.method === 'GET') return false
    const announced = this.header('content-length')
    return announced === undefined ? this.header('transfer-encoding') !== undefined : Number(announced) > UNREAD_BYTES_MAX
  }
}
