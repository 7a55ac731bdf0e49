/**
 * HTTP/1.1 in the thinnest shape that both runtimes can carry, over node:http and Bun.serve.
 *
 * Requests and replies are our own small interfaces and not WHATWG Request and Response, which node:http would have
 * to build and tear down for every request. What one runtime does by itself and the other does not is evened out in
 * http-node.ts and http-bun.ts; what cannot be is said there.
 *
 * Against a handler written on node:http or Bun.serve itself, same answers (GET 500 bytes, POST of 500 bytes), CPU
 * time a request, medians of 7-8 interleaved rounds on a busy two-core machine: Node 24.21 GET 15.0 against 17.9 µs,
 * POST 30.0 against 28.4; Bun 1.4.5 GET 8.4 against 7.6 µs, POST 18.6 against 13.7. Most of the last is the first
 * look at a header of a Bun request, 1.9 µs, which any handler that reads Content-Type or If-Match pays anyway: on
 * Bun, ask for no header that a route does not need.
 */
import { listenOnBun } from './http-bun.ts'
import { listenOnNode } from './http-node.ts'
import { runtimeName } from './process.ts'
import type { HttpListener, HttpListenerOptions } from './http-exchange.ts'

export type { HttpListener, HttpListenerOptions, HttpReply, HttpRequest } from './http-exchange.ts'

/**
 * Listens, once the promise resolves. Rejects with `unavailable`, naming host and port, when the port is in use or
 * not allowed, and with `invalid` when there is no such host.
 */
export function listen(options: HttpListenerOptions): Promise<HttpListener> {
  return runtimeName === 'bun' ? listenOnBun(options) : listenOnNode(options)
}
