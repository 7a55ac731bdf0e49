/** What the listeners of both runtimes carry: requests and replies in the thinnest shape. */

export interface HttpRequest {
  readonly method: string
  /** The path as it was sent, still percent-encoded, without the query: `/v1/records/c/a%2Fb`. */
  readonly path: string
  /** What stands after the first `?`, undecoded; empty when there is none. */
  readonly query: string
  /**
   * The value of a header by its lower-case name. Of a header that was sent more than once the values come joined
   * by `, `, as RFC 9110 has it, so that two `If-Match: "1"` are seen as the list that they are.
   */
  header(name: string): string | undefined
  /**
   * The whole body, once; empty when there is none. Rejects with `too-large` above `bodyBytesMax`, of which never
   * more than that is held (the rest is read and thrown away up to 256 MiB, then the connection is closed), and with
   * `invalid` when the client ends or breaks it, or does not get through with it in `bodyTimeoutMs`: then the client
   * gets a bare 408, whatever is replied, and the connection is closed.
   */
  body(): Promise<Uint8Array>
  /** Aborted when the client goes away before the reply was sent. Made on first use: ask for it only to wait. */
  readonly signal: AbortSignal
}

export interface HttpReply {
  readonly status: number
  /**
   * Lower-case names. `content-length`, `date` and `connection` are added here. Best the same object in many replies,
   * never changed: what the runtime makes of it is then made once.
   */
  readonly headers?: Readonly<Record<string, string>>
  /** The ETag, quotes and all, which is no part of `headers`: it is of this reply alone. */
  readonly etag?: string
  /** Bytes up to `COPIED_BYTES_MAX` of a reply that came at once may change as soon as the listener has taken it. */
  readonly body?: string | Uint8Array
}

/** Copied where it is sent: a longer body is sent from where it lies. */
export const COPIED_BYTES_MAX = 32 * 1_024

export interface HttpListenerOptions {
  /** Address or name to bind: `127.0.0.1`, `::1`, `0.0.0.0`. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Has to answer its own errors: a throw is answered with a bare 500 and reported to `onDefect`. */
  readonly handler: (request: HttpRequest) => HttpReply | Promise<HttpReply>
  /** What a handler threw. */
  readonly onDefect: (error: unknown) => void
  /** The largest body that `body()` reads. */
  readonly bodyBytesMax: number
  /** Time for a request line and headers to arrive, then 408. Default 15,000. */
  readonly headersTimeoutMs?: number
  /** Time for a body to arrive, then 408. Default 30,000. */
  readonly bodyTimeoutMs?: number
  /**
   * How long a connection without traffic is kept. On Bun it also ends a request that is still being answered, so it
   * has to be above the longest wait of a handler; whole seconds, at most 255. Default 75,000.
   */
  readonly idleTimeoutMs?: number
  /** Requests being answered at a time; one more is answered 429 `overloaded` at once. Default 10,000. */
  readonly requestsMax?: number
}

export interface HttpListener {
  readonly url: string
  readonly port: number
  /**
   * Accepts no more connections, lets the requests in flight end for up to `graceMs`, then closes what is left.
   * Idle keep-alive connections are closed as soon as no request is in flight. Twice is fine.
   */
  close(options: { readonly graceMs: number }): Promise<void>
}
