/**
 * A tier as an HTTP service: one function from request to reply, the same under every listener.
 *
 *   token → route → query → handle (headers, body, tier) → reply or problem → counted
 *
 * Nothing that is thrown leaves it: an error of the catalogue becomes its problem, anything else `internal`, with
 * the error itself in the log.
 *
 * What can be answered at once is, without a promise: a hit in this process's memory. On Bun a promise makes the
 * server copy the request's headers and URL first, because the request is gone by then: 3 us of a read's 25.
 */
import { systemClock } from '../kit/clock.ts'
import { bearerCheck } from './auth.ts'
import { batchRoutes } from './batch-routes.ts'
import { BODIES_BYTES_MAX, BODY_BYTES_MAX, Bodies } from './body.ts'
import { Meter } from './meter.ts'
import { metricsText } from './metrics.ts'
import { describe } from './openapi.ts'
import { parkedRoutes } from './parked-routes.ts'
import { errorOf, problemReply } from './problem.ts'
import { readQuery } from './query.ts'
import { recordRoutes } from './record-routes.ts'
import { RecordsCache } from './records-cache.ts'
import { MethodNotAllowed, Router } from './router.ts'
import { BATCH_MAX, NESTING_MAX } from './schemas.ts'
import { serviceRoutes } from './service-routes.ts'
import type { Clock } from '../kit/clock.ts'
import type { HttpReply, HttpRequest } from '../runtime/http-listener.ts'
import type { Logger } from '../index.ts'
import type { BodyBounds } from './body.ts'
import type { RouteMeter } from './meter.ts'
import type { Route, Service } from './route.ts'
import type { Match } from './router.ts'
import type { Tier } from '../index.ts'

interface HandlerOptions extends Partial<BodyBounds> {
  /** When set, every request needs it as bearer. */
  readonly token?: string | undefined
  /** Where defects are told; default: nowhere. */
  readonly logger?: Logger | undefined
  readonly clock?: Clock
  /** Asked by /readyz: true once the server is to end. */
  readonly draining?: () => boolean
}

type Handler = (request: HttpRequest) => HttpReply | Promise<HttpReply>

export const ROUTES: readonly Route[] = [...recordRoutes, ...batchRoutes, ...parkedRoutes, ...serviceRoutes]

/** Of so many requests one is timed from its first instruction on; the others from where they begin to wait. */
const TIMED_OF = 16

const NO_QUERY: Readonly<Record<string, string | number>> = Object.freeze({})

export function createHandler(tier: Tier, options: HandlerOptions = {}): Handler {
  const {
    bodyBytesMax = BODY_BYTES_MAX,
    bodiesBytesMax = BODIES_BYTES_MAX,
    clock = systemClock,
    logger,
    draining = () => false,
  } = options
  const check = options.token === undefined ? undefined : bearerCheck(options.token)
  const meter = new Meter()
  const router = new Router(ROUTES.map((route) => ({ route, meter: meter.route(route.name, route.method) })))
  // Requests that no route took: scanners, wrong methods, missing tokens.
  const strays = meter.route('none', '')
  const metrics = metricsText(tier, meter)
  let description: string | undefined
  const service: Service = {
    tier,
    records: new RecordsCache(tier),
    meter,
    clock,
    bodies: new Bodies({ bodyBytesMax, bodiesBytesMax }),
    bounds: { bodyBytesMax, bodiesBytesMax, batchMax: BATCH_MAX, nestingMax: NESTING_MAX },
    draining,
    metrics,
    openApi: () => (description ??= JSON.stringify(describe(ROUTES))),
  }

  /** The token comes first: who has none learns nothing, not even which routes exist. */
  function admit(request: HttpRequest): Match {
    check?.(request.header('authorization'))
    return router.match(request.method, request.path)
  }

  let answered = 0

  return (request) => {
    const timed = answered === 0
    answered = (answered + 1) % TIMED_OF
    const from = timed ? clock.monotonic() : 0
    let counted: RouteMeter = strays
    let reply: HttpReply | Promise<HttpReply>
    try {
      const { mounted, params } = admit(request)
      counted = mounted.meter
      const { route } = mounted
      const query = request.query === '' ? NO_QUERY : readQuery(request.query, route.query)
      reply = route.handle({ service, request, query, params })
    } catch (thrown) {
      reply = refusal(thrown, logger)
    }
    if (reply instanceof Promise) return later(reply, counted, timed ? from : clock.monotonic())
    if (timed) counted.sample(clock.monotonic() - from, reply.status)
    else counted.repeat(reply.status)
    return reply
  }

  async function later(waited: Promise<HttpReply>, counted: RouteMeter, from: number): Promise<HttpReply> {
    let reply: HttpReply
    try {
      reply = await waited
    } catch (thrown) {
      reply = refusal(thrown, logger)
    }
    counted.observe(clock.monotonic() - from, reply.status)
    return reply
  }
}

function refusal(thrown: unknown, logger: Logger | undefined): HttpReply {
  const error = errorOf(thrown)
  if (error.code === 'internal') logger?.error({ err: error }, 'A request ended in a defect of Spillway')
  if (error instanceof MethodNotAllowed) return problemReply(error, { allow: error.allow })
  return problemReply(error, error.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer' } : {})
}
