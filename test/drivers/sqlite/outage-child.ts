/** A process with a SQLite database that does what it is told on stdin and answers one line each. */
import { chmodSync, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { openSqliteDatabase } from '../../../src/drivers/sqlite/database.ts'
import { SpillwayError } from '../../../src/errors.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import type { Mark } from '../../../src/model/entry.ts'
import { EMPTY_LEDGER } from '../../../src/model/ledger.ts'
import { ORIGIN } from '../../../src/model/position.ts'
import type { Position, Version } from '../../../src/model/position.ts'
import { plainValue } from '../../../src/model/value.ts'

// A write past the limit on file sizes then fails with EFBIG instead of ending the process.
process.on('SIGXFSZ', () => undefined)

const path = process.argv[2] as string
const database = await openSqliteDatabase({ path, clock: systemClock, busyTimeoutMs: 200 })
const origin: Mark = { journal: 'j', position: ORIGIN, offset: 0, digest: '' }

function chmodAll(fileMode: number, folderMode: number): void {
  chmodSync(dirname(path), 0o700)
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chmodSync(file, fileMode)
  chmodSync(dirname(path), folderMode)
}

async function land(bytes: number): Promise<string> {
  // What the engine does after any failure: it asks where the database is.
  const [row] = await database.partitions()
  const from = row?.mark ?? origin
  const count = from.position + 1
  const to: Mark = { journal: 'j', position: count as Position, offset: count, digest: String(count) }
  const text = JSON.stringify(bytes > 0 ? 'x'.repeat(bytes) : count)
  const rows = ['a', 'b'].map((key) => ({
    collection: 'forms',
    key: bytes > 0 ? `${key}${count}` : key,
    version: count as Version,
    value: plainValue(Buffer.from(text)),
  }))
  const { kind } = await database.land({
    partition: 0,
    from,
    to,
    rows,
    history: [],
    park: [],
    voids: [],
    seals: [],
    refused: [],
    counts: { ...EMPTY_LEDGER, landed: 2 },
  })
  return kind === 'landed' ? 'done' : kind
}

const commands: Record<string, () => Promise<string>> = {
  async prepare() {
    await database.prepare([], 1)
    return (await database.beginGeneration(1, [origin], [undefined])) === 'begun' ? 'done' : 'moved'
  },
  land: () => land(0),
  'land big': () => land(60_000),
  async read() {
    const { held } = await database.read(0, [{ collection: 'forms', key: 'a' }])
    return Buffer.from(held[0]?.value?.bytes ?? []).toString()
  },
  /** Rows and ledger say the same. */
  async consistent() {
    const [row] = await database.partitions()
    const { rows } = await database.scan('forms', undefined, 1_000)
    return row !== undefined && rows.length === row.counts.landed && rows.length === 2 * row.mark.position
      ? 'done'
      : `${rows.length} rows, ${JSON.stringify(row)}`
  },
  async 'read-only'() {
    // Open files stay writable whatever their mode is, so the connections are opened anew.
    await database.prepare([], 1)
    chmodAll(0o444, 0o555)
    return 'done'
  },
  async writable() {
    chmodAll(0o644, 0o755)
    return 'done'
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer: string
  try {
    answer = (await commands[line]?.()) ?? `no command ${line}`
  } catch (error) {
    answer = error instanceof SpillwayError ? error.code : String(error)
  }
  process.stdout.write(`${answer}\n`)
}
await database.close()
