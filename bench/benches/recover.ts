/**
 * How long a start takes that finds a million writes which have not landed, from nothing to the first read served,
 * and how long an import of a million rows takes.
 *
 * The start is `open` on a folder whose process is gone: the journal is read to its end and the front rebuilt from
 * it. The import is `putMany` with batches of 1,000, eight at a time, until the last is acknowledged; what landing
 * still has to do then is measured beside it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { form, forms } from '../form.ts'
import { msOfCalls } from '../in-flight.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { seriesOf } from '../rounds.ts'
import { openTier, recordsOf, scratchFolder } from '../scratch.ts'

const VALUE_BYTES = 500
const BATCH = 1_000
const BATCHES_IN_FLIGHT = 8
const SECONDS_MAX = 60
const LOOK_MS = 20

const keyOf = (n: number): string => `candidate-${n}`

async function importInto(
  folder: string,
  role: 'all' | 'api',
  rows: number,
): Promise<{ importMs: number; drainMs: number }> {
  const values = forms(VALUE_BYTES)
  const tier = await openTier(folder, role)
  const records = recordsOf(tier)
  const importMs = await msOfCalls(BATCHES_IN_FLIGHT, rows / BATCH, async (batch) => {
    const writes = Array.from({ length: BATCH }, (_, n) => ({
      key: keyOf(batch * BATCH + n),
      value: values[n % values.length] as object,
    }))
    const failed = (await records.putMany(writes)).find((outcome) => outcome instanceof Error)
    if (failed !== undefined) throw failed
  })
  const from = performance.now()
  while (role === 'all' && (await tier.status()).totals.pending > 0) await sleep(LOOK_MS)
  const drainMs = performance.now() - from
  await tier.close({ drainMs: 0 })
  return { importMs, drainMs }
}

async function restart(folder: string, rows: number): Promise<number> {
  const from = performance.now()
  const tier = await openTier(folder, 'all')
  const last = await recordsOf(tier).get(keyOf(rows - 1))
  const ms = performance.now() - from
  if (JSON.stringify(last?.value) !== JSON.stringify(form(((rows - 1) % BATCH) % 256, VALUE_BYTES))) {
    throw new Error(`The last write before the restart was not served after it, but ${JSON.stringify(last)}`)
  }
  await tier.close({ drainMs: 0 })
  return ms
}

async function run(size: Size): Promise<Finding> {
  const rows = size === 'tiny' ? 2 * BATCH : 1_000_000
  await using unlanded = await scratchFolder()
  const { importMs: journalMs } = await importInto(unlanded.path, 'api', rows)
  const restartMs = await restart(unlanded.path, rows)
  await using imported = await scratchFolder()
  const { importMs, drainMs } = await importInto(imported.path, 'all', rows)
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  return {
    headline: {
      [`start with ${rows.toLocaleString('en')} writes that have not landed`]: seconds(restartMs),
      [`import of ${rows.toLocaleString('en')} rows, acknowledged`]: seconds(importMs),
      'and landed after another': seconds(drainMs),
    },
    goals: [
      { text: `serving within ${SECONDS_MAX} s`, met: restartMs < SECONDS_MAX * 1_000 },
      { text: `import acknowledged within ${SECONDS_MAX} s`, met: importMs < SECONDS_MAX * 1_000 },
    ],
    settings: { rows, valueBytes: VALUE_BYTES, batch: BATCH, batchesInFlight: BATCHES_IN_FLIGHT },
    series: {
      recovered: seriesOf([Math.round((rows * 1_000) / restartMs)]),
      imported: seriesOf([Math.round((rows * 1_000) / importMs)]),
    },
    numbers: { restartMs, importMs, drainMs, journalMs },
  }
}

export const recover: Bench = {
  name: 'recover',
  measures: 'a start with a million un-landed writes, and an import of a million rows',
  run,
}
