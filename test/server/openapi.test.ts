/** The catalogue of errors, the statuses on the wire and the description say the same. */
import { expect, test } from 'vitest'
import { ERRORS, SpillwayError } from '../../src/errors.ts'
import { ROUTES } from '../../src/server/handler.ts'
import { describe } from '../../src/server/openapi.ts'
import { problemReply } from '../../src/server/problem.ts'
import { FakeTier } from './fake-tier.ts'
import { serve } from './service.ts'
import type { ErrorCode } from '../../src/errors.ts'

interface Operation {
  readonly operationId: string
  readonly parameters: { name: string; in: string; required?: boolean }[]
  readonly requestBody?: object
  readonly responses: Record<string, { description: string; content: Record<string, unknown> }>
}
interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { schemas: Record<string, unknown>; responses: Record<string, { 'x-status': number }> }
}

const document = JSON.parse(JSON.stringify(describe(ROUTES))) as Document
const codes = Object.keys(ERRORS) as ErrorCode[]

test('every code of the catalogue is described, with the status that a problem has on the wire', () => {
  expect(Object.keys(document.components.responses).sort()).toEqual(codes.toSorted())
  for (const code of codes) {
    const reply = problemReply(new SpillwayError(code, 'x'))
    const problem = JSON.parse(reply.body as string) as { type: string; status: number; code: string }
    expect(problem.code).toBe(code)
    expect(reply.status).toBe(problem.status)
    expect(document.components.responses[code]?.['x-status']).toBe(reply.status)
    // The problem's type resolves: its fragment is a JSON pointer into the document.
    const found = problem.type
      .split('#/')[1]
      ?.split('/')
      .reduce((at: unknown, name) => (at as Record<string, unknown>)[name], document)
    expect(found).toBe(document.components.responses[code])
  }
})

test('the codes have the statuses of the contract', () => {
  const byStatus: Record<number, string> = {
    400: 'invalid',
    401: 'unauthenticated',
    403: 'forbidden',
    404: 'not-found void unknown-item not-granted',
    405: 'method-not-allowed',
    409: 'sealed parked sold-out buyer-limit hold-expired hold-cancelled hold-confirmed',
    412: 'version-mismatch',
    413: 'too-large',
    415: 'unsupported-media-type',
    422: 'idempotency-conflict',
    429: 'overloaded',
    500: 'internal',
    503: 'outcome-unknown unavailable catching-up recovering fenced journal-mismatch closed',
  }
  const contract = Object.entries(byStatus).flatMap(([status, list]) =>
    list.split(' ').map((code) => [code, Number(status)]),
  )
  expect(Object.fromEntries(codes.map((code) => [code, ERRORS[code].status]))).toEqual(
    Object.fromEntries(contract),
  )
})

test('Retry-After is there exactly where waiting helps, and equals the body', () => {
  for (const code of codes) {
    const reply = problemReply(new SpillwayError(code, 'x'))
    const { retryAfter } = JSON.parse(reply.body as string) as { retryAfter?: number }
    expect(reply.headers?.['retry-after']).toBe(retryAfter === undefined ? undefined : String(retryAfter))
    expect(retryAfter !== undefined).toBe('retryAfterSeconds' in ERRORS[code])
  }
})

test('every route is described once, with all its path parameters, and references resolve', () => {
  expect(document.openapi).toBe('3.1.0')
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  )
  expect(operations.map(({ operation }) => operation.operationId).sort()).toEqual(
    ROUTES.map(({ name }) => name).sort(),
  )
  for (const { path, operation } of operations) {
    const inPath = operation.parameters
      .filter((parameter) => parameter.in === 'path')
      .map(({ name }) => `{${name}}`)
    expect(path.match(/\{\w+\}/g) ?? []).toEqual(inPath)
    expect(Object.keys(operation.responses)).toEqual(
      expect.arrayContaining(['200', '400', '401', '404', '503']),
    )
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name as string,
  )
  expect(references.length).toBeGreaterThan(10)
  for (const name of references) expect(Object.keys(document.components.schemas)).toContain(name)
})

test('a status that the server answers is one that its description has', async () => {
  const { send } = await serve(new FakeTier())
  const seen: [string, string, number][] = []
  const call = async (method: string, template: string, path: string, body?: string) => {
    const sent = body === undefined ? {} : { body }
    seen.push([method.toLowerCase(), template, (await send(method, path, sent)).status])
  }
  const record = '/v1/records/{collection}/{key}'
  await call('PUT', record, '/v1/records/forms/k', '1')
  await call('PUT', record, '/v1/records/forms/k', '{')
  await call('PUT', record, '/v1/records/forms/k', `"${'x'.repeat(2 ** 20)}"`)
  await call('GET', record, '/v1/records/forms/k')
  await call('GET', record, '/v1/records/forms/nobody')
  await call('DELETE', record, '/v1/records/forms/k')
  await call('GET', `${record}/trace`, '/v1/records/forms/k/trace')
  await call('POST', '/v1/collections/{collection}/seal', '/v1/collections/forms/seal')
  await call('PUT', record, '/v1/records/forms/k', '1')
  await call('POST', '/v1/records/{collection}/batch', '/v1/records/forms/batch', '{"writes":[]}')
  await call('GET', '/v1/parked/{collection}/{key}', '/v1/parked/forms/k')
  expect(new Set(seen.map(([, , status]) => status))).toEqual(new Set([200, 400, 404, 409, 413]))
  for (const [method, template, status] of seen)
    expect(Object.keys(document.paths[template]?.[method]?.responses ?? {})).toContain(String(status))
})

test('the description is served as JSON', async () => {
  const { send } = await serve(new FakeTier())
  const { headers, json } = await send('GET', '/openapi.json')
  expect(headers.get('content-type')).toBe('application/json')
  expect(json).toEqual(document)
})
