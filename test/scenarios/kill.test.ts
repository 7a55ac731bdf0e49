/**
 * kill -9 under load, over and over on the same folder, on both runtimes. A round counts only if at the kill
 * requests were in flight and acknowledged records were not in SQL yet.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { unlandedIn, verdictOfProgram, verdictOn } from './judged.ts'
import { Clients } from './load.ts'
import { bunFile, endAll, serve } from './served.ts'
import type { RuntimeName } from './served.ts'

const ROUNDS = 20
const TRIES_MAX = 30

let folder = ''
afterEach(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true })
})

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test(
  `${ROUNDS} kills under load lose nothing that was acknowledged and take nothing back`,
  { timeout: 300_000 },
  async () => {
    folder = await mkdtemp(join(tmpdir(), 'spillway-kill-'))
    const data = join(folder, 'data')
    const sql = join(data, 'app.db')
    const clients = new Clients()
    const runtimes: RuntimeName[] = bunFile === undefined ? ['node'] : ['bun', 'node']
    const counted: { runtime: RuntimeName; inFlight: number; unlanded: number }[] = []
    let tries = 0
    let server = await serve({ args: ['--data', data], runtime: runtimes[0] as RuntimeName })
    while (counted.length < ROUNDS && tries < TRIES_MAX) {
      const runtime = runtimes[tries % runtimes.length] as RuntimeName
      const load = clients.run(server.url)
      await wait(300 + Math.random() * 500)
      const inFlight = clients.inFlight
      await server.kill()
      await load.done
      const unlanded = unlandedIn(clients, sql)
      if (inFlight > 0 && unlanded > 0) counted.push({ runtime, inFlight, unlanded })
      tries += 1
      server = await serve({
        args: ['--data', data],
        runtime: runtimes[tries % runtimes.length] as RuntimeName,
      })
      const judged = await verdictOn(clients, { url: server.url })
      expect(judged.breaches, `after kill ${tries} (${runtime})`).toEqual([])
      expect(judged.checked.keys).toBeGreaterThan(100)
    }
    console.log(
      `kills that counted: ${counted.length} of ${tries}; in flight ${counted.map((round) => round.inFlight).join(' ')}; un-landed ${counted.map((round) => round.unlanded).join(' ')}`,
    )
    expect(clients.surprises).toEqual([])
    expect(counted.length).toBe(ROUNDS)
    for (const runtime of runtimes) expect(counted.some((round) => round.runtime === runtime)).toBe(true)

    expect(await server.stop()).toEqual({ code: 0, signal: null })
    server = await serve({ args: ['--data', data] })
    for (let pending = 1; pending > 0;) {
      const status = (await (await fetch(`${server.url}/v1/status`)).json()) as {
        totals: { pending: number }
      }
      pending = status.totals.pending
      if (pending > 0) await wait(50)
    }
    // Read back first, then look at SQL: nobody writes in between.
    const judged = await verdictOfProgram(clients, folder, { url: server.url, sql })
    expect(judged.breaches).toEqual([])
    expect(judged.checked.rows).toBeGreaterThan(100)
    await server.stop()
  },
)
