/** What the record methods promise, whatever the stores are: run on every profile. */
import { describe, expect, test } from 'vitest'
import { SpillwayError, collection } from '../../src/index.ts'
import type { Receipt, Tier, TierOptions } from '../../src/index.ts'

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as SpillwayError).code,
  )

/** Bytes are bytes, whether a Buffer holds them or not; and a failure does not print megabytes. */
const same = (a: Uint8Array | undefined, b: Uint8Array): boolean =>
  a !== undefined && Buffer.compare(a, b) === 0

/** A tier on stores of its own, which are gone after the test; of 4 partitions where `options` say nothing else. */
export interface Started {
  readonly tier: Tier
  reopen(options?: Partial<TierOptions>): Promise<Tier>
}

/** `alone`: the process that opens a tier is the only one that appends. */
export function recordPromises(
  start: (options?: Partial<TierOptions>) => Promise<Started>,
  { alone }: { readonly alone: boolean },
): void {
  describe('records', () => {
    test('what was put is read back, also after a restart that finds nothing landed', async () => {
      const it = await start({ role: 'api' })
      const forms = it.tier.records<{ a: number }>('forms')
      const receipt = await forms.put('k', { a: 1 })
      expect(receipt).toMatchObject({ collection: 'forms', key: 'k', stage: 'visible' })
      expect(await forms.get('k', { atLeast: receipt.version })).toEqual({
        key: 'k',
        version: receipt.version,
        value: { a: 1 },
      })
      const again = await it.reopen()
      expect(await again.records('forms').get('k')).toEqual({
        key: 'k',
        version: receipt.version,
        value: { a: 1 },
      })
    })

    test('the JSON bytes come back as they were sent, from memory and from the table', async () => {
      const it = await start()
      const json = new TextEncoder().encode('{ "a" : 1.0,\n"__proto__": {"x": 1}, "e": "\\u00e9" }')
      const receipt = await it.tier.records('forms').putJson('k', json)
      await receipt.landed()
      expect(same((await it.tier.records('forms').getJson('k'))?.json, json)).toBe(true)
      const again = await it.reopen()
      expect(same((await again.records('forms').getJson('k'))?.json, json)).toBe(true)
    })

    test('peekInto copies what getJson answers, where it answers at all, and touches nothing else', async () => {
      const it = await start()
      const records = it.tier.records('forms')
      const json = new TextEncoder().encode('{"a":"é"}')
      const { version } = await records.putJson('k', json)
      const target = new Uint8Array(json.length + 2)
      expect(records.peekInto?.('absent', target, 0)).toBe(undefined)
      expect(records.peekInto?.('k', target, 3)).toBe(undefined)
      expect([...target]).toEqual([...new Uint8Array(json.length + 2)])
      const copy = records.peekInto?.('k', target, 1)
      if (copy !== undefined) {
        expect(copy).toEqual({ version, bytes: json.length })
        expect([...target]).toEqual([0, ...json, 0])
      }
      expect(() => records.peekInto?.('', target, 0)).toThrow(SpillwayError)
      await records.delete('k')
      expect(records.peekInto?.('k', target, 0)).toBe(undefined)
    })

    test('any well-formed key of 1 to 512 bytes round-trips, others are invalid', async () => {
      const it = await start()
      const records = it.tier.records('forms')
      const keys = [
        '__proto__',
        'constructor',
        '🙂',
        'a/b',
        '../x',
        'nul\0nul',
        ' ',
        '%2F',
        'x'.repeat(512),
        '字'.repeat(170),
      ]
      for (const key of keys) await records.put(key, key)
      const again = (await it.reopen()).records('forms')
      expect((await again.getMany(keys)).map((record) => record?.value)).toEqual(keys)
      for (const key of ['', '.', '..', 'x'.repeat(513), '字'.repeat(171), '\ud800']) {
        expect(await code(records.put(key, 1))).toBe('invalid')
        expect(await code(records.get(key))).toBe('invalid')
      }
    })

    test('conditions: create-only, exactly this version, delete only this version; a deleted key is absent to all', async () => {
      const { tier } = await start()
      const records = tier.records('forms')
      const first = await records.put('k', 1, { ifVersion: 0 })
      expect(await code(records.put('k', 2, { ifVersion: 0 }))).toBe('version-mismatch')
      expect(await code(records.delete('k', { ifVersion: first.version + 1 }))).toBe('version-mismatch')
      await records.delete('k', { ifVersion: first.version })
      expect(await records.get('k')).toBeUndefined()
      expect(await code(records.delete('k', { ifVersion: first.version }))).toBe('version-mismatch')
      expect((await records.put('k', 3, { ifVersion: 0 })).version).toBeGreaterThan(first.version)
    })

    test('conditions on a cold key are judged by what is in the table', async () => {
      const it = await start()
      const receipt = await it.tier.records('forms').put('k', 1)
      await receipt.landed()
      const records = (await it.reopen()).records('forms')
      expect(await code(records.put('k', 2, { ifVersion: 0 }))).toBe('version-mismatch')
      expect(await code(records.put('k', 2, { ifVersion: receipt.version }))).toBe('resolved')
      expect(await code(records.put('never', 2, { ifVersion: 0 }))).toBe('resolved')
    })

    test('of many conditional writes of one key in flight exactly one gets through', async () => {
      const { tier } = await start()
      const records = tier.records<number>('forms')
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, (_, n) => code(records.put('k', n, { ifVersion: 0 }))),
      )
      expect(outcomes.filter((one) => one === 'resolved')).toHaveLength(1)
      expect(outcomes.filter((one) => one === 'version-mismatch')).toHaveLength(199)
    })

    test('updates of one key from many callers lose none', async () => {
      const { tier } = await start()
      const records = tier.records<{ n: number }>('forms')
      await Promise.all(
        Array.from({ length: 25 }, () => records.update('n', (now) => ({ n: (now?.n ?? 0) + 1 }))),
      )
      expect((await records.get('n'))?.value).toEqual({ n: 25 })
      await records.update('n', () => undefined)
      expect(await records.get('n')).toBeUndefined()
    })

    test('putMany gives each write its own outcome; getMany answers in order with holes', async () => {
      const { tier } = await start()
      const records = tier.records('forms')
      const outcomes = await records.putMany([
        { key: 'a', value: 1 },
        { key: '', value: 2 },
        { key: 'b', value: 3, ifVersion: 9 },
        { key: 'a', delete: true },
      ])
      expect(outcomes.map((one) => (one instanceof SpillwayError ? one.code : 'ok'))).toEqual([
        'ok',
        'invalid',
        'version-mismatch',
        'ok',
      ])
      await records.put('c', 4)
      expect((await records.getMany(['c', 'nope', 'a', 'c'])).map((one) => one?.value)).toEqual([
        4,
        undefined,
        undefined,
        4,
      ])
    })

    test('a value that is no JSON, too large or too deep is turned away and changes nothing', async () => {
      const { tier } = await start()
      const records = tier.records('forms')
      const text = (json: string): Promise<unknown> => records.putJson('k', new TextEncoder().encode(json))
      expect(await code(text('{'))).toBe('invalid')
      expect(await code(records.putJson('k', new Uint8Array([0x22, 0xff, 0x22])))).toBe('invalid')
      expect(await code(text('['.repeat(200_000) + ']'.repeat(200_000)))).toBe('invalid')
      expect(await code(text('['.repeat(512) + ']'.repeat(512)))).toBe('resolved')
      expect(await code(records.put('big', 'x'.repeat(2 ** 20)))).toBe('too-large')
      expect(await code(records.put('k2', undefined))).toBe('invalid')
      expect(await code(records.put('k2', 1n))).toBe('invalid')
      expect(await records.get('k2')).toBeUndefined()
    })

    test('atLeast beyond the journal is no wait that never ends', async () => {
      const { tier } = await start()
      const receipt = await tier.records('forms').put('k', 1)
      // Where others append too, nobody here knows the end: the wait is bounded instead.
      const late = tier.records('forms').get('k', { atLeast: receipt.version + 1_000, timeoutMs: 300 })
      expect(await code(late)).toBe(alone ? 'invalid' : 'catching-up')
      expect(await code(tier.records('forms').get('k', { timeoutMs: 60_001 }))).toBe('invalid')
    })
  })

  describe('frames', () => {
    test('are all or nothing, in one partition, and never hold a key twice', async () => {
      const { tier } = await start()
      await tier.records('d').put('k', 'before')
      const write = (extra: object): Promise<Receipt[]> =>
        tier.atomic([
          { collection: 'c', key: 'k', value: 1 },
          { collection: 'd', key: 'k', value: 2, ...extra },
        ])
      expect(await code(write({ ifVersion: 0 }))).toBe('version-mismatch')
      expect(await tier.records('c').get('k')).toBeUndefined()
      const receipts = await write({})
      expect((receipts[1] as Receipt).version).toBe((receipts[0] as Receipt).version + 1)
      expect((await tier.records('d').get('k'))?.value).toBe(2)
      expect(
        await code(
          tier.atomic([
            { collection: 'c', key: 'k', value: 1 },
            { collection: 'c', key: 'k', value: 2 },
          ]),
        ),
      ).toBe('invalid')
      const apart = Array.from({ length: 16 }, (_, n) => ({ collection: 'c', key: `k${n}`, value: n }))
      expect(await code(tier.atomic(apart))).toBe('invalid')
      expect(await code(tier.atomic([]))).toBe('invalid')
    })
  })

  describe('seal', () => {
    test('refuses every later write in journal order, also after a restart, and leaves other collections alone', async () => {
      const it = await start()
      const before = await it.tier.records('forms').put('k', 1)
      const [sealed, late] = await Promise.all([
        it.tier.records('forms').seal(),
        code(it.tier.records('forms').put('k', 2)),
      ])
      expect(sealed.positions).toHaveLength(4)
      expect(['resolved', 'sealed']).toContain(late)
      expect(await code(it.tier.records('forms').put('k', 3))).toBe('sealed')
      expect(await code(it.tier.records('other').put('k', 3))).toBe('resolved')
      const again = await it.reopen()
      expect(await code(again.records('forms').delete('k'))).toBe('sealed')
      expect((await again.records('forms').get('k'))?.version).toBeGreaterThanOrEqual(before.version)
    })
  })

  describe('collections', () => {
    test('declared ones are all there are', async () => {
      const { tier } = await start({ collections: [collection('forms')] })
      expect(() => tier.records('froms')).toThrow(/not declared/)
      expect(await code(tier.records('forms').put('k', 1))).toBe('resolved')
    })

    test('a schema refuses what does not fit and values that it would change', async () => {
      const schema = {
        '~standard': {
          version: 1 as const,
          vendor: 'test',
          validate: (value: unknown) => {
            const given = value as { n?: unknown }
            if (given.n === undefined) return { value: { n: 0 } }
            return typeof given.n === 'number'
              ? { value }
              : { issues: [{ message: 'must be a number', path: ['n'] }] }
          },
        },
      }
      const { tier } = await start({ collections: [collection('forms', { schema })] })
      const records = tier.records('forms')
      expect(await code(records.put('k', { n: 1 }))).toBe('resolved')
      await expect(records.put('k', { n: 'x' })).rejects.toThrow(/n: must be a number/)
      await expect(records.put('k', {})).rejects.toThrow(/changes values/)
    })

    test.each(['gzip', 'zstd'] as const)(
      '%s: large values are compressed and come back byte for byte',
      async (compression) => {
        const it = await start({
          collections: [
            collection('docs', {
              compression,
              compressionThresholdBytes: 1_000,
              valueBytesMax: 16 * 2 ** 20,
            }),
          ],
        })
        const json = new TextEncoder().encode(JSON.stringify({ text: 'spillway '.repeat(500_000), small: 1 }))
        const receipt = await it.tier.records('docs').putJson('k', json)
        await receipt.landed()
        expect((await it.tier.status()).usage.journalBytes).toBeLessThan(json.byteLength)
        expect(same((await it.tier.records('docs').getJson('k'))?.json, json)).toBe(true)
        expect(same((await (await it.reopen()).records('docs').getJson('k'))?.json, json)).toBe(true)
      },
    )

    test('readers of a value that is overwritten all the time see whole values only', async () => {
      const { tier } = await start({
        collections: [collection('docs', { valueBytesMax: 4 * 2 ** 20, compression: 'zstd' })],
      })
      const docs = tier.records<string>('docs')
      await docs.put('k', '0'.repeat(2 ** 21))
      let writing = true
      const writer = (async () => {
        for (let n = 1; n <= 9; n += 1) await docs.put('k', String(n).repeat(2 ** 21))
        writing = false
      })()
      let reads = 0
      let seen = 0
      while (writing) {
        const record = await docs.get('k')
        const text = record?.value ?? ''
        expect(text === (text[0] ?? '').repeat(2 ** 21)).toBe(true)
        expect(record?.version).toBeGreaterThanOrEqual(seen)
        seen = record?.version ?? 0
        reads += 1
        // A hit is answered without leaving the turn: give the writer's worker a chance to be heard.
        await new Promise((resolve) => setImmediate(resolve))
      }
      await writer
      expect(reads).toBeGreaterThan(0)
    })
  })
}
