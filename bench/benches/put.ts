/**
 * Durable puts of the library, 256 in flight, against SQLite's own group commit of the same bytes.
 *
 * Contestants: `put` (landing deferred), `putWhileLanding` (landing on the same machine, as it is in production) and
 * `groupCommit`, a loop in a worker thread that has nothing to do but to commit 256 rows at a time.
 */
import { join } from 'node:path'
import { startBare } from '../baselines/bare.ts'
import { forms } from '../form.ts'
import { rateInFlight } from '../in-flight.ts'
import { percent, perSecond } from '../result.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { interleaved } from '../rounds.ts'
import { openTier, recordsOf, scratchFolder } from '../scratch.ts'

const IN_FLIGHT = 256
const VALUE_BYTES = 500
const KEYS = 100_000
const SHARE_MIN = 0.6
const RATE_MIN_ON_BUN = 100_000

async function putRound(role: 'all' | 'api', ms: number): Promise<number> {
  await using folder = await scratchFolder()
  const values = forms(VALUE_BYTES)
  const tier = await openTier(folder.path, role)
  try {
    const records = recordsOf(tier)
    const put = (n: number): Promise<unknown> =>
      records.put(`candidate-${n % KEYS}`, values[n % values.length])
    // The tier's threads are new in each round: as long again, so that they run what was compiled for them.
    await rateInFlight(IN_FLIGHT, ms, put)
    return await rateInFlight(IN_FLIGHT, ms, put)
  } finally {
    // What has not landed stays in the folder, which goes.
    await tier.close({ drainMs: 0 })
  }
}

async function groupCommitRound(ms: number): Promise<number> {
  await using folder = await scratchFolder()
  await using bare = startBare()
  const path = join(folder.path, 'bare.db')
  return await bare.call({ kind: 'group-commit', path, rowsPerCommit: IN_FLIGHT, rowBytes: VALUE_BYTES, ms })
}

async function run(size: Size): Promise<Finding> {
  const ms = size === 'tiny' ? 50 : 2_000
  const rounds = size === 'tiny' ? 1 : 5
  const series = await interleaved(
    {
      groupCommit: () => groupCommitRound(ms),
      put: () => putRound('api', ms),
      putWhileLanding: () => putRound('all', ms),
    },
    rounds,
  )
  const base = series.groupCommit.median
  const share = series.put.median / base
  const onBun = process.versions['bun'] !== undefined
  return {
    headline: {
      'durable puts, landing deferred': `${perSecond(series.put.median)} = ${percent(share)} of bare group commit`,
      'durable puts while landing': `${perSecond(series.putWhileLanding.median)} = ${percent(series.putWhileLanding.median / base)}`,
      'bare SQLite group commit of 256 rows': perSecond(base),
    },
    goals: [
      { text: `put ≥ ${percent(SHARE_MIN)} of bare group commit`, met: share >= SHARE_MIN },
      ...(onBun ? [{ text: 'put ≥ 100,000/s on Bun', met: series.put.median >= RATE_MIN_ON_BUN }] : []),
    ],
    settings: { inFlight: IN_FLIGHT, valueBytes: VALUE_BYTES, keys: KEYS, roundMs: ms, rounds },
    series,
    numbers: { share, shareWhileLanding: series.putWhileLanding.median / base },
  }
}

export const put: Bench = {
  name: 'put',
  measures: 'durable puts of the library against bare SQLite group commit',
  run,
}
