import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collection, open } from '../../index.ts'
import { systemClock } from '../../kit/clock.ts'
import { PROCESS_OPTIONS } from '../../options/serve-options.ts'
import { openSqlite } from '../../runtime/sqlite.ts'
import { onChosenRuntime } from '../chosen-runtime.ts'
import { wholeNumber } from '../client.ts'
import { EXIT } from '../exit-code.ts'
import { interruption } from '../interruption.ts'
import { count } from '../terminal/columns.ts'
import { withProgress } from '../terminal/progress.ts'
import { runtimeName } from './version.ts'
import type { Records } from '../../index.ts'
import type { Invocation, Verb } from '../verb.ts'

const IN_FLIGHT = 256
const KEYS = 20_000
const WARM_UP_SHARE = 0.2
const ROWS_OF_A_COMMIT = 100

interface Numbers {
  readonly putsPerSecond: number
  readonly readsPerSecond: number
  /** A bare loop: a commit of 100 rows of the same bytes, WAL, synchronous=FULL. */
  readonly sqliteRowsPerSecond: number
}

function valueOf(n: number): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ n, note: 'x'.repeat(480) }))
}

/** Calls `work` with `IN_FLIGHT` at a time for `ms`; the rate after a warm-up. */
async function rate(ms: number, signal: AbortSignal, work: (n: number) => Promise<unknown>): Promise<number> {
  const from = systemClock.monotonic()
  const countFrom = from + ms * WARM_UP_SHARE
  let next = 0
  let counted = 0
  const worker = async (): Promise<void> => {
    for (;;) {
      await work(next++)
      const now = systemClock.monotonic()
      if (now > countFrom) counted += 1
      if (now - from >= ms || signal.aborted) return
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  signal.throwIfAborted()
  return (counted * 1_000) / (systemClock.monotonic() - countFrom)
}

/** The plain path on the same disk: what a hand-written group commit would reach. */
function bareSqlite(folder: string, ms: number): number {
  const connection = openSqlite(join(folder, 'bare.db'))
  try {
    connection.exec(
      'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE bare (k TEXT PRIMARY KEY, v BLOB)',
    )
    const insert = connection.prepare('INSERT OR REPLACE INTO bare VALUES (?, ?)')
    const from = systemClock.monotonic()
    let rows = 0
    while (systemClock.monotonic() - from < ms) {
      connection.exec('BEGIN')
      for (let row = 0; row < ROWS_OF_A_COMMIT; row += 1) insert.run(`k${rows++ % KEYS}`, valueOf(rows))
      connection.exec('COMMIT')
    }
    return (rows * 1_000) / (systemClock.monotonic() - from)
  } finally {
    connection.close()
  }
}

async function measure(
  folder: string,
  ms: number,
  signal: AbortSignal,
  onStep: (step: string) => void,
): Promise<Numbers> {
  onStep('bare SQLite')
  const sqliteRowsPerSecond = bareSqlite(folder, ms)
  await using tier = await open({
    front: 'memory:',
    journal: `sqlite:${join(folder, 'journal.db')}`,
    database: `sqlite:${join(folder, 'app.db')}`,
    collections: [collection('sample')],
  })
  const records: Records<unknown> = tier.records('sample')
  onStep('puts')
  const putsPerSecond = await rate(ms, signal, (n) => records.putJson(`k${n % KEYS}`, valueOf(n)))
  onStep('reads')
  const readsPerSecond = await rate(ms, signal, (n) => records.getJson(`k${n % KEYS}`))
  onStep('landing what is left')
  await tier.close({ drainMs: 30_000 })
  return { putsPerSecond, readsPerSecond, sqliteRowsPerSecond }
}

async function run(invocation: Invocation): Promise<number> {
  const { terminal, flags } = invocation
  const seconds = wholeNumber(invocation, '--seconds', 'seconds', 600) ?? 3
  const folder = await mkdtemp(join(tmpdir(), 'spillway-bench-'))
  using interrupted = interruption()
  let step = ''
  try {
    const numbers = await withProgress(
      terminal,
      () => step,
      () => measure(folder, Math.max(1, seconds) * 1_000, interrupted.signal, (next) => (step = next)),
    )
    const runtime = runtimeName()
    if (flags.json === true) {
      terminal.out(
        JSON.stringify({
          runtime: runtime.name,
          runtimeVersion: runtime.version,
          inFlight: IN_FLIGHT,
          valueBytes: valueOf(0).byteLength,
          ...numbers,
        }),
      )
      return EXIT.ok
    }
    const { strong, dim } = terminal.outPaint
    const share = Math.round((numbers.putsPerSecond / numbers.sqliteRowsPerSecond) * 100)
    terminal.out(
      dim(
        `${runtime.name} ${runtime.version}, values of ${valueOf(0).byteLength} B, ${IN_FLIGHT} in flight, embedded, ${tmpdir()}`,
      ),
    )
    terminal.out(
      `durable puts  ${strong(count(numbers.putsPerSecond).padStart(11))}/s  ${dim(`${share} % of bare SQLite commits of ${ROWS_OF_A_COMMIT} rows (${count(numbers.sqliteRowsPerSecond)} rows/s)`)}`,
    )
    terminal.out(`reads         ${strong(count(numbers.readsPerSecond).padStart(11))}/s`)
    return EXIT.ok
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const bench: Verb = {
  name: 'bench',
  summary: 'Durable puts and reads of the library on this machine, beside bare SQLite.',
  options: { runtime: PROCESS_OPTIONS.runtime },
  flags: [['--seconds <count>', 'Of each measurement. (default: 3)']],
  run: (invocation) => onChosenRuntime(invocation, () => run(invocation)),
}
