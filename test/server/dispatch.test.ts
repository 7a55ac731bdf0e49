/** Which request reaches which route: methods, paths, tokens. */
import { createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startServer } from '../../src/server/index.ts'
import { isLoopback } from '../../src/server/start-server.ts'
import { FakeTier } from './fake-tier.ts'
import { serve } from './service.ts'
import type { AddressInfo } from 'node:net'

const K = '/v1/records/forms/k'

test('an unknown path is not-found, also where quotas and intake will be', async () => {
  const { send } = await serve(new FakeTier())
  for (const path of [
    '/',
    '/v1',
    '/v1/',
    '/v1/status/',
    '/v2/status',
    '/v1/records',
    '/v1/records/forms',
    '/v1/records/forms/a/b',
    '/v1/quotas/x',
    '/v1/holds',
    '/favicon.ico',
    '/V1/status',
  ]) {
    const { status, json } = await send('GET', path)
    expect({ path, status, code: json['code'] }).toEqual({ path, status: 404, code: 'not-found' })
  }
  expect((await send('GET', '/v1/records/forms/a/b')).json['detail']).toContain('%2F')
})

test('a known path with another method is method-not-allowed, with what is allowed', async () => {
  const { send } = await serve(new FakeTier())
  const cases: [string, string, string][] = [
    ['PATCH', K, 'GET, HEAD, PUT, DELETE'],
    ['POST', K, 'GET, HEAD, PUT, DELETE'],
    ['OPTIONS', K, 'GET, HEAD, PUT, DELETE'],
    ['PATCH', '/v1/records/forms/batch', 'GET, HEAD, PUT, DELETE, POST'],
    ['GET', '/v1/entries/e/settle', 'POST'],
    ['DELETE', '/v1/status', 'GET, HEAD'],
    ['POST', '/readyz', 'GET, HEAD'],
  ]
  for (const [method, path, allow] of cases) {
    const { status, json, headers } = await send(method, path)
    expect({ status, code: json['code'], allow: headers.get('allow') }).toEqual({
      status: 405,
      code: 'method-not-allowed',
      allow,
    })
  }
})

test('HEAD answers as GET does, without a body', async () => {
  const { send } = await serve(new FakeTier())
  const { headers } = await send('PUT', K, { body: '{"a":1}' })
  const head = await send('HEAD', K)
  expect({ status: head.status, text: head.text, etag: head.headers.get('etag') }).toEqual({
    status: 200,
    text: '',
    etag: headers.get('etag'),
  })
  expect((await send('HEAD', '/v1/records/forms/nobody')).status).toBe(404)
  for (const path of [
    '/livez',
    '/readyz',
    '/metrics',
    '/openapi.json',
    '/v1/status',
    '/v1/parked',
    `${K}/trace`,
  ]) {
    expect({ path, status: (await send('HEAD', path)).status }).toEqual({ path, status: 200 })
  }
})

test('records named like routes are records', async () => {
  const { send } = await serve(new FakeTier())
  for (const key of ['batch', 'get', 'trace']) {
    expect((await send('PUT', `/v1/records/forms/${key}`, { body: `"${key}"` })).status).toBe(200)
    expect((await send('GET', `/v1/records/forms/${key}`)).json['value']).toBe(key)
  }
  expect((await send('GET', '/v1/records/forms/trace/trace')).json['key']).toBe('trace')
})

test('no answer about records may be kept by a cache', async () => {
  const { send } = await serve(new FakeTier())
  await send('PUT', K, { body: '1' })
  for (const path of [K, '/v1/records/forms/nobody', '/v1/status']) {
    expect((await send('GET', path)).headers.get('cache-control')).toBe('no-store')
  }
})

test('with a token every request needs it, on loopback and for probes too, before anything else is said', async () => {
  const { send } = await serve(new FakeTier(), { token: 'correct horse' })
  const wrong: Record<string, string>[] = [
    {},
    { authorization: 'correct horse' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: 'Bearer correct' },
    { authorization: 'Bearer correct horsf' },
    { authorization: 'Basic correct horse' },
    { authorization: 'Bearer correct horse, Bearer correct horse' },
  ]
  for (const headers of wrong) {
    for (const path of [K, '/livez', '/readyz', '/metrics', '/openapi.json', '/v1/status', '/nowhere']) {
      const { status, json, headers: answered } = await send('GET', path, { headers })
      expect({ path, headers, status, code: json['code'] }).toEqual({
        path,
        headers,
        status: 401,
        code: 'unauthenticated',
      })
      expect(answered.get('www-authenticate')).toBe('Bearer')
    }
    expect((await send('PUT', K, { headers, body: '1' })).status).toBe(401)
  }
  for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
    const headers = { authorization: `${scheme} correct horse` }
    expect((await send('GET', '/livez', { headers })).status).toBe(200)
    expect((await send('PUT', K, { headers, body: '1' })).status).toBe(200)
    expect((await send('GET', '/nowhere', { headers })).status).toBe(404)
  }
})

test('an empty token is refused at start', async () => {
  await expect(startServer({ tier: new FakeTier(), port: 0, token: '' })).rejects.toMatchObject({
    code: 'invalid',
  })
})

test('a host that others can reach is refused without a token', async () => {
  await expect(startServer({ tier: new FakeTier(), port: 0, host: '0.0.0.0' })).rejects.toMatchObject({
    code: 'invalid',
    detail: expect.stringContaining('token'),
  })
  const { send } = await serve(new FakeTier(), { host: '0.0.0.0', token: 't' })
  expect((await send('GET', '/livez')).status).toBe(401)
})

test('loopback is 127.0.0.0/8, ::1 and localhost', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', '[::1]', 'localhost'])
    expect(isLoopback(host), host).toBe(true)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.com', 'example.com', ''])
    expect(isLoopback(host), host).toBe(false)
})

test('a port in use is unavailable and named', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void other.close())
  const { port } = other.address() as AddressInfo
  await expect(startServer({ tier: new FakeTier(), port })).rejects.toMatchObject({
    code: 'unavailable',
    detail: expect.stringContaining(String(port)),
  })
})

test('closing twice is once, and the tier stays open', async () => {
  const tier = new FakeTier()
  const server = await startServer({ tier, port: 0 })
  await Promise.all([server.close(), server.close()])
  await expect(fetch(`${server.url}/livez`)).rejects.toBeInstanceOf(Error)
  await tier.ready()
})
