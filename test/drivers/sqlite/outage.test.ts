/** A database that goes away: calls say so in time, nothing has happened, and it works again by itself. */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test } from 'vitest'
import { openSqliteDatabase } from '../../../src/drivers/sqlite/database.ts'
import { DatabaseThread } from '../../../src/drivers/sqlite/database-thread.ts'
import { SpillwayError } from '../../../src/errors.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import type { Mark } from '../../../src/model/entry.ts'
import { AGE_MAX } from '../../../src/model/fold.ts'
import { EMPTY_LEDGER } from '../../../src/model/ledger.ts'
import { position } from '../../../src/model/position.ts'
import { plainValue } from '../../../src/model/value.ts'
import type { Database, LandBatch } from '../../../src/ports/database.ts'
import { sqliteFile } from './sqlite-file.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function markAt(count: number): Mark {
  return { journal: 'j', position: position(1, count), offset: count, digest: String(count) }
}

function batch(from: number, partition = 0): LandBatch {
  return {
    partition,
    from: markAt(from),
    to: markAt(from + 1),
    rows: [
      {
        collection: 'forms',
        key: 'a',
        version: position(1, from + 1),
        value: plainValue(Buffer.from(String(from + 1))),
      },
    ],
    history: [],
    park: [],
    voids: [],
    seals: [],
    refused: [],
    counts: { ...EMPTY_LEDGER, landed: 1 },
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'done'
  } catch (error) {
    return error instanceof SpillwayError ? error.code : String(error)
  }
}

async function begun(database: Database): Promise<void> {
  await database.prepare([], 1)
  await database.beginGeneration(1, [markAt(0)], [undefined])
}

async function newest(database: Database): Promise<string> {
  const { held } = await database.read(0, [{ collection: 'forms', key: 'a' }])
  return Buffer.from(held[0]!.value?.bytes ?? []).toString()
}

describe('a file that another process has locked', () => {
  test('landing is unavailable within its busy timeout, reads go on, and it lands afterwards', async () => {
    const file = await sqliteFile({ busyTimeoutMs: 100 })
    cleanups.push(() => file.close())
    await begun(file.database)
    expect(await codeOf(file.database.land(batch(0)))).toBe('done')
    file.other.exec('BEGIN IMMEDIATE')
    const started = systemClock.monotonic()
    expect(await codeOf(file.database.land(batch(1)))).toBe('unavailable')
    expect(await codeOf(file.database.forgetRefused(0, markAt(1).position))).toBe('unavailable')
    expect(await newest(file.database)).toBe('1')
    expect(systemClock.monotonic() - started).toBeLessThan(5_000)
    file.other.exec('ROLLBACK')
    expect(await codeOf(file.database.land(batch(1)))).toBe('done')
    expect(await newest(file.database)).toBe('2')
  })

  test('the message names the file and SQLite’s own words', async () => {
    const file = await sqliteFile({ busyTimeoutMs: 0 })
    cleanups.push(() => file.close())
    await begun(file.database)
    file.other.exec('BEGIN IMMEDIATE')
    await expect(file.database.land(batch(0))).rejects.toThrow(
      /app\.db is held by another process: .*SQLITE_BUSY/,
    )
    file.other.exec('ROLLBACK')
  })
})

test('a file that is no database is refused as invalid, and a missing folder is unavailable', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-outage-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'text.db'), 'this is no database, '.repeat(100))
  const foreign = await openSqliteDatabase({ path: join(folder, 'text.db'), clock: systemClock })
  cleanups.push(() => foreign.close())
  await expect(foreign.prepare([], 1)).rejects.toThrow(/invalid: .*text\.db is not a SQLite database/)
  const missing = await openSqliteDatabase({ path: join(folder, 'no', 'app.db'), clock: systemClock })
  cleanups.push(() => missing.close())
  expect(await codeOf(missing.prepare([], 1))).toBe('unavailable')
  expect(existsSync(join(folder, 'no'))).toBe(false)
})

test('a table that was dropped is an outage, not bad data, and is over when it is there again', async () => {
  const file = await sqliteFile()
  cleanups.push(() => file.close())
  await begun(file.database)
  await file.database.land(batch(0))
  file.other.exec('ALTER TABLE spillway_records RENAME TO away')
  expect(await codeOf(file.database.land(batch(1)))).toBe('unavailable')
  expect(await codeOf(newest(file.database))).toBe('unavailable')
  file.other.exec('ALTER TABLE away RENAME TO spillway_records')
  expect(await codeOf(file.database.land(batch(1)))).toBe('done')
  expect(await newest(file.database)).toBe('2')
})

test('after close every call is closed', async () => {
  const file = await sqliteFile()
  cleanups.push(() => file.close())
  await begun(file.database)
  await file.database.close()
  await file.database.close()
  expect(await codeOf(file.database.land(batch(0)))).toBe('closed')
  expect(await codeOf(file.database.read(0, []))).toBe('closed')
})

test('close waits for the landing that is out', async () => {
  const file = await sqliteFile()
  cleanups.push(() => file.close())
  await begun(file.database)
  const landing = file.database.land(batch(0))
  await systemClock.turn()
  await file.database.close()
  expect(await codeOf(landing)).toBe('done')
  expect(file.other.prepare('SELECT count(*) AS rows FROM spillway_records').get()).toMatchObject({ rows: 1 })
})

test('a thread that has died is started again, with its tables', async () => {
  const file = await sqliteFile()
  cleanups.push(() => file.close())
  await begun(file.database)
  await file.database.land(batch(0))
  const thread = new DatabaseThread({
    path: file.path,
    specs: [],
    busyTimeoutMs: 0,
    parkedMax: 1,
    parkedBytesMax: 1,
    ageMax: AGE_MAX,
  })
  cleanups.push(() => thread.close())
  expect(await thread.call('collections')).toEqual(['forms'])
  const dying = await thread.started()
  const lost = thread.call('collections')
  await dying.terminate()
  expect(['done', 'outcome-unknown']).toContain(await codeOf(lost))
  expect(await thread.call('collections')).toEqual(['forms'])
})

/** Runs `outage-child.ts` below other commands, which set what the kernel lets it do. */
function child(
  folder: string,
  ...below: string[]
): { process: ChildProcess; ask(command: string): Promise<string> } {
  const script = join(import.meta.dirname, 'outage-child.ts')
  const [program = '', ...args] = [...below, process.execPath, script, join(folder, 'app.db')]
  const started = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  cleanups.push(async () => {
    if (started.exitCode === null && started.signalCode === null) {
      const exited = once(started, 'exit')
      started.kill('SIGKILL')
      await exited
    }
  })
  const answers = createInterface({ input: started.stdout })[Symbol.asyncIterator]()
  return {
    process: started,
    async ask(command) {
      started.stdin.write(`${command}\n`)
      return String((await answers.next()).value)
    },
  }
}

describe('as another process sees it', () => {
  function folderOf(): string {
    const folder = mkdtempSync(join(tmpdir(), 'spillway-outage-'))
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  }

  test(
    'a file made read-only is unavailable to landing and works again when it is writable',
    { timeout: 30_000 },
    async () => {
      // Modes mean nothing to root, unless it gives that privilege up.
      const root = process.getuid?.() === 0
      const { ask } = child(folderOf(), ...(root ? ['setpriv', '--bounding-set=-dac_override'] : []))
      expect(await ask('prepare')).toBe('done')
      expect(await ask('land')).toBe('done')
      expect(await ask('read-only')).toBe('done')
      expect(await ask('land')).toBe('unavailable')
      expect(await ask('land')).toBe('unavailable')
      expect(await ask('writable')).toBe('done')
      expect(await ask('land')).toBe('done')
      expect(await ask('read')).toBe('2')
    },
  )

  test(
    'a file that cannot grow lands nothing by halves and goes on when there is room',
    { timeout: 30_000 },
    async () => {
      const { ask, process: full } = child(folderOf(), 'prlimit', `--fsize=${600 * 1024}:unlimited`)
      expect(await ask('prepare')).toBe('done')
      const outcomes = new Set<string>()
      for (let tries = 0; tries < 12; tries += 1) outcomes.add(await ask('land big'))
      expect(
        [...outcomes].some((outcome) => outcome === 'unavailable' || outcome === 'outcome-unknown'),
      ).toBe(true)
      expect(
        [...outcomes].every((outcome) => ['done', 'unavailable', 'outcome-unknown'].includes(outcome)),
      ).toBe(true)
      execFileSync('prlimit', [`--pid=${full.pid}`, '--fsize=unlimited:unlimited'])
      expect(await ask('land big')).toBe('done')
      expect(await ask('consistent')).toBe('done')
    },
  )
})
