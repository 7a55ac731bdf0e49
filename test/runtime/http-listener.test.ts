import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { SpillwayError } from '../../src/errors.ts'
import { COPIED_BYTES_MAX } from '../../src/runtime/http-exchange.ts'
import { listen } from '../../src/runtime/http-listener.ts'
import type {
  HttpListener,
  HttpListenerOptions,
  HttpReply,
  HttpRequest,
} from '../../src/runtime/http-listener.ts'
import { RawConnection } from './fixtures/raw-connection.ts'

const onBun = process.versions.bun !== undefined
const cleanups: (() => Promise<void> | void)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

type Handler = (request: HttpRequest) => HttpReply | Promise<HttpReply>

interface Started {
  readonly listener: HttpListener
  readonly defects: unknown[]
  fetch(path: string, init?: RequestInit): Promise<Response>
  raw(bytes?: string | Uint8Array): RawConnection
}

async function serve(handler: Handler, options: Partial<HttpListenerOptions> = {}): Promise<Started> {
  const defects: unknown[] = []
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    bodyBytesMax: 1_000,
    onDefect: (error) => defects.push(error),
    handler,
    ...options,
  })
  cleanups.push(() => listener.close({ graceMs: 0 }))
  return {
    listener,
    defects,
    fetch: (path, init) => fetch(`${listener.url}${path}`, init),
    raw(bytes = '') {
      const connection = new RawConnection(listener.port).write(bytes)
      cleanups.push(() => connection.destroy())
      return connection
    },
  }
}

const json = (value: unknown, status = 200): HttpReply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
})

/** Answers with the length of the body, or with the code that body() rejected with. */
const lengthOrCode: Handler = (request) =>
  request.body().then(
    (body) => json({ length: body.byteLength }),
    (error: unknown) => json({ code: (error as SpillwayError).code }, 413),
  )

const echoTarget: Handler = ({ method, path, query }) => json({ method, path, query })

const HEAD_END = 'Host: h\r\nConnection: close\r\n\r\n'

function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return cause?.code ?? code ?? String(error)
}

function bodyOf(raw: string): unknown {
  return JSON.parse(raw.slice(raw.indexOf('\r\n\r\n') + 4))
}

describe('requests', () => {
  it.each([
    ['/v1/records/c/a%2Fb', '/v1/records/c/a%2Fb', ''],
    ['/c/%00%F0%9F%98%80', '/c/%00%F0%9F%98%80', ''],
    ['/c/..%2Fx', '/c/..%2Fx', ''],
    ['/c//', '/c//', ''],
    ['//c/x', '//c/x', ''],
    ['/c/%zz%', '/c/%zz%', ''],
    ['/c/%FF', '/c/%FF', ''],
    ["/c/__proto__'!*()~", "/c/__proto__'!*()~", ''],
    ['/c?a=%2F&b=?', '/c', 'a=%2F&b=?'],
    ['/?', '/', ''],
    ['http://other.example/abs/x?y', '/abs/x', 'y'],
  ])('%s arrives undecoded', async (target, path, query) => {
    const { raw } = await serve(echoTarget)
    const answer = await raw(`GET ${target} HTTP/1.1\r\n${HEAD_END}`).end()
    expect(bodyOf(answer)).toEqual({ method: 'GET', path, query })
  })

  it.skipIf(onBun).each([
    ['/c/../x', '/c/../x'],
    ['/c/%2e%2e', '/c/%2e%2e'],
    ['/c\\x', '/c\\x'],
  ])('%s arrives as sent on Node', async (target, path) => {
    const { raw } = await serve(echoTarget)
    expect(bodyOf(await raw(`GET ${target} HTTP/1.1\r\n${HEAD_END}`).end())).toMatchObject({ path })
  })

  it.runIf(onBun).each([
    ['/c/../x', '/x'],
    ['/c/%2e%2e', '/'],
    ['/c\\x', '/c/x'],
  ])('%s arrives resolved on Bun', async (target, path) => {
    const { raw } = await serve(echoTarget)
    expect(bodyOf(await raw(`GET ${target} HTTP/1.1\r\n${HEAD_END}`).end())).toMatchObject({ path })
  })

  it('the path never comes from the Host header', async () => {
    const { raw } = await serve(echoTarget)
    for (const host of ['evil/x', 'a?b', 'u@h', '[::1', '']) {
      const answer = await raw(`GET /p?q HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`).end()
      expect(bodyOf(answer)).toMatchObject({ path: '/p', query: 'q' })
    }
  })

  it('repeated headers are seen as a list', async () => {
    const names = ['if-match', 'authorization', 'content-type', 'x-none']
    const { raw } = await serve((request) => json(names.map((name) => request.header(name) ?? null)))
    const headers =
      'If-Match: "1"\r\nIF-MATCH: "2"\r\nAuthorization: a\r\nAuthorization: b\r\nContent-Type: c\r\n'
    expect(bodyOf(await raw(`GET / HTTP/1.1\r\n${headers}${HEAD_END}`).end())).toEqual([
      '"1", "2"',
      'a, b',
      'c',
      null,
    ])
  })

  it('HEAD has the length of the body and no body', async () => {
    const { raw } = await serve(() => json('0123456789'))
    const answer = await raw(`HEAD / HTTP/1.1\r\n${HEAD_END}`).end()
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(answer.toLowerCase()).toContain('content-length: 12\r\n')
    expect(answer.endsWith('\r\n\r\n')).toBe(true)
  })

  it('several on one connection are answered in order', async () => {
    const { raw } = await serve(async ({ path }) => json(path))
    const connection = raw('GET /a HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(2) + `GET /b HTTP/1.1\r\n${HEAD_END}`)
    expect((await connection.end()).match(/"\/[ab]"/g)).toEqual(['"/a"', '"/a"', '"/b"'])
  })

  it('replies carry text, bytes or nothing, and their headers', async () => {
    const replies: Record<string, HttpReply> = {
      '/text': { status: 201, headers: { etag: '"7"', 'content-type': 'text/plain' }, body: 'é' },
      '/bytes': { status: 200, body: new Uint8Array([0, 255]) },
      '/nothing': { status: 204 },
    }
    const { fetch } = await serve(({ path }) => replies[path] ?? { status: 404 })
    const text = await fetch('/text')
    expect([text.status, text.headers.get('etag'), text.headers.get('content-length')]).toEqual([
      201,
      '"7"',
      '2',
    ])
    expect(await text.text()).toBe('é')
    expect(new Uint8Array(await (await fetch('/bytes')).arrayBuffer())).toEqual(new Uint8Array([0, 255]))
    const nothing = await fetch('/nothing')
    expect([nothing.status, await nothing.text()]).toEqual([204, ''])
    expect((await fetch('/else')).status).toBe(404)
  })

  it('an ETag is of its own reply, whatever other replies share its headers', async () => {
    const headers = { 'content-type': 'text/plain' }
    const { fetch, listener } = await serve(({ query }) => ({
      status: 200,
      headers,
      ...(query === '' ? {} : { etag: `"${query}"` }),
      body: query,
    }))
    const tags = ['1', '2', '', '3', ''].map(async (query) => (await fetch(`/?${query}`)).headers.get('etag'))
    expect(await Promise.all(tags)).toEqual(['"1"', '"2"', null, '"3"', null])
    const last = listener.close({ graceMs: 1_000 })
    const { headers: closing } = await fetch('/?4').catch(() => ({ headers: new Headers({ etag: '"4"' }) }))
    expect(closing.get('etag')).toBe('"4"')
    await last
  })

  it('bytes of any value and length arrive, also from a buffer that is used again for the next reply', async () => {
    const shared = new Uint8Array(COPIED_BYTES_MAX)
    const { fetch } = await serve(({ path }) => {
      const length = Number(path.slice(1))
      const body = length > shared.length ? new Uint8Array(length) : shared.subarray(0, length)
      for (let at = 0; at < length; at += 1) body[at] = (at + length) & 255
      return { status: 200, body }
    })
    const lengths = [0, 1, 300, 301, COPIED_BYTES_MAX, COPIED_BYTES_MAX + 1, 302, 100_000]
    const answers = await Promise.all(
      lengths.map(async (length) => new Uint8Array(await (await fetch(`/${length}`)).arrayBuffer())),
    )
    const wanted = lengths.map((length) => Uint8Array.from({ length }, (_, at) => (at + length) & 255))
    answers.forEach((answer, index) => expect(Buffer.compare(answer, wanted[index]!)).toBe(0))
  })

  it('a handler that throws, at once or later, is a bare 500 and reported', async () => {
    const { fetch, defects } = await serve(({ path }) => {
      if (path === '/now') throw new Error('now')
      return Promise.reject(new Error('later'))
    })
    for (const path of ['/now', '/later']) {
      const answer = await fetch(path)
      expect([answer.status, await answer.text()]).toEqual([500, ''])
    }
    expect(defects.map((error) => (error as Error).message)).toEqual(['now', 'later'])
  })

  it('above the bound are answered 429 overloaded, the others go on', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { promise: inside, resolve: entered } = Promise.withResolvers<void>()
    const { fetch } = await serve(
      async () => {
        entered()
        await promise
        return json('done')
      },
      { requestsMax: 1 },
    )
    const first = fetch('/')
    await inside
    const second = await fetch('/')
    expect(second.status).toBe(429)
    expect(second.headers.get('retry-after')).toBe('1')
    expect(await second.json()).toMatchObject({ code: 'overloaded', status: 429 })
    resolve()
    expect((await first).status).toBe(200)
  })
})

describe('bodies', () => {
  it('arrive whole: empty, announced, chunked, in pieces, and up to the bound', async () => {
    const { fetch, raw } = await serve(lengthOrCode)
    const post = (body: string | null): Promise<unknown> =>
      fetch('/', { method: 'POST', body }).then((r) => r.json())
    expect(await post(null)).toEqual({ length: 0 })
    expect(await post('x'.repeat(1_000))).toEqual({ length: 1_000 })
    const chunked = raw(`POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n${HEAD_END}3\r\nabc\r\n`)
    chunked.write('2\r\nde\r\n').write('0\r\n\r\n')
    expect(bodyOf(await chunked.end())).toEqual({ length: 5 })
    expect(bodyOf(await raw(`GET / HTTP/1.1\r\n${HEAD_END}`).end())).toEqual({ length: 0 })
  })

  it('are copies that nothing else keeps alive or changes', async () => {
    const bodies: Uint8Array[] = []
    const { fetch } = await serve(async (request) => {
      bodies.push(await request.body())
      return { status: 204 }
    })
    for (const body of ['first', 'other']) await fetch('/', { method: 'PUT', body })
    expect(bodies.map((body) => Buffer.from(body).toString())).toEqual(['first', 'other'])
    for (const body of bodies) expect(body.buffer.byteLength).toBeLessThan(100)
  })

  it('can be read once', async () => {
    const { fetch } = await serve(async (request) => {
      await request.body()
      return json(await request.body().catch((error: unknown) => (error as SpillwayError).code))
    })
    expect(await (await fetch('/', { method: 'POST', body: 'x' })).json()).toBe('internal')
  })

  it.each([
    ['announced', 'Content-Length: 1001', 'abc'],
    ['not', 'Transfer-Encoding: chunked', `7d0\r\n${'x'.repeat(2_000)}\r\n`],
  ])(
    'above the bound are refused before they end, whether announced or not: %s',
    async (_name, head, bytes) => {
      const { raw } = await serve(lengthOrCode)
      const connection = raw(`POST / HTTP/1.1\r\nHost: h\r\n${head}\r\n\r\n${bytes}`)
      expect(await connection.until(/too-large/)).toMatch(/^HTTP\/1.1 413/)
    },
  )

  it('of 100 MB are refused without being kept, and the connection can be used again', async () => {
    const { fetch, raw } = await serve(lengthOrCode)
    const before = process.memoryUsage().rss
    for (const head of ['Content-Length: 104857600', 'Transfer-Encoding: chunked']) {
      const connection = raw(`POST / HTTP/1.1\r\nHost: h\r\n${head}\r\n\r\n`)
      const chunked = head.startsWith('T')
      if (chunked) connection.write('6400000\r\n')
      for (let sent = 0; sent < 100; sent++) await connection.send(new Uint8Array(1 << 20))
      connection.write(`${chunked ? '\r\n0\r\n\r\n' : ''}GET / HTTP/1.1\r\n${HEAD_END}`)
      expect((await connection.end()).match(/{.*?}/g)).toEqual(['{"code":"too-large"}', '{"length":0}'])
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
    const answer = await fetch('/', { method: 'POST', body: new Uint8Array(20_000_000) })
    expect([answer.status, await answer.json()]).toEqual([413, { code: 'too-large' }])
  })

  it('too long to be thrown away close the connection', async () => {
    const { raw } = await serve(({ path }) => json(path))
    const answer = await raw(`POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 300000000\r\n\r\nabc`).end()
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(bodyOf(answer)).toBe('/a')
  })

  it('that stop arriving or drip are a 408 in time, and the connection is closed', async () => {
    const { raw } = await serve(lengthOrCode, { bodyTimeoutMs: 200, headersTimeoutMs: 200 })
    const stalled = raw(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nabc`)
    const dripping = raw(`POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n`)
    const drip = setInterval(() => dripping.write('1\r\nx\r\n'), 30)
    try {
      expect(await stalled.end()).toMatch(/^HTTP\/1.1 408/)
      expect(await dripping.end()).toMatch(/^HTTP\/1.1 408/)
    } finally {
      clearInterval(drip)
    }
  })

  it('that the client gives up are rejected once, and the signal is aborted', async () => {
    const seen: unknown[] = []
    const { promise: aborted, resolve: abort } = Promise.withResolvers<void>()
    const { promise: inside, resolve: entered } = Promise.withResolvers<void>()
    const { listener, raw } = await serve(async (request) => {
      request.signal.addEventListener('abort', () => abort())
      entered()
      await request.body().catch((error: unknown) => seen.push((error as SpillwayError).code))
      seen.push('handled')
      return { status: 400 }
    })
    const connection = raw(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nabc`)
    await inside
    connection.destroy()
    await aborted
    await listener.close({ graceMs: 10_000 })
    expect(seen).toEqual(['invalid', 'handled'])
  })

  it('that nobody reads do not break the next request', async () => {
    const { raw } = await serve(({ path }) => json(path))
    const small = raw(
      `POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n${HEAD_END}`,
    )
    expect((await small.end()).match(/"\/[ab]"/g)).toEqual(['"/a"', '"/b"'])
  })

  it('are asked for with 100 Continue', async () => {
    const { raw } = await serve(lengthOrCode)
    const head = 'Connection: close\r\nExpect: 100-continue\r\n\r\n'
    const connection = raw(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n${head}`)
    await connection.until(/^HTTP\/1.1 100 Continue\r\n\r\n/)
    expect(await connection.write('abc').end()).toContain('{"length":3}')
    const tooLarge = raw(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n${head}`)
    expect(await tooLarge.end()).toContain('HTTP/1.1 413')
  })
})

describe('what is no HTTP', () => {
  it.each([
    ['garbage', 'GARBAGE\r\n\r\n', /^HTTP\/1.1 400/],
    ['a TLS hello', '\x16\x03\x01\x00\xa5\x01\x00\x00', /^HTTP\/1.1 400/],
    ['a header name with a space', `GET / HTTP/1.1\r\nBad Name: x\r\n${HEAD_END}`, /^HTTP\/1.1 400/],
    ['a length that is none', `POST / HTTP/1.1\r\nContent-Length: x\r\n${HEAD_END}`, /^HTTP\/1.1 400/],
    [
      'two kinds of length',
      `POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n${HEAD_END}`,
      /^HTTP\/1.1 400/,
    ],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400/],
    ['a target that is no path', `GET foo HTTP/1.1\r\n${HEAD_END}`, /^HTTP\/1.1 400/],
    ['a header of 20 kB', `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}\r\n${HEAD_END}`, /^HTTP\/1.1 431/],
    ['a path of 20 kB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${HEAD_END}`, /^HTTP\/1.1 431/],
    ['300 headers', `GET / HTTP/1.1\r\n${'X: a\r\n'.repeat(300)}${HEAD_END}`, /^HTTP\/1.1 431/],
    ['an unknown version', `GET / HTTP/3.9\r\n${HEAD_END}`, /^HTTP\/1.1 (400|505)/],
  ])('%s is refused and never reaches the handler', async (_name, bytes, answer) => {
    let calls = 0
    const { raw } = await serve(() => {
      calls++
      return { status: 200 }
    })
    expect(await raw(bytes).until(/^HTTP\/1.1 \d+ .*\r\n/)).toMatch(answer)
    expect(calls).toBe(0)
  })

  it('a broken chunk rejects the body, and the next connection works', async () => {
    const codes: unknown[] = []
    const { raw, fetch } = await serve((request) =>
      request.body().then(
        () => json('whole'),
        (error: unknown) => {
          codes.push((error as SpillwayError).code)
          return json('broken', 400)
        },
      ),
    )
    const connection = raw(`POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`)
    connection.write('zz\r\n')
    expect(await connection.end()).toMatch(/^HTTP\/1.1 400/)
    expect((await fetch('/', { method: 'POST', body: 'x' })).status).toBe(200)
    expect(codes).toEqual(['invalid'])
  })

  it.skipIf(onBun)(
    'headers that stop arriving are a 408 in time (Bun closes after its own 12 s)',
    async () => {
      const { raw } = await serve(echoTarget, { headersTimeoutMs: 100 })
      expect(await raw('GET / HTTP/1.1\r\nX: ').end()).toMatch(/^HTTP\/1.1 408/)
    },
  )
})

describe('the listener', () => {
  it('says what it listens on', async () => {
    const { listener } = await serve(echoTarget)
    expect(listener.url).toBe(`http://127.0.0.1:${listener.port}`)
    expect(listener.port).toBeGreaterThan(0)
  })

  it('a port in use is refused with host and port', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    cleanups.push(() => void other.close())
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    const error = await serve(echoTarget, { port }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'SpillwayError', code: 'unavailable' })
    expect((error as SpillwayError).detail).toContain(`port ${port} on 127.0.0.1 is in use`)
  })

  it('a port is never shared with another listener of ours', async () => {
    const { listener } = await serve(echoTarget)
    const error = await serve(echoTarget, { port: listener.port }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'SpillwayError', code: 'unavailable' })
  })

  it('a host that is not this machine is refused', async () => {
    await expect(serve(echoTarget, { host: '192.0.2.1' })).rejects.toMatchObject({ name: 'SpillwayError' })
    await expect(serve(echoTarget, { host: 'no.such.host.invalid' })).rejects.toMatchObject({
      name: 'SpillwayError',
    })
  })

  it('close lets requests in flight end, closes idle connections, and accepts no more', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { promise: inside, resolve: entered } = Promise.withResolvers<void>()
    const { listener, raw } = await serve(async ({ path }) => {
      if (path === '/slow') {
        entered()
        await promise
      }
      return json(path)
    })
    const idle = raw('GET /a HTTP/1.1\r\nHost: h\r\n\r\n')
    await idle.until(/"\/a"/)
    const slow = raw('GET /slow HTTP/1.1\r\nHost: h\r\n\r\n')
    await inside
    const closing = listener.close({ graceMs: 10_000 })
    const again = listener.close({ graceMs: 10_000 })
    await idle.end()
    resolve()
    expect(await slow.end()).toContain('"/slow"')
    await closing
    await again
    expect(await raw().end()).toBe('')
  })

  it('close still answers what comes on a connection that was idle, and then closes it', async () => {
    const { listener, raw } = await serve(({ path }) => json(path))
    const idle = raw('GET /a HTTP/1.1\r\nHost: h\r\n\r\n')
    await idle.until(/"\/a"/)
    const closing = listener.close({ graceMs: 10_000 })
    idle.write('GET /b HTTP/1.1\r\nHost: h\r\n\r\n')
    expect(await idle.end()).toContain('"/b"')
    await closing
  })

  it('close under load: every request is answered, or its connection is never made', async () => {
    const { listener, fetch } = await serve(async ({ path }) => {
      await sleep(2)
      return json(path)
    })
    let answers = 0
    // Each goes on until it is told to go elsewhere, as clients behind a balancer do.
    const client = async (): Promise<string> => {
      for (;;) {
        try {
          const response = await fetch('/x')
          const body = (await response.json()) as { code?: string }
          if (response.status !== 200) return String(body.code)
          answers += 1
        } catch (error) {
          return codeOf(error)
        }
        await sleep(3)
      }
    }
    const clients = Array.from({ length: 30 }, () => client())
    while (answers < 300) await sleep(5)
    await listener.close({ graceMs: 10_000 })
    const expected = onBun ? ['closed', 'ConnectionRefused'] : ['ECONNREFUSED']
    expect((await Promise.all(clients)).filter((last) => !expected.includes(last))).toEqual([])
  })

  it('close does not wait longer than its grace', async () => {
    const { promise: inside, resolve: entered } = Promise.withResolvers<void>()
    const { listener, raw } = await serve((request) => {
      entered()
      return new Promise((resolve) =>
        request.signal.addEventListener('abort', () => resolve({ status: 503 })),
      )
    })
    const hanging = raw('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
    await inside
    await listener.close({ graceMs: 50 })
    expect(await hanging.end()).toBe('')
  })
})
