/**
 * The database away with writes going on: a file that another program has locked.
 */
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkAllLands, checkWritesGoOn } from './database-away.ts'
import { Clients } from './load.ts'
import { Sandbox, drained, until } from './sandbox.ts'
import { serve } from './served.ts'

let sandbox: Sandbox
beforeEach(() => {
  sandbox = new Sandbox()
})
afterEach(() => sandbox.close())

test('a locked database file: writes go on and land when it is free', { timeout: 60_000 }, async () => {
  const data = sandbox.path('data')
  const clients = new Clients()
  const server = await serve({ args: ['--data', data] })
  const warmUp = clients.run(server.url)
  await until('the load runs', () => clients.acknowledged > 200)
  warmUp.stop()
  await warmUp.done
  await drained(server.url)
  const lock = sandbox.lock(join(data, 'app.db'))
  await checkWritesGoOn(server, clients)
  const waited = await fetch(`${server.url}/v1/records/scenario/waits?wait=landed&timeoutMs=200`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"n":0}',
  })
  expect([waited.status, ((await waited.json()) as { stage: string }).stage]).toEqual([200, 'visible'])
  lock.release()
  await checkAllLands(server, clients, join(data, 'app.db'))
})
