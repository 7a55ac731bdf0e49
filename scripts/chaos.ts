/**
 * `npm run chaos -- --rounds N --seed S [--fault NAME] [--profile NAME] [--pause MS] [--list]`
 *
 * --rounds   of each fault on each profile, each with a seed of its own; default 1
 * --fault, --profile   only these; may be given several times
 * --pause    how long a process is paused; default 12000, a minute is 60000
 * --list     prints the faults, and what each profile promises
 *
 * Real servers and processes, real faults, under load; the verdict comes from client histories and SQL alone. Prints
 * a line for each round and the table fault × profile. Exit code 1 if a round breaks its promise, or if no round of
 * a cell had writes un-landed and requests in flight at the fault.
 */
import { parseArgs } from 'node:util'
import { endAll } from '../test/scenarios/served.ts'
import { FAULTS } from './chaos/faults.ts'
import type { Fault } from './chaos/fault.ts'
import { PROFILES } from './chaos/profiles.ts'
import type { ProfileName } from './chaos/profiles.ts'
import { runUntilItCounts } from './chaos/round.ts'
import type { RoundResult } from './chaos/round.ts'
import { cellOf, lineOf, tableOf } from './chaos/table.ts'

const BREACHES_SHOWN = 6

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

function tell(result: RoundResult, again: string): void {
  console.log(lineOf(result))
  for (const breach of result.breaches.slice(0, BREACHES_SHOWN)) console.log(`    ${breach}`)
  if (result.kept === undefined) return
  console.log(`    history and logs: ${result.kept}`)
  console.log(`    again: npm run chaos -- ${again}`)
}

async function runCell(fault: Fault, profile: ProfileName, seed: number): Promise<void> {
  const again = `--fault '${fault.name}' --profile ${profile} --seed ${seed}`
  const options = { fault, profile, seed, pauseMs: Number(values.pause) }
  results.push(await runUntilItCounts(options, (result) => tell(result, again)))
}

for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const fault of FAULTS) {
    if (values.fault.length > 0 && !values.fault.includes(fault.name)) continue
    for (const profile of PROFILES) {
      if (fault.promised[profile] === undefined) continue
      if (values.profile.length > 0 && !values.profile.includes(profile)) continue
      await runCell(fault, profile, seed + round)
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
