import { rm } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { SpillwayError, Tier } from '../../src/index.ts'
import { formatHandle } from '../../src/engine/entry-handle.ts'
import type { Position } from '../../src/model/position.ts'
import { embedded } from './embedded.ts'

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as SpillwayError).code,
  )

function locked(path: string): DatabaseSync {
  const connection = new DatabaseSync(path, { timeout: 10_000 })
  connection.exec('BEGIN EXCLUSIVE')
  onTestFinished(() => {
    if (connection.isOpen) connection.close()
  })
  return connection
}

describe('verify on a store that moves on', () => {
  test('a delete that has not landed, and one that lands meanwhile, are no mismatches', async () => {
    const { tier, appDb } = await embedded()
    const records = tier.records<number>('c')
    for (let n = 0; n < 30; n += 1) await (await records.put(`k${n}`, n)).landed()
    const other = locked(appDb)
    await records.delete('k1')
    await records.put('k2', 99)
    expect(await tier.verify()).toMatchObject({ ok: true, mismatches: [] })
    other.exec('ROLLBACK')
    let deleting: Promise<unknown> | undefined
    const report = await tier.verify({
      onProgress: () => (deleting ??= records.delete('k3').then((receipt) => receipt.landed())),
    })
    await deleting
    expect(report).toMatchObject({ ok: true, mismatches: [] })
  })

  test('verifies under load never fail', async () => {
    const { tier } = await embedded({ partitions: 1 })
    const records = tier.records<number>('c')
    let going = true
    const load = (async () => {
      for (let n = 0; going; n += 1) {
        if (n % 3 === 2) await records.delete(`k${n % 50}`)
        else await records.put(`k${n % 50}`, n)
      }
    })()
    for (let run = 0; run < 6; run += 1) {
      const { ok, mismatches } = await tier.verify()
      expect([ok, mismatches]).toEqual([true, []])
    }
    going = false
    await load
  })

  test('a row that was deleted by hand is found, though the front still has it', async () => {
    const { tier, appDb } = await embedded()
    const records = tier.records<number>('c')
    await (await records.put('k', 1)).landed()
    const hand = new DatabaseSync(appDb)
    hand.exec('DELETE FROM spillway_records')
    hand.close()
    expect((await tier.verify()).ok).toBe(false)
  })
})

describe('unknown outcomes', () => {
  test('a handle of a journal that was replaced is never answered with void', async () => {
    const it = await embedded({ partitions: 1 })
    const records = it.tier.records<number>('c')
    let last = await records.put('k', 0)
    for (let n = 1; n < 5; n += 1) last = await records.put('k', n)
    await last.landed()
    const handle = formatHandle({
      partition: 0,
      id: 'an-entry-of-the-old-journal',
      knownEnd: last.version as Position,
      knownOffset: 6,
      knownDigest: '0123456789abcdef',
      ref: { collection: 'c', key: 'k' },
      writes: 1,
      conditional: false,
    })
    expect(await code(it.tier.settle(handle))).toBe('outcome-unknown')
    await it.tier.close()
    for (const end of ['', '-wal', '-shm']) await rm(`${it.journalDb}${end}`, { force: true })
    expect(await code(it.reopen())).toBe('journal-mismatch')
    const tier: Tier = await it.reopen({ acceptLoss: true })
    expect((await tier.records('c').get('k'))?.version).toBe(last.version)
    expect(await code(tier.settle(handle))).toBe('outcome-unknown')
    expect(await code(tier.records('c').put('k', 9))).toBe('resolved')
    expect((await tier.status()).generation).toBe(2)
  })

  test('settling what never was sent is void, every time', async () => {
    const it = await embedded({ partitions: 1 })
    await it.tier.records('c').put('k', 1)
    const handle = formatHandle({
      partition: 0,
      id: 'never-sent',
      knownEnd: 0 as Position,
      knownOffset: 0,
      knownDigest: '',
      ref: { collection: 'c', key: 'k' },
      writes: 1,
      conditional: true,
    })
    expect(await code(it.tier.settle(handle))).toBe('void')
    expect(await code(it.tier.settle(handle))).toBe('void')
    expect(await code(it.tier.settle(`${handle}x`))).toMatch(/invalid|void/)
    expect(await code(it.tier.settle('e1.garbage'))).toBe('invalid')
  })

  test('a caller that gives up before anything was sent learns that nothing has happened', async () => {
    const { tier } = await embedded()
    const signal = AbortSignal.abort(new Error('enough'))
    expect(await code(tier.records('c').putMany([{ key: 'k', value: 1 }], { signal }))).toBe('unavailable')
    expect(await tier.records('c').get('k')).toBeUndefined()
  })
})

describe('callers that are careless', () => {
  test('delete: false in a frame is no delete', async () => {
    const { tier } = await embedded()
    const write = { collection: 'c', key: 'z', value: { a: 2 }, delete: false } as never
    await tier.atomic([write])
    expect((await tier.records('c').get('z'))?.value).toEqual({ a: 2 })
  })

  test('a second close waits for the first; what comes after is closed', async () => {
    const { tier } = await embedded()
    const records = tier.records<number>('c')
    await Promise.all(Array.from({ length: 200 }, (_, n) => records.put(`k${n}`, n)))
    const [first, second] = await Promise.all([tier.close(), tier.close()])
    expect(first.pending).toBe(0)
    expect(second).toEqual(first)
    expect(await code(records.put('k', 1))).toBe('closed')
    expect(await code(records.get('k'))).toBe('closed')
  })

  test('a logger that throws decides nothing', async () => {
    const throwing = (): void => {
      throw new Error('logger: stream closed')
    }
    const it = await embedded({ logger: { info: throwing, warn: throwing, error: throwing } })
    const other = locked(it.appDb)
    const receipt = await it.tier.records('c').put('k', 1)
    expect(await receipt.landed({ timeoutMs: 300 })).toBe('visible')
    other.exec('ROLLBACK')
    expect(await receipt.landed({ timeoutMs: 30_000 })).toBe('landed')
  })
})

test('a front that is full of what has landed takes writes again without another batch', async () => {
  const { tier } = await embedded({ frontBytesMax: 2 ** 20, partitions: 1 })
  const records = tier.records<string>('c')
  const value = 'x'.repeat(40_000)
  for (let n = 0; n < 100; n += 1) {
    const receipt = await records.put(`k${n}`, value).catch(async (error: SpillwayError) => {
      expect(error.code).toBe('overloaded')
      return undefined
    })
    await receipt?.landed()
  }
  expect(await code(records.put('after', value))).toBe('resolved')
})
