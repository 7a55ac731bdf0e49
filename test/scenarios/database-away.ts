/**
 * What must hold while the database is away, whatever the cause: writes go on, nothing is parked; and when it is
 * back everything lands without a person.
 */
import { expect } from 'vitest'
import { verdictOn } from './judged.ts'
import { drained, statusOf, until, wait } from './sandbox.ts'
import type { Clients } from './load.ts'
import type { Served } from './served.ts'

/** Writes for a while with the database away and expects that all were taken. */
export async function checkWritesGoOn(server: Served, clients: Clients): Promise<void> {
  const before = clients.acknowledged
  const load = clients.run(server.url)
  await wait(1_000)
  await until('writes are taken', () => clients.acknowledged - before > 100)
  load.stop()
  await load.done
  expect(clients.surprises).toEqual([])
  const { totals, ready } = await statusOf(server.url)
  expect(totals.pending).toBeGreaterThan(0)
  expect(totals.parked).toBe(0)
  expect(ready).toBe(true)
}

/** Everything lands, and SQL says what the server says. */
export async function checkAllLands(server: Served, clients: Clients, sql: string): Promise<void> {
  await drained(server.url, 30_000)
  const judged = await verdictOn(clients, { url: server.url, sql })
  expect(judged.breaches).toEqual([])
  expect(judged.checked.rows).toBeGreaterThan(50)
}
