/**
 * What any tier behind HTTP answers, request by request: the table of the interface as promises. Run against the fake
 * and against the real thing, so that the fake proves something.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { started } from './service.ts'
import type { Tier } from '../../src/index.ts'
import type { Answer, Service } from './service.ts'

const path = (collection: string, key: string) => `/v1/records/${collection}/${encodeURIComponent(key)}`
const versionOf = (answer: Answer) => answer.json['version'] as number

function expectProblem(answer: Answer, status: number, code: string, detail = /./): void {
  expect({
    status: answer.status,
    code: answer.json['code'],
    type: answer.headers.get('content-type'),
  }).toEqual({
    status,
    code,
    type: 'application/problem+json',
  })
  expect(answer.json['status']).toBe(status)
  expect(answer.json['detail']).toMatch(detail)
  expect(answer.json['type']).toBe(`/openapi.json#/components/responses/${code}`)
}

export function httpContract(name: string, open: () => Promise<Tier>): void {
  let shared: Service
  let tier: Tier
  let tests = 0

  /** One server for all tests; each has a collection of its own. */
  async function served(): Promise<Pick<Service, 'send' | 'raw'> & { readonly forms: string }> {
    tests += 1
    return { send: shared.send, raw: shared.raw, forms: `forms${tests}` }
  }

  describe(`records over HTTP: ${name}`, () => {
    beforeAll(async () => {
      tier = await open()
      shared = await started(tier)
    })
    afterAll(async () => {
      await shared.close({ graceMs: 0 })
      await tier.close({ drainMs: 0 })
    })

    test('a put answers its receipt with the version as ETag, and a get the same version and value', async () => {
      const { send, forms } = await served()
      const put = await send('PUT', path(forms, 'k'), { body: { a: 1 } })
      expect(put.status).toBe(200)
      expect(put.json).toEqual({
        collection: forms,
        key: 'k',
        version: expect.any(Number),
        stage: expect.stringMatching(/visible|landed/),
      })
      expect(put.headers.get('etag')).toBe(`"${versionOf(put)}"`)
      const got = await send('GET', path(forms, 'k'))
      expect(got.status).toBe(200)
      expect(got.json).toEqual({ collection: forms, key: 'k', version: versionOf(put), value: { a: 1 } })
      expect(got.headers.get('etag')).toBe(`"${versionOf(put)}"`)
      expect(got.headers.get('content-type')).toBe('application/json')
    })

    test('versions of a key grow', async () => {
      const { send, forms } = await served()
      const versions = []
      for (let n = 0; n < 5; n += 1)
        versions.push(versionOf(await send('PUT', path(forms, 'k'), { body: String(n) })))
      expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b))
    })

    test('a value comes back byte for byte: spaces, escapes, spelling of numbers, big integers, __proto__', async () => {
      const { send, forms } = await served()
      for (const text of [
        '  { "n" : 1.00e2,"s":"\\u0041\\ud83d\\ude00é" } ',
        '12345678901234567890',
        'null',
        '"x"',
        '[]',
        '{"__proto__":{"x":1},"a":1,"a":2}',
      ]) {
        expect((await send('PUT', path(forms, 'k'), { body: text })).status).toBe(200)
        const { text: answer } = await send('GET', path(forms, 'k'))
        expect(answer.slice(answer.indexOf('"value":') + '"value":'.length, -1)).toBe(text)
      }
    })

    test('many reads at once each get their own record, whatever its length and its key', async () => {
      const { send, forms } = await served()
      const keys = ['k', 'é/ü', '"\\', '\0\u001f', '😀'.repeat(128), '\u0001'.repeat(512), 'k'.repeat(512)]
      const records = keys.flatMap((key, index) =>
        [0, 600, 16_382, 16_383, 16_384, 40_000].map((length, nth) => {
          const own = key.length > 100 ? key : `${key}${nth}`
          return { key: own, body: JSON.stringify(String(index + 1).repeat(length)) }
        }),
      )
      const last = new Map(records.map(({ key, body }) => [key, body]))
      for (const [key, body] of last) expect((await send('PUT', path(forms, key), { body })).status).toBe(200)
      const answers = await Promise.all([...last.keys()].map((key) => send('GET', path(forms, key))))
      for (const { json, headers } of answers) {
        expect(last.get(json['key'] as string) === JSON.stringify(json['value'])).toBe(true)
        expect(json['collection']).toBe(forms)
        expect(headers.get('etag')).toBe(`"${String(json['version'])}"`)
      }
      expect(new Set(answers.map(({ json }) => json['key'])).size).toBe(last.size)
    })

    test('an absent record is not-found; deleting it is a write all the same', async () => {
      const { send, forms } = await served()
      expectProblem(await send('GET', path(forms, 'nobody')), 404, 'not-found', /nobody/)
      const deleted = await send('DELETE', path(forms, 'nobody'))
      expect(deleted.status).toBe(200)
      expect(versionOf(deleted)).toBeGreaterThan(0)
    })

    test('a deleted record is not-found, and absent to every condition', async () => {
      const { send, forms } = await served()
      await send('PUT', path(forms, 'k'), { body: '1' })
      expect((await send('DELETE', path(forms, 'k'))).status).toBe(200)
      expectProblem(await send('GET', path(forms, 'k')), 404, 'not-found')
      expect(
        (await send('PUT', path(forms, 'k'), { body: '2', headers: { 'if-match': '"0"' } })).status,
      ).toBe(200)
    })

    test('If-Match and If-None-Match decide in order, and a refused write changes nothing', async () => {
      const { send, forms } = await served()
      const first = await send('PUT', path(forms, 'k'), { body: '1', headers: { 'if-none-match': '*' } })
      expect(first.status).toBe(200)
      for (const headers of [
        { 'if-none-match': '*' },
        { 'if-match': '"0"' },
        { 'if-match': `"${versionOf(first) + 1}"` },
      ] as Record<string, string>[]) {
        expectProblem(await send('PUT', path(forms, 'k'), { body: '9', headers }), 412, 'version-mismatch')
        expectProblem(await send('DELETE', path(forms, 'k'), { headers }), 412, 'version-mismatch')
      }
      expect((await send('GET', path(forms, 'k'))).json['value']).toBe(1)
      const second = await send('PUT', path(forms, 'k'), {
        body: '2',
        headers: { 'if-match': `"${versionOf(first)}"` },
      })
      expect(second.status).toBe(200)
      expect(
        (await send('DELETE', path(forms, 'k'), { headers: { 'if-match': `"${versionOf(second)}"` } }))
          .status,
      ).toBe(200)
    })

    test('of many conditional writes at one version exactly one wins', async () => {
      const { send, forms } = await served()
      const version = versionOf(await send('PUT', path(forms, 'k'), { body: '0' }))
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          send('PUT', path(forms, 'k'), { body: String(n + 1), headers: { 'if-match': `"${version}"` } }),
        ),
      )
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
      expect(answers.filter(({ status }) => status === 412)).toHaveLength(19)
    })

    test('conditions that are no single strong version are invalid and write nothing', async () => {
      const { send, forms } = await served()
      for (const ifMatch of [
        '*',
        'W/"1"',
        '"1", "2"',
        '"1","1"',
        '1',
        '"x"',
        '""',
        '"-1"',
        '"1.5"',
        '"99999999999999999"',
        '"9007199254740993"',
      ]) {
        expectProblem(
          await send('PUT', path(forms, 'k'), { body: '1', headers: { 'if-match': ifMatch } }),
          400,
          'invalid',
          /If-Match/,
        )
      }
      expectProblem(
        await send('PUT', path(forms, 'k'), { body: '1', headers: { 'if-none-match': '"1"' } }),
        400,
        'invalid',
        /If-None-Match/,
      )
      expectProblem(
        await send('PUT', path(forms, 'k'), {
          body: '1',
          headers: { 'if-none-match': '*', 'if-match': '"0"' },
        }),
        400,
        'invalid',
        /exclude/,
      )
      expectProblem(await send('GET', path(forms, 'k')), 404, 'not-found')
    })

    test('two If-Match headers are invalid, also when they agree', async () => {
      const { raw, send, forms } = await served()
      const request = (second: string) =>
        `PUT /v1/records/${forms}/k HTTP/1.1\r\nHost: x\r\nIf-Match: "0"\r\nIf-Match: ${second}\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1`
      for (const second of ['"0"', '"1"']) {
        const answer = await raw(request(second))
        expect(answer).toMatch(/^HTTP\/1\.1 400 /)
        expect(answer).toContain('"code":"invalid"')
      }
      expectProblem(await send('GET', path(forms, 'k')), 404, 'not-found')
    })

    test('every key that a URL can carry goes and comes back, alone and in batches', async () => {
      const { send, forms } = await served()
      const keys = [
        '__proto__',
        'constructor',
        '😀',
        'a/b',
        '../x',
        'a\u0000b',
        ' ',
        '%',
        '%2F',
        '+',
        '?a=b#c',
        '"\\',
        'é',
        '\u{10ffff}',
        'batch',
        'get',
        'a/trace',
        'x'.repeat(512),
        'é'.repeat(256),
        '...',
        '\ufeff',
        '\r\n',
      ]
      for (const [index, key] of keys.entries()) {
        expect((await send('PUT', path(forms, key), { body: String(index) })).status, key).toBe(200)
      }
      for (const [index, key] of keys.entries()) {
        const { status, json } = await send('GET', path(forms, key))
        expect({ status, key: json['key'], value: json['value'] }).toEqual({ status: 200, key, value: index })
      }
      const many = await send('POST', `/v1/records/${forms}/get`, { body: { keys } })
      expect((many.json['records'] as { key: string }[]).map(({ key }) => key)).toEqual(keys)
    })

    test('keys of 0 and 513 bytes are invalid, in paths and one by one in a batch', async () => {
      const { send, forms } = await served()
      const long = 'é'.repeat(256) + 'x'
      for (const key of ['', long]) {
        for (const method of ['PUT', 'GET', 'DELETE']) {
          const body = method === 'PUT' ? { body: '1' } : {}
          expectProblem(await send(method, path(forms, key), body), 400, 'invalid')
        }
      }
      const { status, json } = await send('POST', `/v1/records/${forms}/batch`, {
        body: {
          writes: [
            { key: '', value: 1 },
            { key: 'ok', value: 2 },
            { key: long, value: 3 },
            { key: '..', value: 4 },
          ],
        },
      })
      expect(status).toBe(200)
      expect((json['results'] as { code?: string; stage?: string }[]).map(({ code }) => code)).toEqual([
        'invalid',
        undefined,
        'invalid',
        'invalid',
      ])
    })

    test('bad percent-encoding and invalid UTF-8 in a path are invalid', async () => {
      const { send, raw, forms } = await served()
      for (const key of ['%zz', '%', '%f', '%ff', '%ed%a0%80', '%c0%af', 'a%']) {
        expectProblem(await send('GET', `/v1/records/${forms}/${key}`), 400, 'invalid', /percent-encoded/)
        expect(
          await raw(
            `PUT /v1/records/${forms}/${key} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1`,
          ),
        ).toMatch(/^HTTP\/1\.1 400 /)
      }
    })

    test('collection names that do not match are invalid', async () => {
      const { send } = await served()
      for (const collection of ['Forms', '1a', '', 'a-b', 'é', 'a'.repeat(64), '__proto__', '%20']) {
        expectProblem(await send('PUT', `/v1/records/${collection}/k`, { body: '1' }), 400, 'invalid')
        expectProblem(await send('GET', `/v1/records/${collection}/k`), 400, 'invalid')
      }
    })

    test('a body that is empty, broken, not UTF-8 or nested too deep is invalid and writes nothing', async () => {
      const { send, forms } = await served()
      const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
      const bodies = [
        '',
        ' ',
        '{',
        '{"a":}',
        "{'a':1}",
        'undefined',
        '01',
        '1 2',
        'NaN',
        '"\t"',
        deep(513),
        deep(200_000),
        '['.repeat(200_000),
        Uint8Array.of(0x22, 0xff, 0x22),
        Uint8Array.of(0xef, 0xbb, 0xbf, 0x31),
        Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22),
      ]
      for (const body of bodies) {
        expectProblem(
          await send('PUT', path(forms, 'k'), { body, headers: { 'content-type': 'application/json' } }),
          400,
          'invalid',
        )
        expectProblem(
          await send('POST', `/v1/records/${forms}/batch`, {
            body,
            headers: { 'content-type': 'application/json' },
          }),
          400,
          'invalid',
        )
        expectProblem(
          await send('POST', `/v1/records/${forms}/get`, {
            body,
            headers: { 'content-type': 'application/json' },
          }),
          400,
          'invalid',
        )
      }
      expectProblem(await send('GET', path(forms, 'k')), 404, 'not-found')
      expect((await send('PUT', path(forms, 'k'), { body: deep(512) })).status).toBe(200)
    })

    test('any content type but JSON is 415; none, or one with a charset of UTF-8, is taken', async () => {
      const { send, raw, forms } = await served()
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/json; charset=latin1',
        'application/jsonx',
        'multipart/form-data; boundary=x',
        'application/problem+json',
      ]) {
        expectProblem(
          await send('PUT', path(forms, 'k'), { body: '1', headers: { 'content-type': type } }),
          415,
          'unsupported-media-type',
        )
        expectProblem(
          await send('POST', `/v1/records/${forms}/batch`, {
            body: '{"writes":[]}',
            headers: { 'content-type': type },
          }),
          415,
          'unsupported-media-type',
        )
      }
      expectProblem(await send('GET', path(forms, 'k')), 404, 'not-found')
      for (const type of [
        'application/json',
        'application/json; charset=utf-8',
        'Application/JSON;charset="UTF-8"',
        'application/json;charset=utf8',
      ]) {
        expect(
          (await send('PUT', path(forms, 'k'), { body: '1', headers: { 'content-type': type } })).status,
          type,
        ).toBe(type.endsWith('utf8') ? 415 : 200)
      }
      expect(
        await raw(
          `PUT /v1/records/${forms}/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1`,
        ),
      ).toMatch(/^HTTP\/1\.1 200 /)
    })

    test('a value above its bound is too-large and the bound is named; the largest is taken', async () => {
      const { send, forms } = await served()
      const text = (bytes: number) => `"${'x'.repeat(bytes - 2)}"`
      expect((await send('PUT', path(forms, 'k'), { body: text(2 ** 20) })).status).toBe(200)
      expectProblem(
        await send('PUT', path(forms, 'k'), { body: text(2 ** 20 + 1) }),
        413,
        'too-large',
        /1048576|1 MiB/,
      )
    })

    test('an announced body of 100 MB is too-large before it was sent', async () => {
      const { raw, forms } = await served()
      const answer = await raw(
        `PUT /v1/records/${forms}/k HTTP/1.1\r\nHost: x\r\nContent-Length: ${100 * 2 ** 20}\r\n\r\n"x`,
      )
      expect(answer).toMatch(/^HTTP\/1\.1 413 /)
      expect(answer).toContain('"code":"too-large"')
    })

    test('unknown query parameters are invalid, name the nearest, and write nothing', async () => {
      const { send, forms } = await served()
      expectProblem(await send('GET', `${path(forms, 'k')}?atleast=1`), 400, 'invalid', /atLeast/)
      expectProblem(
        await send('PUT', `${path(forms, 'k')}?wiat=landed`, { body: '1' }),
        400,
        'invalid',
        /Did you mean wait\?/,
      )
      expectProblem(await send('GET', '/v1/status?verbose'), 400, 'invalid', /takes none/)
      expectProblem(await send('GET', `${path(forms, 'k')}?__proto__=1`), 400, 'invalid')
      expectProblem(await send('GET', path(forms, 'k')), 404, 'not-found')
    })

    test('query parameters twice, or of another form, are invalid', async () => {
      const { send, forms } = await served()
      for (const query of [
        'atLeast=1&atLeast=1',
        'atLeast=',
        'atLeast=x',
        'atLeast=-1',
        'atLeast=1.5',
        'atLeast=1e3',
        'atLeast=99999999999999999',
        'stale=yes',
        'stale',
        'timeoutMs=60001',
        'atLeast=%zz',
        '%ff=1',
      ]) {
        expectProblem(await send('GET', `${path(forms, 'k')}?${query}`), 400, 'invalid')
      }
      for (const query of ['wait=visible', 'wait', 'wait=landed&timeoutMs=60001', 'stale=ok']) {
        expectProblem(await send('PUT', `${path(forms, 'k')}?${query}`, { body: '1' }), 400, 'invalid')
      }
    })

    test('atLeast reads the write that gave the version; above the end of the journal it is invalid', async () => {
      const { send, forms } = await served()
      const version = versionOf(await send('PUT', path(forms, 'k'), { body: '1' }))
      expect(
        (await send('GET', `${path(forms, 'k')}?atLeast=${version}&timeoutMs=2000&stale=ok`)).json['value'],
      ).toBe(1)
      expectProblem(await send('GET', `${path(forms, 'k')}?atLeast=${version + 1_000_000}`), 400, 'invalid')
    })

    test('a batch writes each on its own and answers each in order', async () => {
      const { send, forms } = await served()
      await send('PUT', path(forms, 'there'), { body: '0' })
      await send('PUT', path(forms, 'gone'), { body: '0' })
      const { status, json } = await send('POST', `/v1/records/${forms}/batch`, {
        body: {
          writes: [
            { key: 'a', value: { x: [1] } },
            { key: 'there', value: 1, ifVersion: 0 },
            { key: 'gone', delete: true },
            { key: 'b', value: null, ifVersion: 0 },
          ],
        },
      })
      expect(status).toBe(200)
      const results = json['results'] as { key?: string; code?: string; status?: number }[]
      expect(results.map(({ key, code }) => key ?? code)).toEqual(['a', 'version-mismatch', 'gone', 'b'])
      expect(results[1]).toMatchObject({
        status: 412,
        type: '/openapi.json#/components/responses/version-mismatch',
      })
      const read = await send('POST', `/v1/records/${forms}/get`, {
        body: { keys: ['b', 'gone', 'a', 'never'] },
      })
      const records = read.json['records'] as ({ key: string; value: unknown } | null)[]
      expect(records.map((record) => record && [record.key, record.value])).toEqual([
        ['b', null],
        null,
        ['a', { x: [1] }],
        null,
      ])
    })

    test('values keep their bytes inside a batch and a multi-get', async () => {
      const { send, forms } = await served()
      await send('POST', `/v1/records/${forms}/batch`, {
        body: '{"writes":[{"key":"k","value": { "n" : 1.0 } },{"value":12345678901234567890,"key":"big"}]}',
      })
      expect((await send('GET', path(forms, 'k'))).text).toContain('"value":{ "n" : 1.0 }}')
      expect((await send('POST', `/v1/records/${forms}/get`, { body: { keys: ['big'] } })).text).toContain(
        '"value":12345678901234567890}]}',
      )
    })

    test('an atomic batch is all or nothing, and its refusal is the answer', async () => {
      const { send, forms } = await served()
      const body = (ifVersion: number) => ({ atomic: true, writes: [{ key: 'one', value: 1, ifVersion }] })
      const good = await send('POST', `/v1/records/${forms}/batch`, { body: body(0) })
      expect(good.status).toBe(200)
      expect(good.json['results']).toMatchObject([{ collection: forms, key: 'one' }])
      expectProblem(
        await send('POST', `/v1/records/${forms}/batch`, { body: body(0) }),
        412,
        'version-mismatch',
      )
    })

    test('a batch of 1,000 is taken, of 0 too; 1,001 is invalid and writes nothing', async () => {
      const { send, forms } = await served()
      const writes = (count: number) => ({
        writes: Array.from({ length: count }, (_, n) => ({ key: `k${n}`, value: n })),
      })
      expectProblem(
        await send('POST', `/v1/records/${forms}/batch`, { body: writes(1_001) }),
        400,
        'invalid',
        /1,?000/,
      )
      expectProblem(await send('GET', path(forms, 'k0')), 404, 'not-found')
      const full = await send('POST', `/v1/records/${forms}/batch`, { body: writes(1_000) })
      expect((full.json['results'] as { stage: string }[]).every(({ stage }) => stage !== undefined)).toBe(
        true,
      )
      expect((await send('POST', `/v1/records/${forms}/batch`, { body: { writes: [] } })).json).toEqual({
        results: [],
      })
      const keys = Array.from({ length: 1_001 }, (_, n) => `k${n}`)
      expectProblem(
        await send('POST', `/v1/records/${forms}/get`, { body: { keys } }),
        400,
        'invalid',
        /1,?000/,
      )
      expect(
        (await send('POST', `/v1/records/${forms}/get`, { body: { keys: keys.slice(0, 1_000) } })).json[
          'records'
        ],
      ).toHaveLength(1_000)
    })

    test('a batch of another form is invalid, names the place, and writes nothing', async () => {
      const { send, forms } = await served()
      const bodies: [string, RegExp][] = [
        ['[]', /object/],
        ['{}', /writes/],
        ['{"writes":[{"key":"a","value":1},{"key":"b"}]}', /writes\/1.*value/],
        ['{"writes":[{"key":"a","value":1,"ifversion":0}]}', /ifversion is not known/],
        ['{"writes":[{"key":"a","value":1,"ifVersion":-1}]}', /ifVersion/],
        ['{"writes":[{"key":"a","delete":true,"value":1}]}', /writes\/0/],
        ['{"writes":[{"key":1,"value":1}]}', /key must be string/],
        ['{"writes":[{"key":"a","value":1,"__proto__":1}]}', /__proto__ is not known/],
        ['{"writes":[],"atomc":true}', /atomc is not known/],
      ]
      for (const [body, detail] of bodies) {
        expectProblem(
          await send('POST', `/v1/records/${forms}/batch`, {
            body,
            headers: { 'content-type': 'application/json' },
          }),
          400,
          'invalid',
          detail,
        )
      }
      expectProblem(await send('GET', path(forms, 'a')), 404, 'not-found')
    })

    test('a lone surrogate in a key is invalid for that write', async () => {
      const { send, forms } = await served()
      const { json } = await send('POST', `/v1/records/${forms}/batch`, {
        body: '{"writes":[{"key":"\\ud800","value":1},{"key":"k","value":"\\ud83d\\ude00"}]}',
      })
      expect((json['results'] as { code?: string }[]).map(({ code }) => code)).toEqual(['invalid', undefined])
    })

    test('a sealed collection refuses later writes; the others go on', async () => {
      const { send, forms } = await served()
      await send('PUT', path(forms, 'k'), { body: '1' })
      const seal = await send('POST', `/v1/collections/${forms}/seal`)
      expect(seal.status).toBe(200)
      expect(seal.json).toEqual({
        collection: forms,
        positions: expect.arrayContaining([expect.any(Number)]),
      })
      expectProblem(await send('PUT', path(forms, 'k'), { body: '2' }), 409, 'sealed')
      expect((await send('GET', path(forms, 'k'))).json['value']).toBe(1)
      expect((await send('PUT', path(`${forms}_others`, 'k'), { body: '2' })).status).toBe(200)
    })

    test('a trace says where a key is', async () => {
      const { send, forms } = await served()
      const version = versionOf(await send('PUT', path(forms, 'a/b'), { body: '1' }))
      const { status, json } = await send('GET', `${path(forms, 'a/b')}/trace`)
      expect(status).toBe(200)
      expect(json).toMatchObject({
        collection: forms,
        key: 'a/b',
        front: { state: 'held', version },
        parked: null,
      })
      expect(Object.keys(json).sort()).toEqual([
        'collection',
        'database',
        'front',
        'journal',
        'key',
        'parked',
        'partition',
      ])
    })

    test('the status has the ledger, exact, and all bounds', async () => {
      const { send, forms } = await served()
      const totals = async () => (await send('GET', '/v1/status')).json['totals'] as Record<string, number>
      const { accepted: before = 0 } = await totals()
      await send('PUT', path(forms, 'a'), { body: '1' })
      await send('PUT', path(forms, 'b'), { body: '1' })
      // The status may be a moment old.
      const after = await vi.waitUntil(async () => {
        const now = await totals()
        return now['accepted'] === before + 2 ? now : undefined
      })
      const { landed = 0, superseded = 0, refused = 0, parked = 0, pending = 0 } = after
      expect(landed + superseded + refused + parked + pending).toBe(before + 2)
      const { json } = await send('GET', '/v1/status')
      expect(Object.keys(json)).toEqual(
        expect.arrayContaining([
          'profile',
          'promise',
          'ready',
          'generation',
          'totals',
          'partitions',
          'drainSeconds',
        ]),
      )
      expect(json['bounds']).toMatchObject({ bodyBytesMax: 2 ** 24, batchMax: 1_000, nestingMax: 512 })
    })

    test('nothing is parked in a healthy tier', async () => {
      const { send, forms } = await served()
      expect((await send('GET', '/v1/parked')).json).toEqual({ items: [], next: null })
      expectProblem(await send('GET', `/v1/parked/${forms}/k`), 404, 'not-found')
      expectProblem(await send('POST', `/v1/parked/${forms}/k/retry`), 404, 'not-found')
      expectProblem(
        await send('POST', `/v1/parked/${forms}/k/resolve`, { body: { with: 'delete', version: 1 } }),
        404,
        'not-found',
      )
    })

    test('an entry that is none is refused', async () => {
      const { send } = await served()
      const { status } = await send('POST', '/v1/entries/nonsense/settle')
      expect([400, 404]).toContain(status)
    })

    test('the probes answer, and metrics are Prometheus text with the ledger', async () => {
      const { send, forms } = await served()
      await send('PUT', path(forms, 'k'), { body: '1' })
      for (const probe of ['/livez', '/readyz'])
        expect((await send('GET', probe)).json).toEqual({ status: 'ok' })
      const { headers, text } = await send('GET', '/metrics')
      expect(headers.get('content-type')).toContain('text/plain')
      expect(text).toMatch(/^spillway_writes_total\{outcome="(visible|landed)"\} [1-9]/m)
      expect(text).toMatch(/^spillway_ledger\{partition="\d+",state="accepted"\} [1-9]/m)
      expect(text).toMatch(/^spillway_ready 1$/m)
    })
  })
}
