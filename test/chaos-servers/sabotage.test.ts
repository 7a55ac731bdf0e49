/** The verdict catches what is broken on purpose: in the sources, in the stores, and in SQL by hand. */
import { rm } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { FAULTS } from '../../scripts/chaos/faults.ts'
import type { Fault } from '../../scripts/chaos/fault.ts'
import { runUntilItCounts } from '../../scripts/chaos/round.ts'
import { lineOf } from '../../scripts/chaos/table.ts'
import { SABOTAGES, sabotaged } from './sabotage.ts'

const ROUND_MS_MAX = 180_000
const SEED = 4
const PAUSE_MS = 12_000
/** What is broken so that it never comes is not waited for as long. */
const WAIT_MS = 12_000

test.each(SABOTAGES)('the verdict finds: $name', { timeout: ROUND_MS_MAX }, async (sabotage) => {
  const project = await sabotaged(sabotage)
  onTestFinished(() => rm(project, { recursive: true, force: true }))
  const { profile, runtime, foundAs } = sabotage
  const fault = FAULTS.find(({ name }) => name === sabotage.fault) as Fault
  const result = await runUntilItCounts({
    fault,
    profile,
    runtime,
    project,
    seed: SEED,
    pauseMs: PAUSE_MS,
    waitMs: WAIT_MS,
  })
  console.log([lineOf(result), ...result.breaches.slice(0, 4)].join('\n    '))
  expect(result.breaches.filter((breach) => foundAs.test(breach))).not.toEqual([])
})
