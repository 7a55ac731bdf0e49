import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openSqliteJournal } from '../../../src/drivers/sqlite/journal.ts'
import { isSpillwayError } from '../../../src/errors.ts'
import type { Journal } from '../../../src/ports/journal.ts'
import { journalDirectory, put } from './journal-bench.ts'
import type { JournalDirectory } from './journal-bench.ts'

const OWNER = fileURLToPath(new URL('./fixtures/journal-owner.ts', import.meta.url))

interface Event {
  readonly acknowledged?: number
  readonly failed?: string
  readonly end?: number
  readonly refused?: string
  readonly detail?: string
}

let directory: JournalDirectory
let children: ChildProcess[] = []
let journal: Journal | undefined

beforeEach(() => {
  directory = journalDirectory()
})
afterEach(async () => {
  await Promise.all(children.map(kill))
  children = []
  await journal?.close()
  journal = undefined
  directory.remove()
})

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

/** Starts a process that owns the journal; `events` ends with it. */
function owner(shell?: string, valueBytes = 500): { child: ChildProcess; events: AsyncIterable<Event> } {
  const args = [OWNER, directory.path, String(valueBytes)]
  const child =
    shell === undefined
      ? spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      : spawn('bash', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, ...args], {
          stdio: ['ignore', 'pipe', 'inherit'],
        })
  children.push(child)
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const parsed = async function* (): AsyncIterable<Event> {
    for await (const line of lines) yield JSON.parse(line) as Event
  }
  return { child, events: parsed() }
}

async function open(): Promise<Journal> {
  journal = await openSqliteJournal({ path: directory.path, partitions: 2 })
  return journal
}

describe('one owner', () => {
  test('a second process is refused with the pid of the first, and the first goes on', async () => {
    const { child, events } = owner()
    let seen = -1
    let refusedAt: number | undefined
    for await (const { acknowledged = 0 } of events) {
      seen = acknowledged
      if (refusedAt === undefined) {
        const refusal = await open().catch((error: unknown) => error)
        expect(isSpillwayError(refusal, 'unavailable')).toBe(true)
        expect(String(refusal)).toContain(`process ${child.pid}`)
        refusedAt = acknowledged
      } else if (acknowledged > refusedAt + 10) break
    }
    expect(seen).toBeGreaterThan(refusedAt ?? Infinity)
  })

  test('a second open in the same process is refused too', async () => {
    await open()
    await expect(openSqliteJournal({ path: directory.path, partitions: 2 })).rejects.toThrow(
      `process ${process.pid}`,
    )
  })

  test('kill -9 leaves the journal free, with everything that was acknowledged', async () => {
    const { child, events } = owner()
    let last = 0
    for await (const { acknowledged = 0 } of events) {
      last = acknowledged
      if (acknowledged >= 300) child.kill('SIGKILL')
    }
    const reopened = await open()
    const { end } = await reopened.info(0)
    expect(end).toBeGreaterThanOrEqual(last)
    expect(end % 10).toBe(0)
    const { entries } = await reopened.read(0, 0, { entriesMax: 100_000, bytesMax: 2 ** 30 })
    expect(entries.map(({ entry }) => entry.id)).toEqual(Array.from({ length: end }, (_, i) => `${i}`))
  })
})

test('a disk that is full is `unavailable` with nothing appended, and the journal goes on when there is room', async () => {
  // Files of this process may have 2 MiB: a write that cannot be done, as on a full disk.
  const { events } = owner('ulimit -f 2048', 20_000)
  let acknowledged = 0
  let failure: Event = {}
  for await (const event of events) {
    acknowledged = event.acknowledged ?? acknowledged
    if (event.acknowledged === undefined) failure = event
  }
  expect(failure).toEqual({ failed: 'unavailable', end: acknowledged })
  expect(acknowledged).toBeGreaterThan(20)
  const reopened = await open()
  expect((await reopened.info(0)).end).toBe(acknowledged)
  await reopened.append([{ partition: 0, entries: [put('after')] }])
  expect((await reopened.at(0, acknowledged + 1))?.entry.id).toBe('after')
})

test('a journal in a directory that cannot be made is `unavailable`', async () => {
  writeFileSync(directory.path, 'in the way')
  const opening = openSqliteJournal({ path: `${directory.path}/deeper/journal.db`, partitions: 2 })
  await expect(opening).rejects.toMatchObject({ code: 'unavailable' })
})
