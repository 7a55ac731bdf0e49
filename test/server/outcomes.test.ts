/** What a healthy tier never shows: late, unknown, parked and failing writes, and callers who go away. */
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { SpillwayError } from '../../src/errors.ts'
import { FakeTier } from './fake-tier.ts'
import { send as sendTo, serve } from './service.ts'

const K = '/v1/records/forms/k'

async function served(options: Parameters<typeof serve>[1] = {}) {
  const tier = new FakeTier()
  return { tier, ...(await serve(tier, options)) }
}

test('a write that is only journaled answers 202', async () => {
  const { tier, send } = await served()
  tier.stage = 'journaled'
  const { status, json } = await send('PUT', K, { body: '1' })
  expect({ status, stage: json['stage'] }).toEqual({ status: 202, stage: 'journaled' })
})

test('wait=landed answers when the write is landed', async () => {
  const { tier, send } = await served()
  const answer = send('PUT', `${K}?wait=landed&timeoutMs=60000`, { body: '1' })
  await vi.waitUntil(() => tier.rows.get('forms')?.has('k'))
  tier.land()
  const { status, json } = await answer
  expect({ status, stage: json['stage'] }).toEqual({ status: 200, stage: 'landed' })
})

test('wait=landed answers at its deadline with the stage reached', async () => {
  const { send } = await served()
  const { status, json } = await send('DELETE', `${K}?wait=landed&timeoutMs=0`)
  expect({ status, stage: json['stage'] }).toEqual({ status: 200, stage: 'visible' })
})

test('wait=landed answers parked when the write is parked', async () => {
  const { tier, send } = await served()
  const answer = send('PUT', `${K}?wait=landed&timeoutMs=60000`, { body: '1' })
  await vi.waitUntil(() => tier.rows.get('forms')?.has('k'))
  tier.park('forms', 'k', 'no such school')
  const { status, json } = await answer
  expect({ status, code: json['code'] }).toEqual({ status: 409, code: 'parked' })
  expect((await send('GET', K)).json['value']).toBe(1)
})

test('an unknown outcome carries its entry, and settling gives the receipt', async () => {
  const { tier, send } = await served()
  tier.failNext = {
    error: new SpillwayError('outcome-unknown', 'The journal did not answer.', { entry: 'e/1' }),
    effect: true,
  }
  const unknown = await send('PUT', K, { body: '1' })
  expect(unknown.status).toBe(503)
  expect(unknown.json).toMatchObject({ code: 'outcome-unknown', entry: 'e/1', retryAfter: 1 })
  expect(unknown.headers.get('retry-after')).toBe('1')
  const settled = await send('POST', `/v1/entries/${encodeURIComponent('e/1')}/settle`)
  expect({ status: settled.status, key: settled.json['key'] }).toEqual({ status: 200, key: 'k' })
})

test('settling an entry that never counted is void', async () => {
  const { tier, send } = await served()
  tier.failNext = {
    error: new SpillwayError('outcome-unknown', 'The journal did not answer.', { entry: 'e1' }),
    effect: false,
  }
  await send('PUT', K, { body: '1' })
  const { status, json } = await send('POST', '/v1/entries/e1/settle')
  expect({ status, code: json['code'] }).toEqual({ status: 404, code: 'void' })
})

test('an overloaded tier says when to come back, in the body and as Retry-After, in whole seconds', async () => {
  const { tier, send } = await served()
  tier.failNext = {
    error: new SpillwayError('overloaded', 'The journal is full.', { retryAfterMs: 2_400 }),
    effect: false,
  }
  const { status, json, headers } = await send('PUT', K, { body: '1' })
  expect({ status, retryAfter: json['retryAfter'], header: headers.get('retry-after') }).toEqual({
    status: 429,
    retryAfter: 3,
    header: '3',
  })
})

test('an error that is no answer is internal: the caller sees no inside, the log sees all', async () => {
  const logged: object[] = []
  const logger = { info: () => {}, warn: () => {}, error: (fields: object) => logged.push(fields) }
  const { tier, send } = await served({ logger })
  const secret = new TypeError('cannot read /secret/path')
  vi.spyOn(tier, 'records').mockImplementation(() => {
    throw secret
  })
  const { status, json, text } = await send('GET', K)
  expect({ status, code: json['code'] }).toEqual({ status: 500, code: 'internal' })
  expect(text).not.toContain('secret')
  expect(logged).toEqual([{ err: expect.objectContaining({ cause: secret }) }])
})

test('parked writes are listed page by page, shown with payload, retried and resolved', async () => {
  const { tier, send } = await served()
  for (const key of ['a', 'b', 'c']) {
    await send('PUT', `/v1/records/forms/${key}`, { body: `{ "n": "${key}" }` })
    tier.park('forms', key, key === 'b' ? 'for ever' : 'no such school')
  }
  const first = (await send('GET', '/v1/parked?limit=2&collection=forms')).json as {
    items: { key: string }[]
    next: string
  }
  expect(first.items.map(({ key }) => key)).toEqual(['a', 'b'])
  const rest = (await send('GET', `/v1/parked?limit=2&after=${first.next}`)).json
  expect(rest).toMatchObject({
    items: [{ key: 'c', collection: 'forms', cause: 'no such school', attempts: 1, bytes: 12 }],
    next: null,
  })

  const shown = await send('GET', '/v1/parked/forms/a')
  expect(shown.text).toContain('"delete":false,"payload":{ "n": "a" }}')
  const version = shown.json['version'] as number

  expect((await send('POST', '/v1/parked/forms/b/retry')).json['code']).toBe('parked')
  expect((await send('POST', '/v1/parked/forms/a/retry')).json).toMatchObject({ key: 'a', version })
  expect((await send('GET', '/v1/parked/forms/a')).status).toBe(404)

  const c = (await send('GET', '/v1/parked/forms/c')).json['version'] as number
  const resolve = (how: object) => send('POST', '/v1/parked/forms/c/resolve', { body: how })
  expect((await resolve({ with: 'discard', version: c })).json['code']).toBe('invalid')
  expect((await resolve({ with: 'table' })).json['code']).toBe('invalid')
  expect((await resolve({ with: 'table', version: c + 1 })).json['code']).toBe('version-mismatch')
  expect((await resolve({ with: 'table', version: c })).json['version']).toBeGreaterThan(c)
})

test('a parked delete has no payload', async () => {
  const { tier, send } = await served()
  await send('DELETE', K)
  tier.park('forms', 'k', 'foreign key')
  expect((await send('GET', '/v1/parked/forms/k')).json).toMatchObject({ delete: true, payload: null })
})

test('parked takes only its own parameters, each in its form', async () => {
  const { send } = await served()
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'collection=A', 'before=x']) {
    expect((await send('GET', `/v1/parked?${query}`)).json['code']).toBe('invalid')
  }
})

test('readyz says why a write would not be taken, livez answers all the same, and a draining server is not ready', async () => {
  const { tier, send, drain } = await served()
  tier.notReady = new SpillwayError('unavailable', 'The disk is full.')
  const { status, json } = await send('GET', '/readyz')
  expect({ status, code: json['code'], detail: json['detail'] }).toEqual({
    status: 503,
    code: 'unavailable',
    detail: 'The disk is full.',
  })
  expect((await send('GET', '/livez')).status).toBe(200)
  tier.notReady = undefined
  expect((await send('GET', '/readyz')).status).toBe(200)
  drain()
  expect((await send('GET', '/readyz')).json['code']).toBe('closed')
  expect((await send('PUT', K, { body: '1' })).status).toBe(200)
})

test('a reader who goes away stops waiting', async () => {
  const { tier, port } = await served()
  tier.getGate = new Promise(() => {})
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${K}?atLeast=1 HTTP/1.1\r\nHost: x\r\n\r\n`)
  const asked = vi.spyOn(tier, 'records')
  await vi.waitUntil(() => asked.mock.calls.length > 0)
  socket.destroy()
  await vi.waitUntil(() => tier.aborted.length > 0)
  expect(tier.aborted).toEqual(['get'])
})

test('an upload that is cut off writes nothing', async () => {
  const { tier, port, send } = await served()
  const socket = connect(port, '127.0.0.1')
  socket.write(`PUT ${K} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"half":`)
  const asked = vi.spyOn(tier, 'records')
  await vi.waitUntil(() => asked.mock.calls.length > 0)
  socket.destroy()
  expect((await send('GET', K)).status).toBe(404)
})

test('a slow upload does not hold up others', async () => {
  const { tier, port, send } = await served()
  const socket = connect(port, '127.0.0.1')
  const asked = vi.spyOn(tier, 'records')
  socket.write(`PUT ${K} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{"a"`)
  await vi.waitUntil(() => asked.mock.calls.length > 0)
  expect((await send('PUT', '/v1/records/forms/other', { body: '1' })).status).toBe(200)
  const answer = new Promise<string>((resolve) => socket.on('data', (chunk) => resolve(chunk.toString())))
  socket.end(':"b"}')
  expect(await answer).toMatch(/^HTTP\/1\.1 200 /)
  expect((await send('GET', K)).json['value']).toEqual({ a: 'b' })
})

/** Sends `chunks` of 1 MiB without announcing how many; answers all that came back. */
async function upload(port: number, chunks: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const answer: string[] = []
  const closed = new Promise<void>((resolve, reject) => {
    socket.on('data', (data) => answer.push(data.toString()))
    socket.on('error', reject)
    socket.on('close', () => resolve())
  })
  socket.write(`PUT ${K} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`)
  const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(2 ** 20, 'x'), Buffer.from('\r\n')])
  for (let sent = 0; sent < chunks; sent += 1) {
    await Promise.race([closed, new Promise((resolve) => socket.write(chunk, resolve))])
  }
  socket.end('0\r\n\r\n')
  await closed
  return answer.join('')
}

test('100 MB, announced or not, are too-large; memory stays flat and the next request is served', async () => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('own-process.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill())
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const port = Number((await lines.next()).value)
  const url = `http://127.0.0.1:${port}`
  const body = new Uint8Array(100 * 2 ** 20).fill(0x20)
  expect(await upload(port, 100)).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"too-large"/)
  expect((await sendTo(url, 'PUT', K, { body })).json['code']).toBe('too-large')
  expect((await sendTo(url, 'GET', K)).status).toBe(404)
  child.stdin.end()
  // Of 200 MB, 16 MiB at a time are kept; the rest of the growth is what the runtime has not given back yet.
  expect(Number((await lines.next()).value)).toBeLessThan(128 * 2 ** 20)
})

test('uploads beyond the bound of all bodies are overloaded before they are read', async () => {
  const { port, raw, send, tier } = await served({ bodiesBytesMax: 2 ** 20 })
  const asked = vi.spyOn(tier, 'records')
  const slow = connect(port, '127.0.0.1')
  slow.write(`PUT ${K} HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 ** 20}\r\n\r\n"`)
  await vi.waitUntil(() => asked.mock.calls.length > 0)
  const second = await raw(
    `PUT ${K} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n`,
  )
  expect(second).toMatch(/^HTTP\/1\.1 429 [\s\S]*bodiesBytesMax/)
  expect((await send('PUT', '/v1/records/forms/small', { body: '1' })).status).toBe(200)
  slow.destroy()
  await vi.waitUntil(
    async () =>
      (await send('PUT', '/v1/records/forms/big', { body: `"${'x'.repeat(100_000)}"` })).status === 200,
  )
})
