/** Entries, collections, and the server itself: status, probes, metrics, description. */
import { SpillwayError } from '../errors.ts'
import { withDeadline } from '../kit/clock.ts'
import { receiptReply } from './parked-routes.ts'
import { jsonReply } from './route.ts'
import { QUERIES, SCHEMAS } from './schemas.ts'
import type { HttpReply } from '../runtime/http-listener.ts'
import type { Call, Route } from './route.ts'

/** A store that takes longer to say that it would take a write is not ready to take one. */
const READY_MS_MAX = 5_000

const OK = JSON.stringify({ status: 'ok' })

async function settle({ service, params }: Call): Promise<HttpReply> {
  return receiptReply(await service.tier.settle(params[0] as string))
}

async function seal({ service, params }: Call): Promise<HttpReply> {
  const { collection, positions } = await service.records.of(params[0] as string).seal()
  return jsonReply(200, JSON.stringify({ collection, positions }))
}

async function status({ service }: Call): Promise<HttpReply> {
  const now = await service.tier.status()
  return jsonReply(200, JSON.stringify({ ...now, bounds: { ...now.bounds, ...service.bounds } }))
}

async function ready({ service }: Call): Promise<HttpReply> {
  const { tier, clock, draining } = service
  if (draining()) throw new SpillwayError('closed', 'This server is ending; send requests to another one.')
  const late = (): SpillwayError =>
    new SpillwayError(
      'unavailable',
      `The stores did not say within ${READY_MS_MAX} ms that they would take a write.`,
    )
  await withDeadline(clock, READY_MS_MAX, tier.ready(), late)
  return jsonReply(200, OK)
}

async function metrics({ service }: Call): Promise<HttpReply> {
  return {
    status: 200,
    headers: { 'content-type': METRICS_TYPE, 'cache-control': 'no-store' },
    body: await service.metrics(),
  }
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export const serviceRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/entries/{entry}/settle',
    name: 'settleEntry',
    summary: 'Learn what became of a write that answered outcome-unknown: its receipt, its refusal, or void.',
    query: QUERIES.none,
    replies: { 200: { meaning: 'It counts; its receipt.', schema: SCHEMAS.Receipt } },
    errors: ['void', 'version-mismatch', 'sealed', 'outcome-unknown'],
    handle: settle,
  },
  {
    method: 'POST',
    path: '/v1/collections/{collection}/seal',
    name: 'sealCollection',
    summary: 'Refuse every later write of a collection in journal order.',
    query: QUERIES.none,
    replies: { 200: { meaning: 'The positions of the seal: the exact cut.', schema: SCHEMAS.Seal } },
    errors: ['outcome-unknown', 'overloaded'],
    handle: seal,
  },
  {
    method: 'GET',
    path: '/v1/status',
    name: 'status',
    summary: 'Profile, promise, ledger and lag.',
    query: QUERIES.none,
    replies: { 200: { meaning: 'The status.', schema: SCHEMAS.Status } },
    errors: [],
    handle: status,
  },
  {
    method: 'GET',
    path: '/livez',
    name: 'live',
    summary: 'Does the process answer?',
    query: QUERIES.none,
    replies: { 200: { meaning: 'It does.', schema: SCHEMAS.Probe } },
    errors: [],
    handle: () => jsonReply(200, OK),
  },
  {
    method: 'GET',
    path: '/readyz',
    name: 'ready',
    summary: 'Would a write be taken? Asks the stores.',
    query: QUERIES.none,
    replies: { 200: { meaning: 'It would.', schema: SCHEMAS.Probe } },
    errors: ['overloaded'],
    handle: ready,
  },
  {
    method: 'GET',
    path: '/metrics',
    name: 'metrics',
    summary: 'Metrics as Prometheus text.',
    query: QUERIES.none,
    replies: { 200: { meaning: 'Prometheus text.', contentType: METRICS_TYPE } },
    errors: [],
    handle: metrics,
  },
  {
    method: 'GET',
    path: '/openapi.json',
    name: 'openApi',
    summary: 'This description.',
    query: QUERIES.none,
    replies: { 200: { meaning: 'OpenAPI 3.1.' } },
    errors: [],
    handle: ({ service }) => jsonReply(200, service.openApi()),
  },
]
