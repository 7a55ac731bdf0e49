/** What the database did not accept as data: look at it, land it again, or replace it by a newer write. */
import { SpillwayError } from '../errors.ts'
import { jsonOf } from './body.ts'
import { parkedJson, receiptJson } from './record-json.ts'
import { jsonReply } from './route.ts'
import { QUERIES, SCHEMAS } from './schemas.ts'
import type { HttpReply } from '../runtime/http-listener.ts'
import type { Call, Route } from './route.ts'
import type { ParkedQuery } from './schemas.ts'
import type { Receipt } from '../index.ts'

const PATH = '/v1/parked/{collection}/{key}'
const readResolve = jsonOf(SCHEMAS.ResolveRequest)

async function listParked({ service, query }: Call): Promise<HttpReply> {
  return jsonReply(200, JSON.stringify(await service.tier.parked.list(query as ParkedQuery)))
}

async function getParked({ service, params }: Call): Promise<HttpReply> {
  const [collection, key] = params as [string, string]
  const parked = await service.tier.parked.get(collection, key)
  if (parked === undefined) {
    throw new SpillwayError('not-found', `Nothing is parked under ${JSON.stringify(key)} in ${collection}.`)
  }
  return jsonReply(200, parkedJson(parked, parked.json))
}

async function retryParked({ service, params }: Call): Promise<HttpReply> {
  const [collection, key] = params as [string, string]
  return receiptReply(await service.tier.parked.retry(collection, key))
}

async function resolveParked({ service, request, params }: Call): Promise<HttpReply> {
  const [collection, key] = params as [string, string]
  const how = readResolve(await service.bodies.read(request))
  return receiptReply(await service.tier.parked.resolve(collection, key, how))
}

export function receiptReply(receipt: Receipt): HttpReply {
  return jsonReply(200, receiptJson(receipt, String(receipt.version), receipt.stage))
}

const receipt = { 200: { meaning: 'The receipt of the write.', schema: SCHEMAS.Receipt } } as const

export const parkedRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/parked',
    name: 'listParked',
    summary: 'Parked writes, page by page.',
    query: QUERIES.parked,
    replies: { 200: { meaning: 'One page.', schema: SCHEMAS.ParkedList } },
    errors: [],
    handle: listParked,
  },
  {
    method: 'GET',
    path: PATH,
    name: 'getParked',
    summary: 'One parked write with its payload.',
    query: QUERIES.none,
    replies: { 200: { meaning: 'The parked write.', schema: SCHEMAS.Parked } },
    errors: ['not-found'],
    handle: getParked,
  },
  {
    method: 'POST',
    path: `${PATH}/retry`,
    name: 'retryParked',
    summary:
      'Land it now, with the frame that it belongs to; parked when the database still does not accept it.',
    query: QUERIES.none,
    replies: receipt,
    errors: ['not-found', 'parked'],
    handle: retryParked,
  },
  {
    method: 'POST',
    path: `${PATH}/resolve`,
    name: 'resolveParked',
    summary: "Replace it by a newer write: a delete, or the table's present value.",
    query: QUERIES.none,
    body: SCHEMAS.ResolveRequest,
    replies: receipt,
    errors: [
      'not-found',
      'version-mismatch',
      'sealed',
      'too-large',
      'unsupported-media-type',
      'overloaded',
      'outcome-unknown',
    ],
    handle: resolveParked,
  },
]
