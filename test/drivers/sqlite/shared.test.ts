/** The shared table as other hands see and change it, and the bounds of what is parked. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compress } from '../../../src/kit/codec.ts'
import type { Mark } from '../../../src/model/entry.ts'
import { EMPTY_LEDGER } from '../../../src/model/ledger.ts'
import { position } from '../../../src/model/position.ts'
import { plainValue } from '../../../src/model/value.ts'
import type { Value } from '../../../src/model/value.ts'
import type { LandBatch, LandResult } from '../../../src/ports/database.ts'
import { sqliteFile } from './sqlite-file.ts'
import type { SqliteFile } from './sqlite-file.ts'

let file: SqliteFile

beforeEach(async () => {
  file = await sqliteFile({ parkedBytesMax: 1_000 })
  await file.database.prepare([], 1)
  await file.database.beginGeneration(1, [markAt(0)], [undefined])
})
afterEach(async () => {
  await file.close()
})

function markAt(count: number): Mark {
  return { journal: 'j', position: position(1, count), offset: count, digest: '' }
}

function land(from: number, values: readonly Value[], parts: Partial<LandBatch> = {}): Promise<LandResult> {
  return file.database.land({
    partition: 0,
    from: markAt(from),
    to: markAt(from + values.length),
    rows: values.map((value, index) => ({
      collection: 'forms',
      key: `k${index}`,
      version: position(1, from + index + 1),
      value,
    })),
    history: [],
    park: [],
    voids: [],
    seals: [],
    refused: [],
    counts: EMPTY_LEDGER,
    ...parts,
  })
}

function text(value: unknown): Value {
  return plainValue(Buffer.from(JSON.stringify(value)))
}

async function checks(): Promise<[string, string, string][]> {
  const { rows } = await file.database.scan('forms', undefined, 100)
  return rows.map((row) => [row.key, row.check, Buffer.from(row.value.bytes).toString().slice(0, 20)])
}

describe('the shared table', () => {
  test('plain values can be read and searched with any SQL tool', async () => {
    await land(0, [text({ name: 'Ann' }), text({ name: 'Bob' })])
    const found = file.other
      .prepare(
        `SELECT record_key AS name, CAST(value AS TEXT) AS json FROM spillway_records WHERE collection = 'forms' AND json_extract(CAST(value AS TEXT), '$.name') = 'Bob'`,
      )
      .all()
    expect(found).toMatchObject([{ name: 'k1', json: '{"name":"Bob"}' }])
  })

  test('whatever a hand changes in a row is found, and the row is still shown', async () => {
    const packed = compress(Buffer.from(JSON.stringify('long '.repeat(5_000))), {
      codec: 'zstd',
      thresholdBytes: 1,
    }) as Value
    await land(0, [text(0), text(1), text(2), text(3), text(4), packed, packed])
    for (const change of [
      `UPDATE spillway_records SET value = '"by hand"' WHERE record_key = 'k1'`,
      `UPDATE spillway_records SET spillway_version = spillway_version + 1 WHERE record_key = 'k2'`,
      `UPDATE spillway_records SET record_key = 'k9' WHERE record_key = 'k3'`,
      `UPDATE spillway_records SET spillway_check = NULL WHERE record_key = 'k4'`,
      `UPDATE spillway_records SET value = x'0107ff' WHERE record_key = 'k5'`,
      `INSERT INTO spillway_records (collection, record_key, value) VALUES ('forms', 'old', CAST('"old"' AS BLOB))`,
    ]) {
      file.other.exec(change)
    }
    expect(await checks()).toEqual([
      ['k0', 'good', '0'],
      ['k1', 'wrong', '"by hand"'],
      ['k2', 'wrong', '2'],
      ['k4', 'wrong', '4'],
      ['k5', 'wrong', expect.any(String)],
      ['k6', 'good', expect.any(String)],
      ['k9', 'wrong', '3'],
      ['old', 'unchecked', '"old"'],
    ])
    const { held } = await file.database.read(0, [{ collection: 'forms', key: 'k1' }])
    expect(Buffer.from(held[0]!.value!.bytes).toString()).toBe('"by hand"')
  })
})

describe('what is parked', () => {
  const park = (count: number, bytes: number): Promise<LandResult> =>
    land(count - 1, [], {
      to: markAt(count),
      park: [
        {
          collection: 'forms',
          key: `p${count}`,
          version: position(1, count),
          value: text('x'.repeat(bytes)),
          cause: 'not\0accepted \ud800'.repeat(500),
          frame: undefined,
        },
      ],
    })

  test('is bounded in bytes: beyond them nothing lands, naming the bound', async () => {
    expect((await park(1, 500)).kind).toBe('landed')
    expect(await park(2, 600)).toEqual({
      kind: 'parked-full',
      bound: 'parkedBytesMax: 1000 bytes of parked writes',
    })
    expect((await park(2, 400)).kind).toBe('landed')
  })

  test('keeps of the cause what fits and what text can carry', async () => {
    await park(1, 1)
    const { items } = await file.database.parked.list({ limit: 10 })
    expect(items[0]!.cause).toMatch(/^not\ufffdaccepted \ufffdnot/)
    expect(items[0]!.cause.length).toBeLessThanOrEqual(1_000)
  })

  test('is listed from cursors of lists only', async () => {
    await expect(file.database.parked.list({ after: 'nonsense', limit: 1 })).rejects.toThrow(
      /`after` must be the `next`/,
    )
  })
})
