/** Serves a fetch-style handler on Node or Bun, whichever runs this. */
import type { AddressInfo } from 'node:net'
import type { App } from './app.ts'

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** Whether `X-Forwarded-For` is believed: only behind a proxy of one's own that sets it. */
  readonly trustProxy: boolean
}

export interface Listening {
  readonly url: string
  readonly runtime: 'node' | 'bun'
  /** Takes no more requests; resolves when those in flight are answered, at the latest after 10 s. */
  close(): Promise<void>
}

const CLOSE_MS = 10_000

export function listen(app: App, options: ListenOptions): Promise<Listening> {
  return 'Bun' in globalThis ? listenOnBun(app, options) : listenOnNode(app, options)
}

/** The last hop is the proxy's word; what came before it is the sender's. */
function addressOf(forwarded: string | null, peer: string | undefined, trustProxy: boolean): string {
  const said = trustProxy ? forwarded?.split(',').at(-1)?.trim() : undefined
  return said || peer || 'unknown'
}

interface NodeBindings {
  readonly incoming: { readonly socket: { readonly remoteAddress?: string } }
}

async function listenOnNode(app: App, { host, port, trustProxy }: ListenOptions): Promise<Listening> {
  const { createAdaptorServer } = await import('@hono/node-server')
  const server = createAdaptorServer({
    overrideGlobalObjects: false,
    fetch: (request, bindings) => {
      const peer = (bindings as unknown as NodeBindings).incoming.socket.remoteAddress
      const forwarded = trustProxy ? request.headers.get('x-forwarded-for') : null
      return app.fetch(request, { address: addressOf(forwarded, peer, trustProxy) })
    },
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const bound = (server.address() as AddressInfo).port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    runtime: 'node',
    close: () =>
      new Promise<void>((resolve) => {
        const late = setTimeout(
          () => 'closeAllConnections' in server && server.closeAllConnections(),
          CLOSE_MS,
        )
        server.close(() => {
          clearTimeout(late)
          resolve()
        })
        if ('closeIdleConnections' in server) server.closeIdleConnections()
      }),
  }
}

/** What is used of Bun; its types would bring a second set of globals. */
interface BunServer {
  readonly port: number
  requestIP(request: Request): { readonly address: string } | null
  stop(closeActiveConnections: boolean): Promise<void>
}

interface BunRuntime {
  serve(options: {
    hostname: string
    port: number
    development: boolean
    fetch: (request: Request, server: BunServer) => Response | Promise<Response>
  }): BunServer
}

async function listenOnBun(app: App, { host, port, trustProxy }: ListenOptions): Promise<Listening> {
  const { Bun } = globalThis as unknown as { Bun: BunRuntime }
  const server = Bun.serve({
    hostname: host,
    port,
    development: false,
    fetch: (request, self) => {
      const forwarded = trustProxy ? request.headers.get('x-forwarded-for') : null
      return app.fetch(request, {
        address: addressOf(forwarded, self.requestIP(request)?.address, trustProxy),
      })
    },
  })
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`,
    runtime: 'bun',
    close: async () => {
      const late = setTimeout(() => void server.stop(true), CLOSE_MS)
      await server.stop(false)
      clearTimeout(late)
    },
  }
}
