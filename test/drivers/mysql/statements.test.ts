/** What needs no server: how rows are cut into statements, and what errors of MariaDB mean. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  dataCause,
  failureOf,
  rowNamed,
  unavailable,
  unusable,
} from '../../../src/drivers/mysql/database-failures.ts'
import { SIZES, chunksOf, classesOf, filledUp } from '../../../src/drivers/mysql/statement-sizes.ts'
import { SpillwayError } from '../../../src/errors.ts'

describe('statements', () => {
  test('come in few sizes that make up any number of rows, in few statements', () => {
    fc.assert(
      fc.property(fc.nat(5_000), (count) => {
        const sizes = classesOf(count)
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(count)
        for (const size of sizes) expect(SIZES).toContain(size)
        expect(sizes.length).toBeLessThanOrEqual(Math.floor(count / 1_000) + 12)
      }),
    )
  })

  test('hold every row once and in order, and pass no bound but for a row that is too large alone', () => {
    const bounds = { placeholders: 100, bytesMax: 10_000, rowsMax: 500 }
    fc.assert(
      fc.property(fc.array(fc.nat(12_000), { maxLength: 700 }), (weights) => {
        const rows = weights.map((weight, index) => ({ weight, index }))
        const chunks = chunksOf(rows, (row) => row.weight, bounds)
        expect(chunks.flat()).toEqual(rows)
        for (const chunk of chunks) {
          const bytes = chunk.reduce((sum, row) => sum + row.weight, 0)
          expect(chunk.length === 1 || bytes <= bounds.bytesMax).toBe(true)
          expect(chunk.length).toBeLessThanOrEqual(500)
        }
      }),
    )
  })

  test('never have more placeholders than the protocol counts', () => {
    const rows = Array.from({ length: 1_000 }, (_, index) => index)
    const chunks = chunksOf(rows, () => 1, { placeholders: 300, bytesMax: 2 ** 30 })
    expect(Math.max(...chunks.map((chunk) => chunk.length)) * 300).toBeLessThanOrEqual(65_535)
    expect(chunks.flat()).toEqual(rows)
  })

  test('that read are filled up with the last key to a power of two', () => {
    expect([1, 2, 3, 5, 1_000].map((count) => filledUp(Array(count).fill('k')).length)).toEqual([
      1, 2, 4, 8, 1_024,
    ])
    expect(filledUp(['a', 'b', 'c'])).toEqual(['a', 'b', 'c', 'c'])
  })
})

describe('errors', () => {
  const server = (errno: number, sqlState: string, sqlMessage = 'said'): Error =>
    Object.assign(new Error(sqlMessage), { errno, sqlState, sqlMessage, code: 'ER' })

  test.each([
    [1062, '23000', 'data'],
    [1406, '22001', 'data'],
    [1366, '22007', 'data'],
    [1452, '23000', 'data'],
    [1364, 'HY000', 'data'],
    [4025, '23000', 'data'],
    [1644, '45000', 'data'],
    [1205, 'HY000', 'outage'],
    [1213, '40001', 'outage'],
    [1020, 'HY000', 'outage'],
    [1021, 'HY000', 'outage'],
    [1114, 'HY000', 'outage'],
    [1040, '08004', 'outage'],
    [1053, '08S01', 'outage'],
    [1054, '42S22', 'outage'],
    [1146, '42S02', 'outage'],
    [1153, '08S01', 'outage'],
    [1290, 'HY000', 'outage'],
    [1317, '70100', 'outage'],
    [1461, '42000', 'outage'],
    [1836, 'HY000', 'outage'],
    [9_999, 'HY000', 'outage'],
    [1045, '28000', 'refused'],
    [1049, '42000', 'refused'],
  ])('%i %s is %s', (errno, state, kind) => {
    expect(failureOf(server(errno, state))).toBe(kind)
    expect(dataCause(server(errno, state)) !== undefined).toBe(kind === 'data')
  })

  test('of the network and of nobody knows what are outages: nothing is parked for them', () => {
    for (const error of [
      new Error('read ECONNRESET'),
      Object.assign(new Error('x'), { errno: -111 }),
      new TypeError('?'),
    ])
      expect([failureOf(error), dataCause(error)]).toEqual(['outage', undefined])
  })

  test('name the row that they are about', () => {
    expect(rowNamed(server(1406, '22001', "Data too long for column 'a' at row 17"))).toBe(17)
    expect(rowNamed(server(1048, '23000', "Column 'a' cannot be null"))).toBeUndefined()
  })

  test('leave the driver with what the server said, and refusals as invalid only where somebody opens', () => {
    const refused = server(1045, '28000', 'Access denied')
    expect(unavailable(refused)).toMatchObject({
      code: 'unavailable',
      detail: expect.stringContaining('Access denied'),
    })
    expect(unusable(refused)).toMatchObject({ code: 'invalid', cause: refused })
    const ours = new SpillwayError('closed', 'it is')
    expect([unavailable(ours), unusable(ours)]).toEqual([ours, ours])
  })
})
