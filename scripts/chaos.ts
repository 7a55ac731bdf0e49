/**
 * `npm run chaos -- --rounds N --seed S [--fault NAME] [--profile NAME] [--short] [--pause MS]`
 *
 * Real servers and processes, real faults, under load; the verdict comes from client histories and SQL alone. Prints
 * a line for each round and the table fault × profile. Exit code 1 if a round breaks its promise, or if no round of
 * a cell had writes un-landed and requests in flight at the fault.
 */
import { parseArgs } from 'node:util'
import { endAll } from '../test/scenarios/served.ts'
import { FAULTS } from './chaos/faults.ts'
import { PROFILES } from './chaos/profiles.ts'
import type { ProfileName } from './chaos/profiles.ts'
import { runRound } from './chaos/round.ts'
import type { RoundResult } from './chaos/round.ts'
import { cellOf, lineOf, tableOf } from './chaos/table.ts'

const BREACHES_SHOWN = 6
/** A round that does not count is repeated so often, at most. */
const TRIES_MAX = 3

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    fault: { type: 'string', multiple: true, default: [] },
    profile: { type: 'string', multiple: true, default: [] },
    pause: { type: 'string', default: '12000' },
    list: { type: 'boolean', default: false },
  },
})

function refuse(why: string): never {
  console.error(`chaos: ${why}`)
  process.exit(2)
}

const faultNames: readonly string[] = FAULTS.map(({ name }) => name)
const profileNames: readonly string[] = PROFILES
for (const name of values.fault)
  if (!faultNames.includes(name)) refuse(`no fault is called ${name}; there are: ${faultNames.join(', ')}`)
for (const name of values.profile)
  if (!profileNames.includes(name))
    refuse(`no profile is called ${name}; there are: ${profileNames.join(', ')}`)
if (values.list) {
  for (const { name, does, promised } of FAULTS) {
    console.log(`${name.padEnd(26)}${does}`)
    for (const [profile, promise] of Object.entries(promised))
      console.log(`${' '.repeat(26)}  ${profile}: ${promise}`)
  }
  process.exit(0)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void endAll().finally(() => process.exit(1)))

const seed = Number(values.seed)
const results: RoundResult[] = []

async function runCell(fault: (typeof FAULTS)[number], profile: ProfileName, round: number): Promise<void> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
    const options = { fault, profile, seed: seed + round, round: attempt, pauseMs: Number(values.pause) }
    const result = await runRound(options)
    console.log(lineOf(result))
    for (const breach of result.breaches.slice(0, BREACHES_SHOWN)) console.log(`    ${breach}`)
    if (result.kept !== undefined) {
      console.log(`    history and logs: ${result.kept}`)
      console.log(
        `    again: npm run chaos -- --fault '${fault.name}' --profile ${profile} --seed ${seed + round}`,
      )
    }
    if (result.counts || result.breaches.length > 0 || attempt === TRIES_MAX - 1) {
      results.push(result)
      return
    }
  }
}

for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const fault of FAULTS) {
    if (values.fault.length > 0 && !values.fault.includes(fault.name)) continue
    for (const profile of PROFILES) {
      if (fault.promised[profile] === undefined) continue
      if (values.profile.length > 0 && !values.profile.includes(profile)) continue
      await runCell(fault, profile, round)
    }
  }
}
console.log(`\n${tableOf(results)}`)
const cells = FAULTS.flatMap(({ name }) =>
  PROFILES.map((profile) =>
    cellOf(results.filter((result) => result.fault === name && result.profile === profile)),
  ),
)
const failed = cells.reduce((sum, cell) => sum + cell.failed, 0)
const counted = results.filter(({ counts }) => counts)
console.log(
  `\n${results.length} rounds, ${counted.length} with writes un-landed and requests in flight at the fault; ${failed} failed`,
)
process.exit(failed > 0 ? 1 : 0)
