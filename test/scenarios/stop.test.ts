import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { unlandedIn, verdictOn } from './judged.ts'
import { Clients } from './load.ts'
import { Sandbox, statusOf, until } from './sandbox.ts'
import { bunFile, serve } from './served.ts'
import type { RuntimeName } from './served.ts'

let sandbox: Sandbox
beforeEach(() => {
  sandbox = new Sandbox()
})
afterEach(() => sandbox.close())

const runtimes: RuntimeName[] = bunFile === undefined ? ['node'] : ['node', 'bun']

describe.each(runtimes)('a graceful stop on %s', (runtime) => {
  test(
    'under load exits with 0 and leaves every acknowledged write in SQL',
    { timeout: 40_000 },
    async () => {
      const data = sandbox.path('data')
      const clients = new Clients()
      const server = await serve({ args: ['--data', data], runtime })
      const load = clients.run(server.url)
      await until('the load runs', () => clients.acknowledged > 300)
      const ended = await server.stop()
      await load.done
      expect(ended).toEqual({ code: 0, signal: null })
      expect(server.err()).toContain('Stopped: every acknowledged write is in the database.')
      expect(unlandedIn(clients, sandbox.path('data', 'app.db'))).toBe(0)
      const again = await serve({ args: ['--data', data], runtime })
      const judged = await verdictOn(clients, {
        url: again.url,
        sql: sandbox.path('data', 'app.db'),
      })
      expect(judged.breaches).toEqual([])
      expect(judged.checked.acknowledged).toBeGreaterThan(100)
      expect(clients.surprises).toEqual([])
    },
  )

  test(
    'says what is left and where when the database is away, and it lands at the next start',
    { timeout: 40_000 },
    async () => {
      const data = sandbox.path('data')
      const clients = new Clients()
      const server = await serve({ args: ['--data', data, '--drain-ms', '300'], runtime })
      await clients.put(server.url, 'before')
      await until('landed', async () => (await statusOf(server.url)).totals.pending === 0)
      const lock = sandbox.lock(sandbox.path('data', 'app.db'))
      for (let n = 0; n < 20; n += 1) expect((await clients.put(server.url, `locked-${n}`))?.status).toBe(200)
      expect(await server.stop()).toEqual({ code: 0, signal: null })
      expect(server.err()).toMatch(
        /Stopped: 20 acknowledged writes are not in the database yet\. They are safe in .*journal\.db/,
      )
      lock.release()
      const again = await serve({ args: ['--data', data], runtime })
      await until('landed', async () => (await statusOf(again.url)).totals.pending === 0)
      const judged = await verdictOn(clients, {
        url: again.url,
        sql: sandbox.path('data', 'app.db'),
      })
      expect(judged.breaches).toEqual([])
      expect(judged.checked.rows).toBe(21)
    },
  )

  test('a second signal ends it at once, and nothing acknowledged is lost', { timeout: 40_000 }, async () => {
    const data = sandbox.path('data')
    const clients = new Clients()
    const server = await serve({ args: ['--data', data, '--drain-ms', '60000'], runtime })
    await clients.put(server.url, 'before')
    await until('landed', async () => (await statusOf(server.url)).totals.pending === 0)
    const lock = sandbox.lock(sandbox.path('data', 'app.db'))
    await clients.put(server.url, 'while-locked')
    const ended = server.stop()
    await until('it said that it stops', () => server.err().includes('SIGTERM:'))
    process.kill(server.pid, 'SIGTERM')
    expect(await ended).toEqual({ code: 1, signal: null })
    lock.release()
    const again = await serve({ args: ['--data', data], runtime })
    expect((await verdictOn(clients, { url: again.url })).breaches).toEqual([])
  })
})
