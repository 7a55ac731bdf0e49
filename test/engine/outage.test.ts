import { expect, test } from 'vitest'
import { Outage } from '../../src/engine/outage.ts'
import type { EngineEvent } from '../../src/events.ts'

test('an outage is told once, and once that it is over', async () => {
  const events: EngineEvent[] = []
  const outage = new Outage({ report: (event) => events.push(event), store: 'database' })
  const error = new Error('connect ECONNREFUSED')
  for (let n = 0; n < 10; n += 1) await outage.watch(() => Promise.reject(error)).catch(() => undefined)
  expect(events).toEqual([{ name: 'store-unavailable', detail: 'database', error }])
  for (let n = 0; n < 3; n += 1) expect(await outage.watch(() => Promise.resolve(n))).toBe(n)
  expect(events.slice(1)).toEqual([{ name: 'store-back', detail: 'database' }])
})

test('a failure or two between answers is nothing to tell', async () => {
  const events: EngineEvent[] = []
  const outage = new Outage({ report: (event) => events.push(event), store: 'front', partition: 3 })
  for (let round = 0; round < 5; round += 1) {
    outage.failed(new Error('once'))
    outage.failed(new Error('twice'))
    expect(outage.failing).toBe(true)
    outage.answered()
    expect(outage.failing).toBe(false)
  }
  expect(events).toEqual([])
})
