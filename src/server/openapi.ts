/**
 * The description of the HTTP interface, OpenAPI 3.1, made from the table of routes and the schemas that check. The
 * `type` of every problem points into it: `components/responses` has one entry for each code of the catalogue.
 */
import { ERRORS } from '../errors.ts'
import { PROBLEM_TYPE } from './problem.ts'
import { SCHEMAS } from './schemas.ts'
import type { ErrorCode } from '../errors.ts'
import type { Reply, Route } from './route.ts'

/** What any call may answer, whatever it is about. */
const ANYWHERE: readonly ErrorCode[] = [
  'invalid',
  'unauthenticated',
  'forbidden',
  'not-found',
  'method-not-allowed',
  'internal',
  'unavailable',
  'catching-up',
  'recovering',
  'fenced',
  'journal-mismatch',
  'closed',
]

const names = new Map<unknown, string>(Object.entries(SCHEMAS).map(([name, schema]) => [schema, name]))

/** A schema as it stands in the document: what has a name is referred to by it. */
function refer(schema: unknown, top = false): unknown {
  const name = names.get(schema)
  if (name !== undefined && !top) return { $ref: `#/components/schemas/${name}` }
  if (Array.isArray(schema)) return schema.map((item) => refer(item))
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, refer(value)]))
}

const problemContent = { [PROBLEM_TYPE]: { schema: refer(SCHEMAS.Problem) } }

/** One response for each status; its description lists the codes that have it. */
function errorResponses(codes: readonly ErrorCode[]): Record<string, object> {
  const byStatus = Map.groupBy([...new Set([...ANYWHERE, ...codes])], (code) => ERRORS[code].status)
  const responses: Record<string, object> = {}
  for (const [status, list] of [...byStatus].sort(([a], [b]) => a - b)) {
    const waits = list.some((code) => 'retryAfterSeconds' in ERRORS[code])
    responses[status] = {
      description: list.map((code) => `\`${code}\`: ${ERRORS[code].meaning}`).join('\n\n'),
      ...(waits ? { headers: { 'Retry-After': { schema: { type: 'integer' } } } } : {}),
      content: problemContent,
    }
  }
  return responses
}

function response({ meaning, schema, contentType = 'application/json', etag }: Reply): object {
  return {
    description: meaning,
    ...(etag === undefined
      ? {}
      : { headers: { ETag: { description: 'The version, in double quotes.', schema: { type: 'string' } } } }),
    content: { [contentType]: schema === undefined ? {} : { schema: refer(schema) } },
  }
}

const CONDITIONS = [
  {
    name: 'If-Match',
    in: 'header',
    description: 'The version that the record must have, in double quotes; `"0"`: it must be absent.',
    schema: { type: 'string', pattern: '^"\\d{1,16}"$' },
  },
  {
    name: 'If-None-Match',
    in: 'header',
    description: 'Only `*`: the record must be absent.',
    schema: { type: 'string', const: '*' },
  },
]

function parameters({ path, query, conditional }: Route): object[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: name === 'key' ? 'Percent-encoded; a / inside a key is %2F.' : undefined,
    schema: { type: 'string' },
  }))
  const inQuery = Object.entries(query.properties).map(([name, schema]) => ({ name, in: 'query', schema }))
  return [...inPath, ...inQuery, ...(conditional === true ? CONDITIONS : [])]
}

function operation(route: Route): object {
  return {
    operationId: route.name,
    summary: route.summary,
    parameters: parameters(route),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: refer(route.body) } } } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.replies).map(([status, reply]) => [status, response(reply)]),
      ),
      ...errorResponses(route.errors),
    },
  }
}

/** The document as a value. */
export function describe(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route)
  return {
    openapi: '3.1.0',
    info: {
      title: 'Spillway',
      version: '1',
      description:
        'A write-behind tier in front of SQL. A write is answered once it is durable. Errors are problems (RFC 9457); programs branch on their code.',
    },
    security: [{ bearer: [] }, {}],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'Needed for every call when the server has a token.',
        },
      },
      schemas: Object.fromEntries(
        Object.entries(SCHEMAS).map(([name, schema]) => [name, refer(schema, true)]),
      ),
      responses: Object.fromEntries(
        Object.entries(ERRORS).map(([code, { status, meaning, kind }]) => [
          code,
          { description: meaning, 'x-status': status, 'x-kind': kind, content: problemContent },
        ]),
      ),
    },
  }
}
