/** A tier behind a port. */
import { SpillwayError } from '../errors.ts'
import { listen } from '../runtime/http-listener.ts'
import { BODIES_BYTES_MAX, BODY_BYTES_MAX } from './body.ts'
import { createHandler } from './handler.ts'
import type { Clock } from '../kit/clock.ts'
import type { Logger } from '../index.ts'
import type { BodyBounds } from './body.ts'
import type { Tier } from '../index.ts'

export const DEFAULT_HOST = '127.0.0.1'
export const DEFAULT_PORT = 7070

/** The longest wait of a call is 60 s; a connection has to outlive it. */
const IDLE_TIMEOUT_MS = 75_000

export interface ServerOptions extends Partial<BodyBounds> {
  readonly tier: Tier
  /** Default 127.0.0.1. Any host but loopback needs a token. */
  readonly host?: string | undefined
  /** Default 7070; 0 takes a free one. */
  readonly port?: number | undefined
  /** When set, every request needs it as bearer, also on loopback. */
  readonly token?: string | undefined
  readonly logger?: Logger | undefined
  readonly clock?: Clock
}

export interface Server {
  readonly url: string
  readonly port: number
  /** /readyz answers `closed` from now on; everything else goes on. */
  drain(): void
  /** Drains, accepts no more, and lets the requests in flight end for up to `graceMs` (default 5,000). Twice is fine. */
  close(options?: { readonly graceMs?: number }): Promise<void>
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/**
 * Serves the tier, once the promise resolves. Rejects with `unavailable` when the port is in use, and with `invalid`
 * when the host is not loopback and there is no token. The tier stays its owner's: close it after the server.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { tier, host = DEFAULT_HOST, port = DEFAULT_PORT, token, logger, clock } = options
  const { bodyBytesMax = BODY_BYTES_MAX, bodiesBytesMax = BODIES_BYTES_MAX } = options
  if (token === undefined && !isLoopback(host)) {
    throw new SpillwayError(
      'invalid',
      `${host} is reachable from other machines: set a token, or take ${DEFAULT_HOST}.`,
    )
  }
  let draining = false
  const handler = createHandler(tier, {
    token,
    logger,
    bodyBytesMax,
    bodiesBytesMax,
    draining: () => draining,
    ...(clock === undefined ? {} : { clock }),
  })
  const listener = await listen({
    host,
    port,
    handler,
    bodyBytesMax,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    onDefect: (error) => logger?.error({ err: error }, 'A request ended in a defect of Spillway'),
  })
  const drain = (): void => {
    draining = true
  }
  return {
    url: listener.url,
    port: listener.port,
    drain,
    close: async ({ graceMs = 5_000 } = {}) => {
      drain()
      await listener.close({ graceMs })
    },
  }
}
