/** Many records in one call. Values keep the bytes that they have inside the body. */
import { SpillwayError } from '../errors.ts'
import { itemsOf, memberOf } from '../kit/json-text.ts'
import { jsonOf } from './body.ts'
import { outcomeOf } from './meter.ts'
import { errorOf, problemOf } from './problem.ts'
import { listJson, receiptJson, recordJson } from './record-json.ts'
import { jsonReply } from './route.ts'
import { QUERIES, SCHEMAS } from './schemas.ts'
import type { HttpReply } from '../runtime/http-listener.ts'
import type { Meter } from './meter.ts'
import type { Call, Route } from './route.ts'
import type { BatchRequest, ReadQuery } from './schemas.ts'
import type { JsonWrite, Receipt } from '../index.ts'

const readBatch = jsonOf(SCHEMAS.BatchRequest)
const readKeys = jsonOf(SCHEMAS.GetRequest)

/** The writes of a body that passed its schema, each value as the bytes it was written in. */
function writesOf(body: BatchRequest, bytes: Uint8Array): JsonWrite[] {
  const spans = itemsOf(bytes, memberOf(bytes, 'writes')?.start)
  return body.writes.map((write, index) => {
    const condition = write.ifVersion === undefined ? {} : { ifVersion: write.ifVersion }
    if ('delete' in write) return { key: write.key, delete: true, ...condition }
    const value = memberOf(bytes, 'value', spans[index]?.start)
    if (value === undefined)
      throw new SpillwayError('internal', 'A value of the batch was parsed and not found in its text.')
    return { key: write.key, json: bytes.subarray(value.start, value.end), ...condition }
  })
}

async function batch({ service, request, params }: Call): Promise<HttpReply> {
  const { tier, bodies, meter } = service
  const collection = params[0] as string
  const records = service.records.of(collection)
  const bytes = await bodies.read(request)
  const body = readBatch(bytes)
  const writes = writesOf(body, bytes)
  if (body.atomic === true) {
    const receipts = await counted(
      meter,
      writes.length,
      tier.atomic(writes.map((write) => ({ collection, ...write }))),
    )
    return results(meter, receipts)
  }
  return results(meter, await counted(meter, writes.length, records.putManyJson(writes)))
}

/** A call that fails as a whole has this outcome for each of its writes. */
async function counted<T>(meter: Meter, writes: number, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (thrown) {
    const error = errorOf(thrown)
    meter.writes[outcomeOf(error.code)] += writes
    throw error
  }
}

function results(meter: Meter, outcomes: readonly (Receipt | SpillwayError)[]): HttpReply {
  return jsonReply(
    200,
    listJson(
      'results',
      outcomes.map((outcome) => {
        if (outcome instanceof SpillwayError) {
          meter.writes[outcomeOf(outcome.code)] += 1
          return JSON.stringify(problemOf(outcome))
        }
        meter.writes[outcome.stage] += 1
        return receiptJson(outcome, String(outcome.version), outcome.stage)
      }),
    ),
  )
}

async function getMany({ service, request, params, query }: Call): Promise<HttpReply> {
  const { bodies, meter } = service
  const collection = params[0] as string
  const records = service.records.of(collection)
  const { keys } = readKeys(await bodies.read(request))
  const found = await records.getManyJson(keys, { ...(query as ReadQuery), signal: request.signal })
  const items = found.map((record, index) => {
    meter.reads[record === undefined ? 'absent' : 'found'] += 1
    return record === undefined
      ? 'null'
      : recordJson(collection, keys[index] as string, String(record.version), record.json)
  })
  return jsonReply(200, listJson('records', items))
}

export const batchRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v1/records/{collection}/batch',
    name: 'batchRecords',
    summary: 'Write up to 1,000 records, each on its own, or with atomic as one frame.',
    query: QUERIES.none,
    body: SCHEMAS.BatchRequest,
    replies: { 200: { meaning: 'The outcome of each write, in order.', schema: SCHEMAS.BatchReply } },
    errors: [
      'sealed',
      'parked',
      'version-mismatch',
      'too-large',
      'unsupported-media-type',
      'overloaded',
      'outcome-unknown',
    ],
    handle: batch,
  },
  {
    method: 'POST',
    path: '/v1/records/{collection}/get',
    name: 'getRecords',
    summary: 'Read up to 1,000 records. Each is as exact as a single read; together they are no snapshot.',
    query: QUERIES.read,
    body: SCHEMAS.GetRequest,
    replies: { 200: { meaning: 'Each record or null, in order.', schema: SCHEMAS.GetReply } },
    errors: ['too-large', 'unsupported-media-type'],
    handle: getMany,
  },
]
