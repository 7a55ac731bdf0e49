/** What every database promises, run on drivers and on the simulator's fake alike. */
import * as fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { compress, decompress } from '../../src/kit/codec.ts'
import { compareUtf8 } from '../../src/kit/utf8.ts'
import type { Mark, RecordRef } from '../../src/model/entry.ts'
import { EMPTY_LEDGER, acceptedOf } from '../../src/model/ledger.ts'
import type { LedgerCounts } from '../../src/model/ledger.ts'
import { ABSENT, ORIGIN, position } from '../../src/model/position.ts'
import type { Position } from '../../src/model/position.ts'
import type { TableSpec } from '../../src/model/table.ts'
import { compileTable } from '../../src/model/table.ts'
import { plainValue } from '../../src/model/value.ts'
import type { Value } from '../../src/model/value.ts'
import type { Database, LandBatch, LandResult, LandRow, ParkRow } from '../../src/ports/database.ts'

export interface DatabaseUnderTest {
  /** Prepared; no generation was begun. Rejects values whose JSON contains `poison` as data. */
  readonly database: Database
  /** From now on poison is accepted like anything else. */
  acceptPoison(): Promise<void>
  /** What the history table has of a record, by version. */
  history(ref: RecordRef): Promise<readonly { readonly version: number; readonly deleted: boolean }[]>
  /** Back to what `open` gave, where that is cheaper than opening another one. */
  reset?(): Promise<void>
  close(): Promise<void>
}

export interface DatabaseMaker {
  open(options: {
    readonly tables: readonly TableSpec[]
    readonly partitions: number
    readonly ageMax: number
    readonly parkedMax: number
  }): Promise<DatabaseUnderTest>
  /** Runs of the random comparison; default 60. */
  readonly runs?: number
}

const PARTITIONS = 3
const AGE_MAX = 40
const PARKED_MAX = 5
const FORMS = 'forms'
/** Keeps every version. */
const LOG = 'log'

function json(value: unknown): Value {
  return plainValue(Buffer.from(JSON.stringify(value)))
}

function shown(value: Value | undefined): unknown {
  if (value === undefined) return undefined
  return JSON.parse(Buffer.from(decompress(value.codec, value.bytes, value.rawBytes)).toString())
}

function at(count: number): Position {
  return position(1, count)
}

function markAt(count: number, journal = 'journal'): Mark {
  return { journal, position: at(count), offset: count, digest: `digest ${count}` }
}

function put(key: string, count: number, value: unknown = { count }, collection: string = FORMS): LandRow {
  return { collection, key, version: at(count), value: json(value) }
}

function gone(key: string, count: number, collection: string = FORMS): LandRow {
  return { collection, key, version: at(count), value: undefined }
}

function parked(row: LandRow, frame?: Position): ParkRow {
  return { ...row, cause: 'not accepted', frame }
}

function batch(from: number, to: number, parts: Partial<LandBatch> = {}): LandBatch {
  const rows = parts.rows ?? []
  const park = parts.park ?? []
  return {
    partition: 0,
    from: markAt(from),
    to: markAt(to),
    rows,
    history: [],
    park,
    voids: [],
    seals: [],
    refused: [],
    counts: { ...EMPTY_LEDGER, landed: rows.length, parked: park.length },
    ...parts,
  }
}

export function databaseSuite(name: string, maker: DatabaseMaker): void {
  describe(`database: ${name}`, () => {
    let tested: DatabaseUnderTest
    let database: Database

    const open = (): Promise<DatabaseUnderTest> =>
      maker.open({
        tables: [compileTable(FORMS), compileTable(LOG, { history: true })],
        partitions: PARTITIONS,
        ageMax: AGE_MAX,
        parkedMax: PARKED_MAX,
      })

    async function begin(): Promise<void> {
      const marks = Array.from({ length: PARTITIONS }, () => markAt(0))
      await database.beginGeneration(
        1,
        marks,
        marks.map(() => undefined),
      )
    }

    let opened: DatabaseUnderTest | undefined

    beforeEach(async () => {
      if (opened?.reset === undefined) {
        await opened?.close()
        opened = await open()
      } else await opened.reset()
      tested = opened
      database = tested.database
    })
    afterAll(async () => {
      await opened?.close()
    })

    async function landed(what: LandBatch): Promise<Extract<LandResult, { kind: 'landed' }>> {
      const result = await database.land(what)
      if (result.kind !== 'landed') throw new Error(`Expected a landing, got ${JSON.stringify(result)}`)
      return result
    }

    async function read(
      key: string,
      collection: string = FORMS,
    ): Promise<{ version: number; value: unknown }> {
      const { held } = await database.read(0, [{ collection, key }])
      return { version: held[0]!.version, value: shown(held[0]!.value) }
    }

    async function counts(partition = 0): Promise<LedgerCounts> {
      return (await database.partitions())[partition]!.counts
    }

    async function parkedKeys(): Promise<string[]> {
      return (await database.parked.list({ limit: 100 })).items.map(
        (item) => `${item.key}@${item.version - at(0)}`,
      )
    }

    const nothing = { version: ABSENT, value: undefined }

    describe('generations', () => {
      test('a database that never was begun has no partitions and no rows', async () => {
        expect(await database.partitions()).toEqual([])
        const { position: where, held } = await database.read(1, [{ collection: FORMS, key: 'a' }])
        expect([where, held]).toEqual([ORIGIN, [nothing]])
      })

      test('a generation begins for all partitions or for none', async () => {
        const marks = [markAt(0, 'a'), markAt(0, 'b'), markAt(0, 'c')]
        expect(await database.beginGeneration(1, marks, [undefined, undefined, undefined])).toBe('begun')
        const next = marks.map((mark) => ({ ...mark, journal: 'next' }))
        expect(await database.beginGeneration(2, next, [marks[0], marks[1], markAt(9)])).toBe('moved')
        expect(await database.beginGeneration(2, next, [marks[0], undefined, marks[2]])).toBe('moved')
        expect((await database.partitions()).map((row) => [row.partition, row.generation, row.mark])).toEqual(
          marks.map((mark, partition) => [partition, 1, mark]),
        )
        expect(await database.beginGeneration(2, next, marks)).toBe('begun')
        expect((await database.partitions()).map((row) => [row.generation, row.mark.journal])).toEqual(
          marks.map(() => [2, 'next']),
        )
      })

      test('a new generation keeps rows, counters and fold state', async () => {
        await begin()
        await landed(batch(0, 1, { rows: [put('a', 1)], refused: [at(1)] }))
        const expected = (await database.partitions()).map((row) => row.mark)
        await database.beginGeneration(
          2,
          expected.map((mark) => ({ ...mark, journal: 'next' })),
          expected,
        )
        expect(await read('a')).toEqual({ version: at(1), value: { count: 1 } })
        const [row] = await database.partitions()
        expect([row!.counts.landed, row!.refused]).toEqual([1, [at(1)]])
      })

      test('who lands from a mark of the generation before lands nothing', async () => {
        await begin()
        const expected = (await database.partitions()).map((row) => row.mark)
        await database.beginGeneration(
          2,
          expected.map((mark) => ({ ...mark, journal: 'next' })),
          expected,
        )
        expect((await database.land(batch(0, 1, { rows: [put('a', 1)] }))).kind).toBe('moved')
        expect(await read('a')).toEqual(nothing)
      })
    })

    describe('landing', () => {
      beforeEach(begin)

      test('rows, position and counters are there together', async () => {
        expect(await landed(batch(0, 2, { rows: [put('a', 1), put('b', 2)] }))).toEqual({
          kind: 'landed',
          cleared: 0,
          newer: [],
        })
        const { position: where, held } = await database.read(0, [
          { collection: FORMS, key: 'b' },
          { collection: FORMS, key: 'nobody' },
          { collection: FORMS, key: 'a' },
          { collection: LOG, key: 'a' },
        ])
        expect(where).toBe(at(2))
        expect(held.map((one) => [one.version, shown(one.value)])).toEqual([
          [at(2), { count: 2 }],
          [ABSENT, undefined],
          [at(1), { count: 1 }],
          [ABSENT, undefined],
        ])
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, landed: 2 })
        expect((await database.snapshot(0)).mark).toEqual(markAt(2))
        expect((await database.snapshot(1)).mark).toEqual(markAt(0))
      })

      test('a landing from where the database is not changes nothing and says where it is', async () => {
        await landed(batch(0, 2, { rows: [put('a', 1)] }))
        const elsewhere = [
          markAt(0),
          markAt(3),
          { ...markAt(2), journal: 'other' },
          { ...markAt(2), digest: 'other' },
          { ...markAt(2), offset: 9 },
        ]
        for (const from of elsewhere) {
          const result = await database.land({
            ...batch(2, 5, { rows: [put('a', 5)], park: [parked(put('b', 4))] }),
            from,
          })
          expect(result).toEqual({ kind: 'moved', mark: markAt(2) })
        }
        expect(await read('a')).toEqual({ version: at(1), value: { count: 1 } })
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, landed: 1 })
        expect(await parkedKeys()).toEqual([])
      })

      test('an empty batch moves the position', async () => {
        await landed(batch(0, 7, { counts: { ...EMPTY_LEDGER, voided: 3, control: 4 } }))
        expect((await database.read(0, [])).position).toBe(at(7))
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, voided: 3, control: 4 })
      })

      test('deletes delete, also what was not there', async () => {
        await landed(batch(0, 2, { rows: [put('a', 1)] }))
        expect(await landed(batch(2, 4, { rows: [gone('a', 3), gone('b', 4)] }))).toEqual({
          kind: 'landed',
          cleared: 0,
          newer: [],
        })
        expect(await read('a')).toEqual(nothing)
        await landed(batch(4, 5, { rows: [put('a', 5)] }))
        expect(await read('a')).toEqual({ version: at(5), value: { count: 5 } })
      })

      test('a row that is newer than the batch stays and is reported', async () => {
        await landed(batch(0, 9, { rows: [put('a', 8), put('b', 9)] }))
        const result = await landed(batch(9, 10, { rows: [put('a', 3), gone('b', 4), put('c', 5)] }))
        expect(result.newer).toEqual([
          { collection: FORMS, key: 'a' },
          { collection: FORMS, key: 'b' },
        ])
        expect((await read('a')).version).toBe(at(8))
        expect((await read('b')).version).toBe(at(9))
        expect((await read('c')).version).toBe(at(5))
      })

      test('every valid key is a row of its own and comes back as it was', async () => {
        const keys = [
          '__proto__',
          'a',
          'A',
          'a ',
          'ä',
          'a\u0308',
          'key\0nul',
          'key',
          '\0',
          '0',
          '00',
          '1e2',
          'a/b',
          '../x',
          "o'clock",
          '"',
          '\ufeffbom',
          '\uffff',
          '😀',
          'x'.repeat(512),
        ]
        const sorted = [...keys].sort(compareUtf8)
        await landed(
          batch(0, keys.length, { rows: sorted.map((key, index) => put(key, index + 1, { key })) }),
        )
        const { held } = await database.read(
          0,
          keys.map((key) => ({ collection: FORMS, key })),
        )
        expect(held.map((one) => shown(one.value))).toEqual(keys.map((key) => ({ key })))
        const { rows } = await database.scan(FORMS, undefined, 100)
        expect(rows.map((row) => [row.key, shown(row.value), row.check])).toEqual(
          sorted.map((key) => [key, { key }, 'good']),
        )
      })

      test('values keep their bytes, compressed ones too', async () => {
        const text = Buffer.from(`{ "spaced" :  1.0, "text":"${'forms '.repeat(4_000)}"}`)
        const values = (['none', 'gzip', 'zstd'] as const).map((codec) =>
          compress(text, { codec, thresholdBytes: 1 }),
        )
        await landed(
          batch(0, 3, { rows: values.map((value, index) => ({ ...put(`k${index}`, index + 1), value })) }),
        )
        const { held } = await database.read(
          0,
          values.map((_, index) => ({ collection: FORMS, key: `k${index}` })),
        )
        for (const { value } of held) {
          expect(value!.rawBytes).toBe(text.length)
          expect(Buffer.from(decompress(value!.codec, value!.bytes, value!.rawBytes)).equals(text)).toBe(true)
        }
      })

      test('the position of a read is that of its rows, whoever lands meanwhile', async () => {
        let done = false
        const landing = (async () => {
          for (let count = 1; count <= 60; count += 1) {
            await landed(batch(count - 1, count, { rows: [put('a', count), put('b', count)] }))
          }
          done = true
        })()
        while (!done) {
          const { position: where, held } = await database.read(
            0,
            ['a', 'b'].map((key) => ({ collection: FORMS, key })),
          )
          const expected = where === at(0) ? ABSENT : where
          expect(held.map((one) => one.version)).toEqual([expected, expected])
        }
        await landing
      })

      test('batches of partitions that land at the same time each have their own outcome', async () => {
        const results = await Promise.all([
          database.land(batch(0, 1, { partition: 0, rows: [put('a', 1)] })),
          database.land(batch(5, 6, { partition: 1, rows: [put('b', 6)] })),
          database.land(batch(0, 2, { partition: 2, rows: [put('c', 1), put('d', 2, 'poison')] })),
          database.land(batch(1, 2, { partition: 0, rows: [put('e', 2)] })),
        ])
        expect(results.map((result) => result.kind)).toEqual(['landed', 'moved', 'rejects', 'landed'])
        const versions = await Promise.all(
          ['a', 'b', 'c', 'd', 'e'].map(async (key) => (await read(key)).version),
        )
        expect(versions).toEqual([at(1), ABSENT, ABSENT, ABSENT, at(2)])
        expect((await database.partitions()).map((row) => row.mark)).toEqual([
          markAt(2),
          markAt(0),
          markAt(0),
        ])
      })
    })

    describe('fold state', () => {
      beforeEach(begin)

      test('voids, seals and refused positions are kept in order, each for its partition', async () => {
        await landed(
          batch(0, 5, {
            voids: [
              ['two', at(1)],
              ['one', at(2)],
            ],
            seals: [[FORMS, at(3)]],
            refused: [at(5), at(4)],
          }),
        )
        await landed(
          batch(5, 8, {
            voids: [['two', at(6)]],
            seals: [
              [FORMS, at(7)],
              [LOG, at(8)],
            ],
            refused: [at(6)],
          }),
        )
        const fold = await database.snapshot(0)
        expect(fold.voids).toEqual([
          ['two', at(1)],
          ['one', at(2)],
        ])
        expect(fold.seals).toEqual([
          [FORMS, at(3)],
          [LOG, at(8)],
        ])
        expect(fold.refused).toEqual([at(4), at(5), at(6)])
        expect(fold.refusedFrom).toBe(ORIGIN)
        expect(await database.snapshot(1)).toEqual({
          mark: markAt(0),
          voids: [],
          seals: [],
          refused: [],
          refusedFrom: ORIGIN,
        })
        expect((await database.partitions())[0]).toMatchObject(fold)
      })

      test('a void is kept for its age and forgotten after it', async () => {
        await landed(batch(0, 1, { voids: [['x', at(1)]] }))
        await landed(batch(1, AGE_MAX + 1))
        expect((await database.snapshot(0)).voids).toEqual([['x', at(1)]])
        await landed(batch(AGE_MAX + 1, AGE_MAX + 2))
        expect((await database.snapshot(0)).voids).toEqual([])
      })

      test('forgetting refused positions says up to where, and never takes that back', async () => {
        await landed(batch(0, 5, { refused: [at(2), at(3), at(5)] }))
        await database.forgetRefused(0, at(3))
        await database.forgetRefused(0, at(1))
        const fold = await database.snapshot(0)
        expect([fold.refused, fold.refusedFrom]).toEqual([[at(5)], at(3)])
      })

      test('a batch that does not land leaves no fold state', async () => {
        const parts = { voids: [['x', at(1)] as const], seals: [[FORMS, at(2)] as const], refused: [at(3)] }
        await database.land(batch(0, 4, { ...parts, rows: [put('a', 4, 'poison')] }))
        expect(await database.snapshot(0)).toEqual({
          mark: markAt(0),
          voids: [],
          seals: [],
          refused: [],
          refusedFrom: ORIGIN,
        })
      })
    })

    describe('rejected and parked', () => {
      beforeEach(begin)

      test('every row that is not accepted is named, and nothing lands', async () => {
        const rows = Array.from({ length: 20 }, (_, index) =>
          put(`k${String(index).padStart(2, '0')}`, index + 1, index % 7 === 3 ? 'poison' : index),
        )
        const result = await database.land(batch(0, 20, { rows }))
        if (result.kind !== 'rejects') throw new Error(`Expected rejects, got ${JSON.stringify(result)}`)
        expect(result.rejects.map((one) => [one.ref, one.version])).toEqual(
          [3, 10, 17].map((index) => [
            { collection: FORMS, key: `k${String(index).padStart(2, '0')}` },
            at(index + 1),
          ]),
        )
        for (const { cause } of result.rejects) expect(cause).not.toBe('')
        expect((await database.read(0, [])).position).toBe(at(0))
        expect((await database.scan(FORMS, undefined, 100)).rows).toEqual([])
        expect(await counts()).toEqual(EMPTY_LEDGER)
      })

      test('rejected versions of the history are named once', async () => {
        const history = [put('a', 1, 'poison', LOG), put('a', 2, 'fine', LOG), put('a', 3, 'poison', LOG)]
        const result = await database.land(batch(0, 3, { rows: [history[2]!], history }))
        if (result.kind !== 'rejects') throw new Error(`Expected rejects, got ${JSON.stringify(result)}`)
        expect(result.rejects.map((one) => one.version).sort()).toEqual([at(1), at(3)])
        expect(await tested.history({ collection: LOG, key: 'a' })).toEqual([])
      })

      test('a parked write is read as the newest, and the table keeps what it had', async () => {
        await landed(batch(0, 1, { rows: [put('a', 1)] }))
        await landed(batch(1, 2, { park: [parked(put('a', 2, 'poison'))] }))
        expect(await read('a')).toEqual({ version: at(2), value: 'poison' })
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, landed: 1, parked: 1 })
        const item = await database.parked.get({ collection: FORMS, key: 'a' })
        expect(item).toMatchObject({
          collection: FORMS,
          key: 'a',
          partition: 0,
          version: at(2),
          cause: 'not accepted',
          frame: undefined,
          attempts: 1,
          bytes: 8,
        })
        expect([shown(item!.value), item!.table.version, shown(item!.table.value)]).toEqual([
          'poison',
          at(1),
          { count: 1 },
        ])
        expect(await database.parked.get({ collection: FORMS, key: 'b' })).toBeUndefined()
      })

      test('a parked delete is read as absence', async () => {
        await landed(batch(0, 1, { rows: [put('a', 1)] }))
        await landed(batch(1, 2, { park: [parked(gone('a', 2))] }))
        expect(await read('a')).toEqual(nothing)
        expect(await database.parked.get({ collection: FORMS, key: 'a' })).toMatchObject({
          version: at(2),
          value: undefined,
          bytes: 0,
        })
      })

      test('a newer good write or delete clears a parked one, which counts as superseded', async () => {
        await landed(batch(0, 2, { park: [parked(put('a', 1, 'poison')), parked(put('b', 2, 'poison'))] }))
        expect((await landed(batch(2, 4, { rows: [put('a', 3), gone('b', 4)] }))).cleared).toBe(2)
        expect(await parkedKeys()).toEqual([])
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, landed: 2, superseded: 2 })
        expect(await read('a')).toEqual({ version: at(3), value: { count: 3 } })
        expect(await read('b')).toEqual(nothing)
      })

      test('batches of a partition that are sent before the first is answered leave what they leave one by one', async () => {
        const good = (from: number, rows: readonly LandRow[]): LandBatch =>
          batch(from, from + rows.length, { rows })
        const line = [
          good(0, [put('a', 1), put('b', 2)]),
          batch(2, 4, { park: [parked(put('a', 3, 'poison')), parked(put('c', 4, 'poison'))] }),
          good(4, [put('a', 5), gone('b', 6)]),
          batch(6, 8, { rows: [put('b', 7)], park: [parked(put('d', 8, 'poison'))] }),
          good(8, [put('c', 9)]),
        ]
        const results = await Promise.all(line.map((one) => database.land(one)))
        // Whatever was taken before its turn has done nothing.
        for (const [index, result] of results.entries()) {
          if (result.kind === 'moved') results[index] = await database.land(line[index] as LandBatch)
        }
        expect(results.map((result) => (result.kind === 'landed' ? result.cleared : result.kind))).toEqual([
          0, 0, 1, 0, 1,
        ])
        expect(await parkedKeys()).toEqual(['d@8'])
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, landed: 6, superseded: 2, parked: 1 })
        const versions = await Promise.all(['a', 'b', 'c', 'd'].map(async (key) => (await read(key)).version))
        expect(versions).toEqual([at(5), at(7), at(9), at(8)])
      })

      test('a newer bad write of the key replaces the parked one', async () => {
        await landed(batch(0, 1, { park: [parked(put('a', 1, 'poison'))] }))
        expect((await landed(batch(1, 2, { park: [parked(put('a', 2, 'poison 2'))] }))).cleared).toBe(1)
        expect(await parkedKeys()).toEqual(['a@2'])
        expect(await read('a')).toEqual({ version: at(2), value: 'poison 2' })
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, superseded: 1, parked: 1 })
      })

      test('good and bad of one key in one batch: the good one lands and the newer bad one stays parked', async () => {
        await landed(batch(0, 2, { rows: [put('a', 1)], park: [parked(put('a', 2, 'poison'))] }))
        expect(await parkedKeys()).toEqual(['a@2'])
        expect((await database.parked.get({ collection: FORMS, key: 'a' }))!.table.version).toBe(at(1))
      })

      test('beyond the bound nothing lands until there is room', async () => {
        const park = Array.from({ length: PARKED_MAX }, (_, index) =>
          parked(put(`p${index}`, index + 1, 'poison')),
        )
        await landed(batch(0, PARKED_MAX, { park }))
        const more = batch(PARKED_MAX, PARKED_MAX + 2, {
          rows: [put('a', PARKED_MAX + 1)],
          park: [parked(put('q', PARKED_MAX + 2, 'poison'))],
        })
        const full = await database.land(more)
        expect(full).toMatchObject({
          kind: 'parked-full',
          bound: expect.stringContaining(String(PARKED_MAX)),
        })
        expect(await read('a')).toEqual(nothing)
        expect((await database.read(0, [])).position).toBe(at(PARKED_MAX))
        await tested.acceptPoison()
        expect(
          await database.parked.retry(0, [{ ref: { collection: FORMS, key: 'p0' }, version: at(1) }]),
        ).toEqual(['landed'])
        await landed(more)
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, landed: 2, parked: PARKED_MAX })
      })

      test('lists page through everything once, in the order of collection and key', async () => {
        const park = [
          parked(put('b', 1, 'poison', LOG)),
          parked(put('a', 2, 'poison')),
          parked(put('a\0b', 3, 'poison')),
          parked(put('b', 4, 'poison')),
        ]
        await landed(batch(0, 4, { park }))
        const found: string[] = []
        let after: string | undefined
        do {
          const page = await database.parked.list({ limit: 1, ...(after === undefined ? {} : { after }) })
          found.push(...page.items.map((item) => `${item.collection} ${item.key}`))
          after = page.next
        } while (after !== undefined)
        expect(found).toEqual(['forms a', 'forms a\0b', 'forms b', 'log b'])
        const ofOne = await database.parked.list({ collection: LOG, limit: 10 })
        expect([ofOne.items.map((item) => item.key), ofOne.next]).toEqual([['b'], undefined])
      })

      test('a retry lands what is accepted now, once', async () => {
        await landed(batch(0, 2, { park: [parked(put('a', 1, 'poison')), parked(gone('b', 2))] }))
        await tested.acceptPoison()
        const wanted = [
          { ref: { collection: FORMS, key: 'a' }, version: at(1) },
          { ref: { collection: FORMS, key: 'b' }, version: at(2) },
          { ref: { collection: FORMS, key: 'c' }, version: at(1) },
        ]
        expect(await database.parked.retry(0, wanted)).toEqual(['landed', 'landed', 'gone'])
        expect(await database.parked.retry(0, wanted)).toEqual(['gone', 'gone', 'gone'])
        expect(await read('a')).toEqual({ version: at(1), value: 'poison' })
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, landed: 2 })
        expect(await parkedKeys()).toEqual([])
      })

      test('a retry of another version than is parked does nothing', async () => {
        await landed(batch(0, 2, { park: [parked(put('a', 2, 'poison'))] }))
        await tested.acceptPoison()
        expect(
          await database.parked.retry(0, [{ ref: { collection: FORMS, key: 'a' }, version: at(1) }]),
        ).toEqual(['gone'])
        expect(await parkedKeys()).toEqual(['a@2'])
      })

      test('a frame is retried whole: where one write is not accepted, none lands and each says why', async () => {
        const frame = at(1)
        await landed(
          batch(0, 2, { park: [parked(put('a', 1, 'fine'), frame), parked(put('b', 2, 'poison'), frame)] }),
        )
        const wanted = ['a', 'b'].map((key, index) => ({
          ref: { collection: FORMS, key },
          version: at(index + 1),
        }))
        const outcomes = await database.parked.retry(0, wanted)
        expect(outcomes).toEqual([{ rejected: expect.any(String) }, { rejected: expect.any(String) }])
        const { items } = await database.parked.list({ limit: 10 })
        expect(items.map((item) => [item.key, item.frame, item.attempts])).toEqual([
          ['a', frame, 2],
          ['b', frame, 2],
        ])
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, parked: 2 })
        expect((await database.scan(FORMS, undefined, 10)).rows).toEqual([])
      })

      test('a retry of a write that the table has overtaken is superseded and overwrites nothing', async () => {
        await landed(batch(0, 5, { rows: [put('a', 5)] }))
        await landed(batch(5, 6, { park: [parked(put('a', 3, 'old'))] }))
        expect(
          await database.parked.retry(0, [{ ref: { collection: FORMS, key: 'a' }, version: at(3) }]),
        ).toEqual(['superseded'])
        expect(await read('a')).toEqual({ version: at(5), value: { count: 5 } })
        expect(await counts()).toEqual({ ...EMPTY_LEDGER, landed: 1, superseded: 1 })
      })
    })

    describe('history and scans', () => {
      beforeEach(begin)

      test('every version is kept, deletes too, and a retried one is added', async () => {
        const history = [put('a', 1, 1, LOG), gone('a', 2, LOG), put('a', 4, 4, LOG)]
        await landed(batch(0, 4, { rows: [history[2]!], history, counts: { ...EMPTY_LEDGER, landed: 3 } }))
        await landed(batch(4, 5, { park: [parked(put('a', 5, 'poison', LOG))] }))
        await tested.acceptPoison()
        await database.parked.retry(0, [{ ref: { collection: LOG, key: 'a' }, version: at(5) }])
        expect(await tested.history({ collection: LOG, key: 'a' })).toEqual([
          { version: at(1), deleted: false },
          { version: at(2), deleted: true },
          { version: at(4), deleted: false },
          { version: at(5), deleted: false },
        ])
      })

      test('a scan pages through all rows of its collection once', async () => {
        const keys = Array.from({ length: 25 }, (_, index) => `k${String(index).padStart(2, '0')}`)
        await landed(
          batch(0, 30, {
            rows: [...keys.map((key, index) => put(key, index + 1)), put('other', 30, 1, LOG)],
          }),
        )
        const found: string[] = []
        let after: string | undefined
        do {
          const page = await database.scan(FORMS, after, 10)
          found.push(...page.rows.map((row) => row.key))
          after = page.next
        } while (after !== undefined)
        expect(found).toEqual(keys)
        expect(await database.collections()).toEqual([FORMS, LOG])
        expect(await database.scan('nobody', undefined, 10)).toEqual({ rows: [], next: undefined })
      })
    })

    test(
      'after any landings all reads and the ledger are those of the writes',
      { timeout: 60_000 },
      async () => {
        await begin()
        const write = fc.record({
          name: fc.constantFrom('a', 'b', 'c'),
          kind: fc.constantFrom('put', 'delete', 'park', 'park delete'),
        })
        const writes = fc.uniqueArray(write, { selector: (one) => one.name, maxLength: 3 })
        let count = 0
        let run = 0
        await fc.assert(
          fc.asyncProperty(fc.array(writes, { maxLength: 8 }), async (batches) => {
            // Keys of its own for each run; the partition goes on.
            run += 1
            const keys = ['a', 'b', 'c'].map((one) => `${run} ${one}`)
            const newest = new Map<string, { version: number; value: unknown }>()
            for (const one of batches) {
              const from = count
              const rows: LandRow[] = []
              const park: ParkRow[] = []
              for (const { name: letter, kind } of [...one].sort((x, y) => (x.name < y.name ? -1 : 1))) {
                count += 1
                const key = `${run} ${letter}`
                const row = kind.endsWith('delete') ? gone(key, count) : put(key, count)
                if (kind.startsWith('park')) park.push(parked(row))
                else rows.push(row)
                newest.set(key, row.value === undefined ? nothing : { version: at(count), value: { count } })
              }
              await landed(batch(from, count, { rows, park }))
            }
            for (const key of keys) expect(await read(key)).toEqual(newest.get(key) ?? nothing)
            const ledger = await counts()
            expect(acceptedOf(ledger)).toBe(count)
            const { items } = await database.parked.list({ limit: 1_000 })
            expect(ledger.parked).toBe(items.length)
            // Makes room: parked writes are bounded.
            await landed(
              batch(count, count + items.length, {
                rows: items.map((item, index) => gone(item.key, count + index + 1)),
              }),
            )
            count += items.length
          }),
          { numRuns: maker.runs ?? 60 },
        )
      },
    )
  })
}
