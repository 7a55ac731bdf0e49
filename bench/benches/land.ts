/**
 * Landing fed from memory, against a bare loop that upserts the same rows.
 *
 * `land`: rows are journaled with landing deferred, the tier is opened again (which brings them into memory) and then
 * lands them; the clock runs from there until nothing is pending. `upserts`: a main thread packs rows into buffers and
 * moves them to a worker thread. Both have batches of 1,000 rows, each sorted by key, and at most 16 of them in a
 * transaction. That is the baseline that the goal is about, as it was before landing sorted all rows of a transaction
 * together; `sorted` is the same loop when it does so too.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { startBare } from '../baselines/bare.ts'
import { forms } from '../form.ts'
import { msOfCalls } from '../in-flight.ts'
import { percent, perSecond } from '../result.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { interleaved } from '../rounds.ts'
import { COLLECTION, openTier, recordsOf, scratchFolder } from '../scratch.ts'

const VALUE_BYTES = 500
const ROWS_PER_BATCH = 1_000
/** 16 partitions, each with a batch, share a transaction. */
const ROWS_PER_COMMIT = 16 * ROWS_PER_BATCH
const SHARE_MIN = 0.9
const LOOK_MS = 2

const keyOf = (n: number): string => `candidate-${String((n * 7_919) % 1_000_003).padStart(7, '0')}`

async function landRound(rows: number): Promise<number> {
  await using folder = await scratchFolder()
  const values = forms(VALUE_BYTES)
  const before = await openTier(folder.path, 'api')
  const records = recordsOf(before)
  await msOfCalls(1_024, rows, (n) => records.put(keyOf(n), values[n % values.length]))
  await before.close({ drainMs: 0 })
  const tier = await openTier(folder.path, 'all')
  try {
    const from = performance.now()
    const pending = (await tier.status()).totals.pending
    while ((await tier.status()).totals.pending > 0) await sleep(LOOK_MS)
    return (pending * 1_000) / (performance.now() - from)
  } finally {
    await tier.close()
  }
}

async function upsertsRound(rows: number, rowsPerSort: number): Promise<number> {
  await using folder = await scratchFolder()
  await using bare = startBare()
  const encoder = new TextEncoder()
  const values = forms(VALUE_BYTES).map((value) => encoder.encode(JSON.stringify(value)))
  await bare.call({ kind: 'open', path: join(folder.path, 'bare.db') })
  const from = performance.now()
  let last: Promise<unknown> = Promise.resolve()
  for (let at = 0; at < rows; at += ROWS_PER_COMMIT) {
    const count = Math.min(ROWS_PER_COMMIT, rows - at)
    const keys: string[] = []
    for (let from = at; from < at + count; from += rowsPerSort) {
      const batch = Math.min(rowsPerSort, at + count - from)
      keys.push(...Array.from({ length: batch }, (_, n) => keyOf(from + n)).sort())
    }
    const buffer = new ArrayBuffer(count * VALUE_BYTES)
    const bytes = new Uint8Array(buffer)
    for (let n = 0; n < count; n += 1) bytes.set(values[n % values.length] as Uint8Array, n * VALUE_BYTES)
    // The next buffer is packed while the thread works on this one, as in landing.
    await last
    last = bare.call({
      kind: 'land',
      rows: { collection: COLLECTION, keys, version: at + 1, buffer, valueBytes: VALUE_BYTES },
    })
  }
  await last
  const rate = (rows * 1_000) / (performance.now() - from)
  await bare.call({ kind: 'close' })
  return rate
}

async function run(size: Size): Promise<Finding> {
  const rows = size === 'tiny' ? 500 : 192_000
  const rounds = size === 'tiny' ? 1 : 3
  const series = await interleaved(
    {
      upserts: () => upsertsRound(rows, ROWS_PER_BATCH),
      sorted: () => upsertsRound(rows, ROWS_PER_COMMIT),
      land: () => landRound(rows),
    },
    rounds,
  )
  const share = series.land.median / series.upserts.median
  const shareOfSorted = series.land.median / series.sorted.median
  return {
    headline: {
      'rows landed from memory': `${perSecond(series.land.median)} = ${percent(share)} of a bare upsert loop`,
      'bare upsert loop': perSecond(series.upserts.median),
      'the same, each transaction sorted as a whole': `${perSecond(series.sorted.median)}; landing is ${percent(shareOfSorted)} of it`,
    },
    goals: [{ text: `landing ≥ ${percent(SHARE_MIN)} of a bare upsert loop`, met: share >= SHARE_MIN }],
    settings: {
      rows,
      valueBytes: VALUE_BYTES,
      rowsPerBatch: ROWS_PER_BATCH,
      rowsPerCommit: ROWS_PER_COMMIT,
      rounds,
    },
    series,
    numbers: { share, shareOfSorted },
  }
}

export const land: Bench = { name: 'land', measures: 'landing from memory against a bare upsert loop', run }
