/** Mapped collections through the whole tier: the same value before and after a restart, and proven by verify. */
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { collection, ddl } from '../../src/index.ts'
import type { SpillwayError } from '../../src/index.ts'
import { embedded } from './embedded.ts'
import type { Embedded } from './embedded.ts'

const forms = collection<Record<string, unknown>>('forms', {
  history: true,
  table: {
    name: 'form',
    key: '{school}/{candidate}',
    check: true,
    columns: {
      school: { column: 'school', as: 'int64' },
      candidate: 'candidate',
      total: { column: 'total', as: 'decimal' },
      born: { column: 'born', as: 'date', absent: 'null' },
      saved: { column: 'saved', as: 'instant' },
      choices: { column: 'choices', as: 'json' },
    },
  },
})
const VALUE = {
  choices: [{ b: 1, a: [null] }],
  candidate: '007',
  saved: '2026-01-01T08:00:00+08:00',
  school: '12',
  born: null,
  total: '1.50',
}
/** In declared order. */
const BACK =
  '{"school":"12","candidate":"007","total":"1.50","born":null,"saved":"2026-01-01T08:00:00+08:00","choices":[{"b":1,"a":[null]}]}'

async function formsTier(): Promise<Embedded> {
  const it = await embedded()
  await it.tier.close()
  const stores = {
    front: 'memory:',
    journal: `sqlite:${it.journalDb}`,
    database: `sqlite:${it.appDb}`,
    partitions: 4,
  }
  expect((await ddl({ ...stores, collections: [forms] }, { apply: true })).problems).toEqual([])
  await it.reopen({ collections: [forms] })
  return it
}

test('a value comes back from its columns after a restart, and verify agrees before and after', async () => {
  const it = await formsTier()
  const receipt = await it.tier.records(forms).put('12/007', VALUE)
  expect(await receipt.landed()).toBe('landed')
  expect((await it.tier.verify()).mismatches).toEqual([])
  const tier = await it.reopen({ collections: [forms] })
  expect(JSON.stringify((await tier.records(forms).get('12/007'))!.value)).toBe(BACK)
  const { ok, mismatches } = await tier.verify()
  expect([ok, mismatches]).toEqual([true, []])
})

test('verify names the row that somebody changed by hand', async () => {
  const it = await formsTier()
  for (const candidate of ['a', 'b', 'c']) {
    await (await it.tier.records(forms).put(`12/${candidate}`, { ...VALUE, candidate })).landed()
  }
  const hand = new DatabaseSync(it.appDb)
  hand.exec("UPDATE form SET total = '1.5' WHERE candidate = 'b'")
  hand.close()
  const { ok, mismatches } = await it.tier.verify()
  expect([ok, mismatches.map((one) => [one.collection, one.key, one.store])]).toEqual([
    false,
    [['forms', '12/b', 'database']],
  ])
})

test('keys and values that could not come back are refused before the journal', async () => {
  const it = await formsTier()
  const records = it.tier.records(forms)
  const codeOf = (promise: Promise<unknown>): Promise<string> =>
    promise.then(
      () => 'accepted',
      (error: unknown) => (error as SpillwayError).code,
    )
  expect(await codeOf(records.put('012/007', VALUE))).toBe('invalid')
  expect(await codeOf(records.get('012/007'))).toBe('invalid')
  expect(await codeOf(records.put('12/7', VALUE))).toBe('invalid')
  expect(await codeOf(records.put('12/007', { ...VALUE, more: 1 }))).toBe('invalid')
  expect(await codeOf(records.put('12/007', { ...VALUE, born: undefined }))).toBe('invalid')
  expect((await it.tier.status()).totals.accepted).toBe(0)
})
