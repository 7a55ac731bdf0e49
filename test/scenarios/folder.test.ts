/**
 * A data folder that is not what it was: torn, corrupt, incomplete, somebody else's, in use.
 */
import { readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { verdictOn } from './judged.ts'
import { Clients } from './load.ts'
import { Sandbox, drained } from './sandbox.ts'
import { serve, spillway } from './served.ts'
import type { HistoryEvent } from './verdict.ts'
import type { Served } from './served.ts'

let sandbox: Sandbox
beforeEach(() => {
  sandbox = new Sandbox()
})
afterEach(() => sandbox.close())

/** A start that must be refused; what it said. */
async function refused(data: string): Promise<string> {
  const { code, err, out } = await spillway(['serve', '--port', '0', '--runtime', 'node', '--data', data])
  expect(out).toBe('')
  // 2 where the settings name a wrong file, 1 where the files themselves are wrong.
  expect([1, 2], err).toContain(code)
  return err
}

/** A start that may be refused with `journal-mismatch`, and with nothing else. */
async function startedOrMismatch(data: string): Promise<Served | undefined> {
  try {
    return await serve({ args: ['--data', data] })
  } catch (error) {
    expect((error as Error).message).toContain('journal-mismatch')
    return undefined
  }
}

/** Makes a folder with some landed records and a stopped server. */
async function stopped(name: string, clients = new Clients()): Promise<Clients> {
  const server = await serve({ args: ['--data', sandbox.path(name)] })
  for (let n = 0; n < 20; n += 1) await clients.put(server.url, `key-${n % 7}`)
  await drained(server.url)
  expect((await server.stop()).code).toBe(0)
  return clients
}

describe('a torn journal tail after kill -9', () => {
  const CUTS = 8

  /** Writes one by one, and after each acknowledgement notes how long the log of the journal was. */
  async function killedWithNotes(
    locked: boolean,
  ): Promise<{ clients: Clients; notes: { bytes: number; acknowledged: number }[]; length: number }> {
    const clients = new Clients()
    const data = sandbox.path('data')
    const wal = join(data, 'journal.db-wal')
    const server = await serve({ args: ['--data', data] })
    await clients.put(server.url, 'first')
    await drained(server.url)
    const lock = locked ? sandbox.lock(join(data, 'app.db')) : undefined
    const notes: { bytes: number; acknowledged: number }[] = []
    for (let n = 0; n < 120; n += 1) {
      expect((await clients.put(server.url, `key-${n % 30}`))?.status).toBe(200)
      notes.push({ bytes: statSync(wal).size, acknowledged: clients.events.length })
    }
    if (!locked) await drained(server.url)
    await server.kill()
    lock?.release()
    return { clients, notes, length: statSync(wal).size }
  }

  test(
    'nothing had landed past the cut: every write acknowledged before the cut is there',
    { timeout: 90_000 },
    async () => {
      const { clients, notes, length } = await killedWithNotes(true)
      // The log only grew, or a place in it would say nothing about time.
      expect(notes.map((note) => note.bytes)).toEqual(
        [...notes.map((note) => note.bytes)].sort((a, b) => a - b),
      )
      let partial = 0
      for (let cut = 0; cut < CUTS; cut += 1) {
        const data = sandbox.copy('data', `cut-${cut}`)
        const at = cut === 0 ? length - 1 : Math.floor(Math.random() * length)
        truncateSync(join(data, 'journal.db-wal'), at)
        const server = await startedOrMismatch(data)
        if (server === undefined) continue
        const sure = notes.findLast((note) => note.bytes <= at)?.acknowledged ?? 0
        if (sure < clients.events.length) partial += 1
        // What came after the cut may be there or not: for the verdict those writes had no answer.
        const history = new Clients()
        history.events.push(
          ...clients.events.map((event, index): HistoryEvent =>
            index < sure ? event : { ...event, outcome: 'unknown', version: 0 },
          ),
        )
        expect((await verdictOn(history, { url: server.url })).breaches, `cut at ${at} of ${length}`).toEqual(
          [],
        )
        await server.kill()
      }
      expect(partial).toBeGreaterThan(0)
    },
  )

  test(
    'landing had passed the cut: it stops with journal-mismatch, or serves what SQL has',
    { timeout: 90_000 },
    async () => {
      const { clients, length } = await killedWithNotes(false)
      let mismatches = 0
      for (let cut = 0; cut < CUTS; cut += 1) {
        const data = sandbox.copy('data', `cut-${cut}`)
        truncateSync(
          join(data, 'journal.db-wal'),
          cut === 0 ? Math.floor(length / 2) : Math.floor(Math.random() * length),
        )
        const server = await startedOrMismatch(data)
        if (server === undefined) {
          mismatches += 1
          continue
        }
        // Everything had landed, so whatever the journal lost, nothing acknowledged may be missing.
        expect((await verdictOn(clients, { url: server.url, sql: join(data, 'app.db') })).breaches).toEqual(
          [],
        )
        await server.kill()
      }
      expect(mismatches).toBeGreaterThan(0)
    },
  )
})

test(
  'damage in the middle of the journal is refused or harmless, never served around',
  { timeout: 60_000 },
  async () => {
    const clients = await stopped('data')
    for (let round = 0; round < 6; round += 1) {
      const data = sandbox.copy('data', `damaged-${round}`)
      const file = join(data, 'journal.db')
      const bytes = readFileSync(file)
      const at = Math.floor((bytes.length * (round + 0.5)) / 6)
      bytes.fill(0xa5, at, Math.min(bytes.length, at + 512))
      writeFileSync(file, bytes)
      let server: Served
      try {
        server = await serve({ args: ['--data', data] })
      } catch (error) {
        expect((error as Error).message).toMatch(/journal-mismatch|unavailable|invalid/)
        continue
      }
      expect((await verdictOn(clients, { url: server.url, sql: join(data, 'app.db') })).breaches).toEqual([])
      await server.kill()
    }
  },
)

test('a journal that is no SQLite file is refused by name', { timeout: 30_000 }, async () => {
  await stopped('data')
  writeFileSync(sandbox.path('data', 'journal.db'), 'not a database at all\n'.repeat(500))
  rmSync(sandbox.path('data', 'journal.db-wal'), { force: true })
  expect(await refused(sandbox.path('data'))).toMatch(/journal\.db/)
})

test(
  'a missing journal beside a database with positions is journal-mismatch',
  { timeout: 30_000 },
  async () => {
    await stopped('data')
    for (const name of readdirSync(sandbox.path('data')))
      if (name.startsWith('journal.db')) rmSync(sandbox.path('data', name))
    expect(await refused(sandbox.path('data'))).toContain('journal-mismatch')
  },
)

test('the journal of another project is journal-mismatch', { timeout: 30_000 }, async () => {
  await stopped('data')
  await stopped('other')
  for (const name of readdirSync(sandbox.path('data')))
    if (name.startsWith('journal.db')) rmSync(sandbox.path('data', name))
  for (const name of readdirSync(sandbox.path('other')))
    if (name.startsWith('journal.db')) renameSync(sandbox.path('other', name), sandbox.path('data', name))
  expect(await refused(sandbox.path('data'))).toContain('journal-mismatch')
})

test(
  'a SQLite file of another program is refused as journal, and is not changed',
  { timeout: 30_000 },
  async () => {
    const file = join(sandbox.make('data'), 'journal.db')
    const connection = new DatabaseSync(file)
    connection.exec("CREATE TABLE cats (name TEXT); INSERT INTO cats VALUES ('Mitzi')")
    connection.close()
    const before = readFileSync(file)
    expect(await refused(sandbox.path('data'))).toMatch(/journal\.db/)
    expect(readFileSync(file).equals(before)).toBe(true)
  },
)

test(
  'an older copy of the database beside the journal catches up without a person',
  { timeout: 40_000 },
  async () => {
    const clients = await stopped('data')
    const old = readFileSync(sandbox.path('data', 'app.db'))
    const server = await serve({ args: ['--data', sandbox.path('data')] })
    for (let n = 0; n < 20; n += 1) await clients.put(server.url, `key-${n % 9}`)
    await drained(server.url)
    await server.stop()
    for (const name of readdirSync(sandbox.path('data')))
      if (name.startsWith('app.db')) rmSync(sandbox.path('data', name))
    writeFileSync(sandbox.path('data', 'app.db'), old)
    const again = await serve({ args: ['--data', sandbox.path('data')] })
    await drained(again.url)
    expect(
      (await verdictOn(clients, { url: again.url, sql: sandbox.path('data', 'app.db') })).breaches,
    ).toEqual([])
  },
)

describe('a second process on the same folder', () => {
  test(
    'is refused with the pid of the owner and exit 5, and the first one goes on',
    { timeout: 30_000 },
    async () => {
      const server = await serve({ args: ['--data', sandbox.path('data')] })
      for (const verb of [['serve', '--port', '0'], ['verify'], ['doctor']]) {
        const { code, err, out } = await spillway([...verb, '--data', sandbox.path('data')])
        expect(code, err).toBe(5)
        expect(err).toContain(String(server.pid))
        expect(out).toBe('')
      }
      expect((await new Clients().put(server.url, 'still-here'))?.status).toBe(200)
    },
  )

  test('gets the folder as soon as the first one was killed', { timeout: 30_000 }, async () => {
    const server = await serve({ args: ['--data', sandbox.path('data')] })
    const clients = new Clients()
    await clients.put(server.url, 'a')
    await server.kill()
    const again = await serve({ args: ['--data', sandbox.path('data')] })
    expect((await verdictOn(clients, { url: again.url })).breaches).toEqual([])
  })
})
