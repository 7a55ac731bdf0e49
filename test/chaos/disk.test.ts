/**
 * Disks that are full or may only be read, under real processes. Mounts small file systems and starts servers of
 * another user, so that it needs root.
 */
import { chmodSync, chownSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkAllLands, checkWritesGoOn } from '../scenarios/database-away.ts'
import { verdictOn } from '../scenarios/judged.ts'
import { Clients } from '../scenarios/load.ts'
import { Sandbox, until, wait } from '../scenarios/sandbox.ts'
import { serve, spillway } from '../scenarios/served.ts'

const NOBODY = 65_534

let sandbox: Sandbox
beforeEach(() => {
  sandbox = new Sandbox()
})
afterEach(() => sandbox.close())

test(
  'a full disk under the database: writes go on and land when there is room',
  { timeout: 60_000 },
  async () => {
    const small = sandbox.smallDisk('small', 2 ** 20)
    const data = sandbox.make('journal')
    const clients = new Clients({ padBytes: 2_000 })
    const sql = join(small.folder, 'app.db')
    const server = await serve({
      args: ['--journal', `sqlite:${join(data, 'journal.db')}`, '--database', `sqlite:${sql}`],
    })
    await checkWritesGoOn(server, clients)
    small.resize(256 * 2 ** 20)
    await checkAllLands(server, clients, sql)
  },
)

test(
  'a full disk under the journal: writes are turned away, none that was acknowledged is lost, and it goes on',
  { timeout: 60_000 },
  async () => {
    const small = sandbox.smallDisk('small', 2 * 2 ** 20)
    const data = sandbox.make('database')
    const clients = new Clients({ padBytes: 4_000 })
    const sql = join(data, 'app.db')
    const args = ['--journal', `sqlite:${join(small.folder, 'journal.db')}`, '--database', `sqlite:${sql}`]
    const server = await serve({ args })
    const load = clients.run(server.url)
    await until('a write was turned away', () =>
      clients.events.some(
        (event) => event.op === 'put' && (event.outcome === 'nothing' || event.outcome === 'unknown'),
      ),
    )
    await wait(300)
    load.stop()
    await load.done
    expect(clients.surprises).toEqual([])
    small.resize(256 * 2 ** 20)
    await until(
      'a write is taken again',
      async () => (await clients.put(server.url, 'room-again'))?.status === 200,
    )
    await checkAllLands(server, clients, sql)
    await server.kill()
    const again = await serve({ args })
    expect((await verdictOn(clients, { url: again.url })).breaches).toEqual([])
  },
)

test(
  'database files that the user of the server may only read from now on: writes go on, also after a kill, and land when it may',
  { timeout: 60_000 },
  async () => {
    const journal = sandbox.make('journal')
    const data = sandbox.make('database')
    for (const folder of [journal, data]) chownSync(folder, NOBODY, NOBODY)
    const sql = join(data, 'app.db')
    const args = ['--journal', `sqlite:${join(journal, 'journal.db')}`, '--database', `sqlite:${sql}`]
    const clients = new Clients()
    const server = await serve({ args, uid: NOBODY })
    const load = clients.run(server.url)
    await until('the load runs', () => clients.acknowledged > 200)
    const modes = (file: number, folder: number, uid: number): void => {
      for (const name of readdirSync(data)) {
        chmodSync(join(data, name), file)
        chownSync(join(data, name), uid, uid)
      }
      chmodSync(data, folder)
      chownSync(data, uid, uid)
    }
    modes(0o444, 0o555, 0)
    const before = clients.acknowledged
    await until('writes go on', () => clients.acknowledged > before + 100)
    await server.kill()
    await load.done
    const again = await serve({ args, uid: NOBODY })
    await checkWritesGoOn(again, clients)
    modes(0o644, 0o755, NOBODY)
    await checkAllLands(again, clients, sql)
  },
)

test(
  'a data folder that the user of the server may not write is refused by name',
  { timeout: 30_000 },
  async () => {
    const data = sandbox.make('data')
    chmodSync(data, 0o555)
    const { code, err } = await spillway(['serve', '--port', '0', '--data', data], { uid: NOBODY })
    expect([code, err]).toEqual([1, expect.stringContaining(`${data} cannot be written by this user`)])
  },
)
