/**
 * kill -9 under load, over and over on the same folder, on both runtimes. A round counts only if at the kill
 * requests were in flight and acknowledged records were not in SQL yet. In every other round another program holds
 * the database locked just before, so that much is only in the journal; in the rest landing keeps up as it can.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { unlandedIn, verdictOfProgram, verdictOn } from './judged.ts'
import { Clients } from './load.ts'
import { Sandbox, drained, until, wait } from './sandbox.ts'
import { bunFile, serve } from './served.ts'
import type { RuntimeName } from './served.ts'

const ROUNDS = 20
const TRIES_MAX = 60
const runtimes: RuntimeName[] = bunFile === undefined ? ['node'] : ['bun', 'node']

interface Round {
  readonly runtime: RuntimeName
  readonly locked: boolean
  readonly inFlight: number
  readonly unlanded: number
}

let sandbox: Sandbox
beforeEach(() => {
  sandbox = new Sandbox()
})
afterEach(() => sandbox.close())

test(
  `${ROUNDS} kills under load lose nothing that was acknowledged and take nothing back`,
  { timeout: 300_000 },
  async () => {
    const data = sandbox.path('data')
    const sql = sandbox.path('data', 'app.db')
    const clients = new Clients()
    const counted: Round[] = []
    let tries = 0
    const next = () =>
      serve({ args: ['--data', data], runtime: runtimes[tries % runtimes.length] as RuntimeName })
    let server = await next()
    while (counted.length < ROUNDS && tries < TRIES_MAX) {
      const runtime = runtimes[tries % runtimes.length] as RuntimeName
      const locked = tries % 4 < 2
      const before = clients.acknowledged
      const load = clients.run(server.url)
      await until('the load runs', () => clients.acknowledged > before + 100)
      const lock = locked ? sandbox.lock(sql) : undefined
      await wait(50 + Math.random() * 250)
      const inFlight = clients.inFlight
      await server.kill()
      await load.done
      const unlanded = unlandedIn(clients, sql)
      lock?.release()
      if (inFlight > 0 && unlanded > 0) counted.push({ runtime, locked, inFlight, unlanded })
      tries += 1
      server = await next()
      const judged = await verdictOn(clients, { url: server.url })
      expect(judged.breaches, `after kill ${tries} (${runtime}${locked ? ', database locked' : ''})`).toEqual(
        [],
      )
    }
    const shown = counted.map(
      (round) => `${round.runtime[0]}${round.locked ? 'L' : ''} ${round.inFlight}/${round.unlanded}`,
    )
    console.log(`kills that counted: ${counted.length} of ${tries}; in flight/un-landed ${shown.join(', ')}`)
    expect(clients.surprises).toEqual([])
    expect(counted.length).toBe(ROUNDS)
    for (const runtime of runtimes) expect(counted.some((round) => round.runtime === runtime)).toBe(true)
    for (const locked of [false, true]) expect(counted.some((round) => round.locked === locked)).toBe(true)

    await drained(server.url)
    const judged = await verdictOfProgram(clients, sandbox.folder, { url: server.url, sql })
    expect(judged.breaches).toEqual([])
    expect(judged.checked.rows).toBeGreaterThan(100)
    expect(judged.checked.acknowledged).toBeGreaterThan(ROUNDS * 100)
    expect(await server.stop()).toEqual({ code: 0, signal: null })
  },
)

test(
  'the same verdict finds a server that acknowledges before the journal has it',
  { timeout: 120_000 },
  async () => {
    const clients = new Clients()
    let breaches: readonly string[] = []
    for (let kills = 0; kills < 5 && breaches.length === 0; kills += 1) {
      const args = ['--data', sandbox.path('data'), '--sabotage', 'ack-before-journal']
      const server = await serve({ args })
      const before = clients.acknowledged
      const load = clients.run(server.url)
      await until('the load runs', () => clients.acknowledged > before + 100)
      await server.kill()
      await load.done
      const again = await serve({ args })
      breaches = (await verdictOn(clients, { url: again.url })).breaches
      await again.kill()
    }
    expect(breaches.length).toBeGreaterThan(0)
  },
)
