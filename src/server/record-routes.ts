/** Single records: the hot calls. */
import { SpillwayError } from '../errors.ts'
import { emptyBody } from './body.ts'
import { conditionOf } from './condition.ts'
import { HeldAnswer, VALUE_AT } from './held-answer.ts'
import { outcomeOf } from './meter.ts'
import { errorOf } from './problem.ts'
import { receiptJson, recordJson } from './record-json.ts'
import { jsonReply, versionedReply } from './route.ts'
import { QUERIES, SCHEMAS } from './schemas.ts'
import type { HttpReply } from '../runtime/http-listener.ts'
import type { Call, Route } from './route.ts'
import type { ReadQuery, WriteQuery } from './schemas.ts'
import type { Receipt, Records, Stage } from '../index.ts'

const PATH = '/v1/records/{collection}/{key}'

const heldAnswer = new HeldAnswer()

/** At once where memory has it: on Bun every answer that comes later makes it copy the request first. */
function getRecord(call: Call): HttpReply | Promise<HttpReply> {
  const [collection, key] = call.params as [string, string]
  const { service } = call
  const records = service.records.of(collection)
  if ((call.query as ReadQuery).atLeast !== undefined || records.peekInto === undefined)
    return readRecord(call, records)
  let held
  try {
    held = records.peekInto(key, heldAnswer.bytes, VALUE_AT)
  } catch (error) {
    service.meter.reads.failed += 1
    throw error
  }
  if (held === undefined) return readRecord(call, records)
  service.meter.reads.found += 1
  const version = String(held.version)
  return versionedReply(200, version, heldAnswer.around(collection, key, version, held.bytes))
}

async function readRecord(call: Call, records: Records<unknown>): Promise<HttpReply> {
  const [collection, key] = call.params as [string, string]
  const { meter } = call.service
  const query = call.query as ReadQuery
  let record
  try {
    // Only a read that may wait has use for the signal of a caller who went away.
    record = await (query.atLeast === undefined
      ? records.getJson(key, query)
      : records.getJson(key, { ...query, signal: call.request.signal }))
  } catch (error) {
    meter.reads.failed += 1
    throw error
  }
  if (record === undefined) {
    meter.reads.absent += 1
    throw new SpillwayError('not-found', `There is no record ${JSON.stringify(key)} in ${collection}.`)
  }
  meter.reads.found += 1
  // Turned into text once: a version is beyond what engines keep as a small integer.
  const version = String(record.version)
  return versionedReply(200, version, recordJson(collection, key, version, record.json))
}

const putRecord = (call: Call): Promise<HttpReply> => writeRecord(call, true)
const deleteRecord = (call: Call): Promise<HttpReply> => writeRecord(call, false)

/** All in one function: a promise between two of them is three more turns of every save. */
async function writeRecord(call: Call, hasBody: boolean): Promise<HttpReply> {
  const [collection, key] = call.params as [string, string]
  const { service, request } = call
  const ifVersion = conditionOf(request.header('if-match'), request.header('if-none-match'))
  const options = ifVersion === undefined ? undefined : { ifVersion }
  const records = service.records.of(collection)
  const json = hasBody ? await service.bodies.read(request) : undefined
  if (json?.length === 0) throw emptyBody()
  let receipt
  let stage
  try {
    receipt = await (json === undefined ? records.delete(key, options) : records.putJson(key, json, options))
    stage = (call.query as WriteQuery).wait === undefined ? receipt.stage : await landed(receipt, call)
  } catch (thrown) {
    const error = errorOf(thrown)
    service.meter.writes[outcomeOf(error.code)] += 1
    throw error
  }
  service.meter.writes[stage] += 1
  const version = String(receipt.version)
  return versionedReply(stage === 'journaled' ? 202 : 200, version, receiptJson(receipt, version, stage))
}

/** Only who waits for landing has use for the signal of a caller who went away. */
function landed(receipt: Receipt, { query, request }: Call): Promise<Stage> {
  const { timeoutMs } = query as WriteQuery
  const { signal } = request
  return receipt.landed(timeoutMs === undefined ? { signal } : { timeoutMs, signal })
}

async function traceRecord({ service, params }: Call): Promise<HttpReply> {
  const [collection, key] = params as [string, string]
  return jsonReply(200, JSON.stringify(await service.records.of(collection).trace(key)))
}

const writeReplies = {
  200: { meaning: 'Durable, and visible to readers or landed.', schema: SCHEMAS.Receipt, etag: true },
  202: { meaning: 'Durable; readers do not see it yet.', schema: SCHEMAS.Receipt, etag: true },
} as const
const writeErrors = ['sealed', 'parked', 'version-mismatch', 'overloaded', 'outcome-unknown'] as const

export const recordRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: PATH,
    name: 'getRecord',
    summary: 'Read a record. A parked value is served normally.',
    query: QUERIES.read,
    replies: { 200: { meaning: 'The record, its value as it was put.', schema: SCHEMAS.Record, etag: true } },
    errors: ['not-found'],
    handle: getRecord,
  },
  {
    method: 'PUT',
    path: PATH,
    name: 'putRecord',
    summary:
      'Write a record: the body is the value, any JSON. Of several members with one name the last counts.',
    query: QUERIES.write,
    conditional: true,
    body: SCHEMAS.Record.properties.value,
    replies: writeReplies,
    errors: [...writeErrors, 'too-large', 'unsupported-media-type'],
    handle: putRecord,
  },
  {
    method: 'DELETE',
    path: PATH,
    name: 'deleteRecord',
    summary: 'Delete a record; that is a write too, also where it was absent.',
    query: QUERIES.write,
    conditional: true,
    replies: writeReplies,
    errors: writeErrors,
    handle: deleteRecord,
  },
  {
    method: 'GET',
    path: `${PATH}/trace`,
    name: 'traceRecord',
    summary: 'Where a key is now: front, journal, database, parked.',
    query: QUERIES.none,
    replies: { 200: { meaning: 'Where the key is.', schema: SCHEMAS.Trace } },
    errors: [],
    handle: traceRecord,
  },
]
