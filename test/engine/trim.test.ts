import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { marginAt } from '../../src/engine/trim.ts'
import { embedded } from './embedded.ts'

test('the margin is whole up to half of the room, and nothing from three quarters on', () => {
  expect([0, 0.5, 0.6, 0.625, 0.75, 2].map((used) => marginAt(used, 4_096))).toEqual([
    4_096, 4_096, 2_457, 2_048, 0, 0,
  ])
})

test(
  'what has landed is never why writes are turned away: four times the bound goes through',
  { timeout: 60_000 },
  async () => {
    const it = await embedded({ journalBytesMax: 8 * 2 ** 20, partitions: 4 })
    const records = it.tier.records<string>('large')
    const pad = 'x'.repeat(64 * 1_024)
    for (let n = 0; n < 500; n += 1) {
      for (;;) {
        try {
          await records.put(`k${n % 50}`, `${n} ${pad}`)
          break
        } catch (error) {
          expect(error).toMatchObject({ code: 'overloaded' })
          await sleep(10)
        }
      }
    }
    await expect.poll(async () => (await it.tier.status()).totals.pending, { timeout: 10_000 }).toBe(0)
    const again = await it.reopen()
    expect((await again.records<string>('large').get('k49'))?.value.startsWith('499 ')).toBe(true)
    expect(await (await again.records('large').put('after', 1)).landed()).toBe('landed')
    expect(await again.verify()).toMatchObject({ ok: true, mismatches: [] })
  },
)
