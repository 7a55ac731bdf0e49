/** The client against the real thing: what its receipts say has to agree with what landed. */
import { DatabaseSync } from 'node:sqlite'
import { expect, test, vi } from 'vitest'
import { connect } from '../../src/client/index.ts'
import { collection } from '../../src/index.ts'
import { embedded } from '../engine/embedded.ts'
import { serve } from '../server/service.ts'

const people = collection<{ name: string; age: number }>('people', {
  table: { name: 'person', key: '{id}', columns: { name: 'name', age: 'age' } },
})

async function peopleOverHttp() {
  const it = await embedded({})
  await it.tier.close()
  const owner = new DatabaseSync(it.appDb)
  owner.exec(`CREATE TABLE person (id TEXT NOT NULL PRIMARY KEY, name TEXT, age INTEGER CHECK (age >= 0),
    spillway_version INTEGER NOT NULL DEFAULT 1)`)
  owner.close()
  await it.reopen({ collections: [people] })
  const { url } = await serve(it.tier)
  const remote = connect(url)
  return { appDb: it.appDb, remote, people: remote.records(people) }
}

test('a receipt is landed when its row is in the table', async () => {
  const it = await peopleOverHttp()
  const receipt = await it.people.put('ada', { name: 'Ada', age: 36 })
  expect(await receipt.landed({ timeoutMs: 20_000 })).toBe('landed')
  const reader = new DatabaseSync(it.appDb, { readOnly: true })
  const row = reader.prepare('SELECT name, age, spillway_version AS version FROM person').get()
  reader.close()
  expect({ ...row }).toEqual({ name: 'Ada', age: 36, version: receipt.version })
  const deleted = await it.people.delete('ada', { ifVersion: receipt.version })
  expect(await deleted.landed({ timeoutMs: 20_000 })).toBe('landed')
})

test('a write that the table does not take is parked, over HTTP as in the library, until it is resolved', async () => {
  const it = await peopleOverHttp()
  const bad = await it.people.put('bob', { name: 'Bob', age: -1 })
  await expect(bad.landed({ timeoutMs: 20_000 })).rejects.toMatchObject({
    code: 'parked',
    detail: expect.stringContaining('CHECK'),
  })
  expect((await it.people.get('bob'))?.value).toEqual({ name: 'Bob', age: -1 })
  const { items } = await it.remote.parked.list({ collection: 'people' })
  expect(items).toMatchObject([{ key: 'bob', version: bad.version }])
  const parked = await it.remote.parked.get('people', 'bob')
  expect(new TextDecoder().decode(parked?.json)).toBe('{"name":"Bob","age":-1}')
  await expect(it.remote.parked.retry('people', 'bob')).rejects.toMatchObject({ code: 'parked' })
  await expect(
    it.remote.parked.resolve('people', 'bob', { with: 'delete', version: bad.version + 1 }),
  ).rejects.toMatchObject({ kind: expect.stringMatching(/conflict|missing|fix-the-call/) })
  const resolved = await it.remote.parked.resolve('people', 'bob', { with: 'delete', version: bad.version })
  expect(await resolved.landed({ timeoutMs: 20_000 })).toBe('landed')
  expect(await it.people.get('bob')).toBeUndefined()
  await vi.waitUntil(async () => (await it.remote.status()).totals.parked === 0)
})

test('many updates of one key from several connections are all counted', async () => {
  const it = await peopleOverHttp()
  await it.people.put('n', { name: 'n', age: 0 })
  const clients = [it.people, connect(it.remote.url).records(people)]
  const raise = (n: number) => clients[n % 2]?.update('n', (was) => ({ name: 'n', age: (was?.age ?? 0) + 1 }))
  await Promise.all(Array.from({ length: 12 }, (_, n) => raise(n)))
  expect((await it.people.get('n'))?.value.age).toBe(12)
})
