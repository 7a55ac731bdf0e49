import { createServer } from 'node:net'
import { expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { connect } from '../../src/client/index.ts'
import { SpillwayError } from '../../src/errors.ts'
import { collection } from '../../src/options/collection.ts'
import { FakeTier } from '../server/fake-tier.ts'
import { serve } from '../server/service.ts'
import type { AddressInfo, Socket } from 'node:net'
import type { Records as RemoteRecords, RemoteTier } from '../../src/client/index.ts'
import type { Records, Tier } from '../../src/index.ts'
import type { ServerOptions } from '../../src/server/index.ts'

async function connected(options: Partial<ServerOptions> = {}) {
  const tier = new FakeTier()
  const server = await serve(tier, options)
  const remote = connect(server.url, { token: options.token })
  return { tier, server, remote, forms: remote.records<unknown>('forms') }
}

/** A server that does to each connection what a test wants. */
async function listening(onConnection: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const answering = (text: string) => listening((socket) => socket.once('data', () => socket.end(text)))

test('the record methods have the shapes of the library', () => {
  type Shared = Exclude<keyof RemoteRecords<{ a: 1 }>, 'getManyJson' | 'putManyJson' | 'invalidate'>
  expectTypeOf<Pick<Records<{ a: 1 }>, Shared>>().toExtend<Pick<RemoteRecords<{ a: 1 }>, Shared>>()
  expectTypeOf<RemoteRecords<{ a: 1 }>>().toExtend<Pick<Records<{ a: 1 }>, Shared>>()
  expectTypeOf<RemoteTier['parked']>().toExtend<Tier['parked']>()
  expectTypeOf<RemoteTier['status']>().toExtend<Tier['status']>()
})

test('a collection of the library gives its values their type', async () => {
  const { remote } = await connected()
  const forms = collection<{ name: string }>('forms')
  const records = remote.records(forms)
  await records.put('k', { name: 'x' })
  const record = await records.get('k')
  expectTypeOf(record?.value.name).toEqualTypeOf<string | undefined>()
  expect(record?.value.name).toBe('x')
})

test('put, get and delete go and come back, with versions and conditions', async () => {
  const { forms } = await connected()
  expect(await forms.get('k')).toBeUndefined()
  const first = await forms.put('k', { a: [1] }, { ifVersion: 0 })
  expect(first).toMatchObject({ collection: 'forms', key: 'k', stage: 'visible' })
  expect(await forms.get('k', { atLeast: first.version, timeoutMs: 100, stale: 'ok' })).toEqual({
    key: 'k',
    version: first.version,
    value: { a: [1] },
  })
  await expect(forms.put('k', 1, { ifVersion: 0 })).rejects.toMatchObject({
    code: 'version-mismatch',
    kind: 'conflict',
  })
  await expect(forms.delete('k', { ifVersion: 1 })).rejects.toMatchObject({ code: 'version-mismatch' })
  const deleted = await forms.delete('k', { ifVersion: first.version })
  expect(deleted.version).toBeGreaterThan(first.version)
  expect(await forms.get('k')).toBeUndefined()
})

test('every key goes and comes back', async () => {
  const { forms } = await connected()
  const keys = [
    '__proto__',
    '😀',
    'a/b',
    '../x',
    'a\u0000b',
    ' ',
    '%2F',
    '+',
    '?a=b#c',
    'batch',
    'x'.repeat(512),
  ]
  for (const key of keys) await forms.put(key, key)
  expect((await forms.getMany(keys)).map((record) => [record?.key, record?.value])).toEqual(
    keys.map((key) => [key, key]),
  )
  for (const key of ['.', '..', '\ud800', '', 'x'.repeat(513)])
    await expect(forms.put(key, 1), key).rejects.toMatchObject({ code: 'invalid' })
})

test('JSON text goes and comes back byte for byte', async () => {
  const { forms } = await connected()
  const json = new TextEncoder().encode(' { "n": 1.00, "__proto__": 12345678901234567890 } ')
  const { version } = await forms.putJson('k', json)
  expect(await forms.getJson('k')).toEqual({ key: 'k', version, json: json.slice(1, -1) })
  expect(await forms.getJson('nobody')).toBeUndefined()
})

test('what JSON does not have is invalid before anything is sent', async () => {
  const remote = connect('http://127.0.0.1:9')
  for (const value of [undefined, () => 1, 1n]) {
    await expect(remote.records('forms').put('k', value)).rejects.toMatchObject({ code: 'invalid' })
  }
})

test('putMany answers each in order, errors as values', async () => {
  const { forms } = await connected()
  await forms.put('there', 0)
  const outcomes = await forms.putMany([
    { key: 'a', value: 1 },
    { key: 'there', value: 1, ifVersion: 0 },
    { key: 'there', delete: true },
  ])
  expect(outcomes).toMatchObject([{ key: 'a' }, { code: 'version-mismatch' }, { key: 'there' }])
  expect(outcomes[1]).toBeInstanceOf(SpillwayError)
  expect((await forms.getMany(['a', 'there'])).map((record) => record?.value)).toEqual([1, undefined])
})

test('atomic is one frame of one collection', async () => {
  const { remote, forms } = await connected()
  const receipts = await remote.atomic([
    { collection: 'forms', key: 'a', value: 1 },
    { collection: { name: 'forms' }, key: 'b', value: 2, ifVersion: 0 },
  ])
  expect(receipts.map(({ key }) => key)).toEqual(['a', 'b'])
  await expect(
    remote.atomic([
      { collection: 'forms', key: 'c', value: 1 },
      { collection: 'forms', key: 'b', delete: true, ifVersion: 0 },
    ]),
  ).rejects.toMatchObject({ code: 'version-mismatch' })
  expect(await forms.get('c')).toBeUndefined()
  await expect(
    remote.atomic([
      { collection: 'forms', key: 'c', value: 1 },
      { collection: 'others', key: 'c', value: 1 },
    ]),
  ).rejects.toMatchObject({ code: 'invalid' })
  expect(await remote.atomic([])).toEqual([])
})

test('update repeats itself until nothing came between, and undefined deletes', async () => {
  const { forms } = await connected()
  await Promise.all(
    Array.from({ length: 10 }, () => forms.update('n', (n) => ((n as number | undefined) ?? 0) + 1)),
  )
  expect((await forms.get('n'))?.value).toBe(10)
  await forms.update('n', () => undefined)
  expect(await forms.get('n')).toBeUndefined()
})

test('landed resolves when the write is landed, and at its deadline to the stage reached', async () => {
  const { tier, forms } = await connected()
  const receipt = await forms.put('k', 1)
  expect(await receipt.landed({ timeoutMs: 20 })).toBe('visible')
  const landed = receipt.landed({ timeoutMs: 60_000 })
  tier.land()
  expect(await landed).toBe('landed')
  expect(await receipt.visible()).toBe('visible')
})

test('landed counts a write that a newer one of its key overtook', async () => {
  const { tier, forms } = await connected()
  const old = await forms.put('k', 1)
  await forms.put('k', 2)
  tier.land()
  expect(await old.landed()).toBe('landed')
})

test('landed rejects with parked and its cause; a newer write of the key is not parked by it', async () => {
  const { tier, forms } = await connected()
  const bad = await forms.put('k', 1)
  tier.park('forms', 'k', 'no such school')
  await expect(bad.landed()).rejects.toMatchObject({
    code: 'parked',
    detail: expect.stringContaining('no such school'),
  })
  const good = await forms.put('k', 2)
  tier.land()
  expect(await good.landed()).toBe('landed')
})

test('visible of a journaled write resolves when readers see it', async () => {
  const { tier, forms } = await connected()
  tier.stage = 'journaled'
  const receipt = await forms.put('k', 1)
  expect(receipt.stage).toBe('journaled')
  expect(await receipt.visible()).toBe('visible')
})

test('waiting ends when it is given up, and its bound is checked', async () => {
  const { forms } = await connected()
  const receipt = await forms.put('k', 1)
  const controller = new AbortController()
  const waiting = receipt.landed({ timeoutMs: 60_000, signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await expect(receipt.landed({ timeoutMs: 60_001 })).rejects.toMatchObject({ code: 'invalid' })
})

test('waiting goes on while the server cannot say', async () => {
  const { tier, forms } = await connected()
  const receipt = await forms.put('k', 1)
  tier.failTrace = new SpillwayError('catching-up', 'not yet')
  tier.land()
  expect(await receipt.landed()).toBe('landed')
  expect(tier.failTrace).toBeUndefined()
})

test('seal, trace, settle, status and ready answer as the tier does', async () => {
  const { tier, remote, forms } = await connected()
  tier.failNext = { error: new SpillwayError('outcome-unknown', 'x', { entry: 'e/1' }), effect: true }
  const unknown: unknown = await forms.put('k', 1).catch((error: unknown) => error)
  expect(unknown).toMatchObject({ code: 'outcome-unknown', entry: 'e/1', retryAfterMs: 1_000 })
  const receipt = await remote.settle('e/1')
  expect(receipt).toMatchObject({ collection: 'forms', key: 'k' })
  tier.land()
  expect(await receipt.landed()).toBe('landed')
  expect(await forms.trace('k')).toMatchObject({ front: { state: 'held', version: receipt.version } })
  expect(await forms.seal()).toEqual({ collection: 'forms', positions: [expect.any(Number)] })
  await expect(forms.put('k', 2)).rejects.toMatchObject({ code: 'sealed' })
  expect(await remote.status()).toMatchObject({ profile: 'fake', totals: { accepted: 2 } })
  await remote.ready()
  tier.notReady = new SpillwayError('unavailable', 'The disk is full.')
  await expect(remote.ready()).rejects.toMatchObject({ code: 'unavailable', detail: 'The disk is full.' })
})

test('parked writes are listed, shown, retried and resolved', async () => {
  const { tier, remote, forms } = await connected()
  for (const key of ['a', 'b/c']) {
    await forms.putJson(key, new TextEncoder().encode('{ "n":1.0 }'))
    tier.park('forms', key, 'no such school')
  }
  const page = await remote.parked.list({ limit: 1, collection: 'forms' })
  expect(page).toMatchObject({ items: [{ key: 'a', cause: 'no such school' }], next: 'a' })
  const shown = await remote.parked.get('forms', 'b/c')
  expect(new TextDecoder().decode(shown?.json)).toBe('{ "n":1.0 }')
  expect(await remote.parked.get('forms', 'nobody')).toBeUndefined()
  expect(await remote.parked.retry('forms', 'a')).toMatchObject({ key: 'a' })
  await expect(remote.parked.retry('forms', 'a')).rejects.toMatchObject({ code: 'not-found' })
  expect(
    await remote.parked.resolve('forms', 'b/c', { with: 'delete', version: shown?.version ?? 0 }),
  ).toMatchObject({ key: 'b/c' })
  await forms.delete('d')
  tier.park('forms', 'd', 'foreign key')
  expect(await remote.parked.get('forms', 'd')).toMatchObject({ key: 'd', json: undefined })
})

test('the token goes along; without it the server says so', async () => {
  const { server, forms } = await connected({ token: 'secret' })
  await forms.put('k', 1)
  await expect(connect(server.url).records('forms').get('k')).rejects.toMatchObject({
    code: 'unauthenticated',
  })
})

test('a refused connection is unavailable, for writes too: nothing was sent', async () => {
  const { server, remote } = await connected()
  await server.close({ graceMs: 0 })
  await expect(remote.records('forms').put('k', 1)).rejects.toMatchObject({
    code: 'unavailable',
    detail: expect.stringContaining(server.url),
  })
  await expect(remote.records('forms').get('k')).rejects.toMatchObject({ code: 'unavailable' })
})

test('a connection that breaks before the answer leaves a write unknown and a read unavailable', async () => {
  const remote = connect(await listening((socket) => socket.once('data', () => socket.destroy())))
  await expect(remote.records('forms').put('k', 1)).rejects.toMatchObject({
    code: 'outcome-unknown',
    entry: undefined,
  })
  await expect(remote.records('forms').putMany([{ key: 'k', value: 1 }])).rejects.toMatchObject({
    code: 'outcome-unknown',
  })
  await expect(remote.records('forms').get('k')).rejects.toMatchObject({ code: 'unavailable' })
})

test('an answer that breaks off leaves a write unknown', async () => {
  const remote = connect(
    await answering('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"coll'),
  )
  await expect(remote.records('forms').put('k', 1)).rejects.toMatchObject({ code: 'outcome-unknown' })
})

test('no answer in time leaves a write unknown and a read unavailable', async () => {
  const remote = connect(await listening(() => {}), { timeoutMs: 30 })
  await expect(remote.records('forms').put('k', 1)).rejects.toMatchObject({
    code: 'outcome-unknown',
    detail: expect.stringContaining('30 ms'),
  })
  await expect(remote.records('forms').get('k', { timeoutMs: 10 })).rejects.toMatchObject({
    code: 'unavailable',
    detail: expect.stringContaining('40 ms'),
  })
})

test('a write that is given up after it was sent is unknown, before that it is nothing; a read rejects with the reason', async () => {
  const asked: string[] = []
  const remote = connect(
    await listening((socket) => socket.on('data', (data) => asked.push(data.toString()))),
  )
  const records = remote.records('forms')
  const reason = new Error('enough')
  await expect(records.put('k', 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  expect(asked).toEqual([])
  const controller = new AbortController()
  const write = records.put('k', 1, { signal: controller.signal })
  const read = records.get('k', { signal: controller.signal })
  const [put, got] = [
    expect(write).rejects.toMatchObject({ code: 'outcome-unknown', cause: reason }),
    expect(read).rejects.toBe(reason),
  ]
  await vi.waitUntil(() => asked.length === 2)
  controller.abort(reason)
  await Promise.all([put, got])
})

test('what a proxy says by status alone is told apart', async () => {
  const cases: [string, string, string][] = [
    ['502 Bad Gateway', 'outcome-unknown', 'unavailable'],
    ['504 Gateway Timeout', 'outcome-unknown', 'unavailable'],
    ['413 Too Large', 'too-large', 'too-large'],
    ['302 Found\r\nlocation: /elsewhere', 'invalid', 'invalid'],
  ]
  for (const [status, write, read] of cases) {
    const remote = connect(
      await answering(`HTTP/1.1 ${status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno`),
    )
    await expect(remote.records('forms').put('k', 1)).rejects.toMatchObject({ code: write })
    await expect(remote.records('forms').get('k')).rejects.toMatchObject({ code: read })
  }
})

test('a code that the client does not know is internal and named', async () => {
  const body = '{"code":"brand-new","detail":"something","status":503}'
  const remote = connect(
    await answering(`HTTP/1.1 503 X\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`),
  )
  await expect(remote.records('forms').put('k', 1)).rejects.toMatchObject({
    code: 'internal',
    detail: expect.stringContaining('brand-new'),
  })
})

test('a URL that is no server is invalid at once, a path prefix is kept', () => {
  for (const url of [
    '',
    'nonsense',
    'ftp://x',
    'http://user:pw@x',
    'http://x/?a',
    'http://x/#a',
    '127.0.0.1:7070',
  ]) {
    expect(() => connect(url), url).toThrow(SpillwayError)
  }
  expect(() => connect('http://x', { timeoutMs: 0 })).toThrow(SpillwayError)
  expect(connect('http://x:7070/').url).toBe('http://x:7070')
  expect(connect('https://x/prefix/').url).toBe('https://x/prefix')
})

test('a fetch of the caller is used', async () => {
  const fetched: string[] = []
  const fake = (async (url: string) => {
    fetched.push(url)
    return new Response('{"key":"k","version":5,"value":1}')
  }) as unknown as typeof fetch
  expect(await connect('http://x', { fetch: fake }).records('forms').get('k')).toEqual({
    key: 'k',
    version: 5,
    value: 1,
  })
  expect(fetched).toEqual(['http://x/v1/records/forms/k'])
})
