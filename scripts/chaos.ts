/**
 * `npm run chaos -- [--rounds N] [--seed S] [--fault NAME] [--profile NAME] [--part K/N] [--budget SECONDS]
 *                   [--runtime node|bun] [--pause MS] [--keep] [--list]`
 *
 * --rounds   of each fault on each profile, each with a seed of its own; default 1
 * --fault, --profile   only these; may be given several times
 * --part     every Nth cell of those, from the Kth on: N such runs make the whole
 * --budget   no round begins after so many seconds; what is left out then is named, and the exit code is 3
 * --runtime  of all processes; default: drawn for each
 * --pause    how long a process is paused; default 60000
 * --keep     history and logs of every round in .cache/chaos; else only of those that fail
 * --list     prints the faults, what each profile promises, and why one has no promise
 *
 * Real servers and processes, real faults, under load; the verdict comes from client histories and SQL alone. Prints
 * a line for each round, then a row for each cell of fault × profile, and a summary. All of it takes about 25 minutes
 * on two cores.
 *
 * Exit codes: 0, every cell that was asked for kept its promise; 1, one did not, or none of its rounds had writes
 * un-landed and requests in flight at the fault; 2, the command line; 3, not everything that was asked for was run;
 * 130 and 143, SIGINT and SIGTERM: the round ends at once, its servers and folder are gone, and the table is printed.
 */
import { parseArgs } from 'node:util'
import type { RuntimeName } from '../test/scenarios/served.ts'
import { FAULTS } from './chaos/faults.ts'
import { ALL_CELLS, planOf, reasonWithout } from './chaos/plan.ts'
import type { PlannedCell } from './chaos/plan.ts'
import { PROFILES } from './chaos/profiles.ts'
import { runUntilItCounts } from './chaos/round.ts'
import type { RoundResult } from './chaos/course.ts'
import { parsed } from './usage.ts'
import { cellsOf, exitCodeOf, lineOf, shortfallOf, summaryOf, tableOf } from './chaos/table.ts'

const BREACHES_SHOWN = 6
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

const { values } = parsed(import.meta.url, () =>
  parseArgs({
    options: {
      rounds: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      fault: { type: 'string', multiple: true, default: [] },
      profile: { type: 'string', multiple: true, default: [] },
      part: { type: 'string', default: '1/1' },
      budget: { type: 'string' },
      runtime: { type: 'string' },
      pause: { type: 'string', default: '60000' },
      keep: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
    },
  }),
)

function refuse(why: string): never {
  console.error(`chaos: ${why}`)
  process.exit(2)
}

function runtimeOf(name: string | undefined): RuntimeName | undefined {
  if (name === undefined || name === 'node' || name === 'bun') return name
  return refuse(`--runtime is node or bun, not ${name}`)
}

function mustBeOneOf(what: string, given: readonly string[], known: readonly string[]): void {
  for (const name of given)
    if (!known.includes(name)) refuse(`no ${what} is called ${name}; there are: ${known.join(', ')}`)
}

function wholeNumber(flag: string, text: string, least: number): number {
  if (!/^\d+$/.test(text) || Number(text) < least)
    refuse(`--${flag} is a whole number from ${least} on, not ${text}`)
  return Number(text)
}

function partOf(text: string): { part: number; of: number } {
  const [part = 0, of = 0] = text.split('/').map(Number)
  if (!/^\d+\/\d+$/.test(text) || part < 1 || part > of) refuse(`--part is K/N, such as 1/4, not ${text}`)
  return { part, of }
}

mustBeOneOf(
  'fault',
  values.fault,
  FAULTS.map(({ name }) => name),
)
mustBeOneOf('profile', values.profile, PROFILES)
const runtime = runtimeOf(values.runtime)
const rounds = wholeNumber('rounds', values.rounds, 1)
const seed = wholeNumber('seed', values.seed, 0)
const pauseMs = wholeNumber('pause', values.pause, 1)
const budgetMs = values.budget === undefined ? Infinity : wholeNumber('budget', values.budget, 1) * 1_000
const plan = planOf({ faults: values.fault, profiles: values.profile, part: partOf(values.part) })

if (values.list) {
  for (const fault of FAULTS) {
    console.log(`${fault.name.padEnd(26)}${fault.does}`)
    for (const profile of PROFILES)
      console.log(
        `${' '.repeat(26)}  ${profile}: ${fault.promised[profile] ?? `— (${reasonWithout(fault, profile)})`}`,
      )
  }
  process.exit(0)
}
if (plan.length === 0) refuse('no profile that was asked for can have a fault that was asked for')

const began = performance.now()
const stop = new AbortController()
let stoppedBy: keyof typeof SIGNALS | undefined
for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[])
  process.on(signal, () => {
    // What is left is ended and removed as the process exits.
    if (stoppedBy !== undefined) process.exit(SIGNALS[signal])
    stoppedBy = signal
    console.log(`${signal}: ending the round and its servers; again: at once`)
    stop.abort(new Error(signal))
  })

const results: RoundResult[] = []

function tell(result: RoundResult, at: string, again: string): void {
  console.log(`${at} ${lineOf(result)}`)
  for (const breach of result.breaches.slice(0, BREACHES_SHOWN)) console.log(`    ${breach}`)
  if (result.kept === undefined) return
  console.log(`    history and logs: ${result.kept}`)
  if (result.breaches.length > 0) console.log(`    again: npm run chaos -- ${again}`)
}

async function runCell({ fault, profile }: PlannedCell, seed: number, at: string): Promise<void> {
  const again = [
    `--fault '${fault.name}' --profile ${profile} --seed ${seed} --pause ${pauseMs}`,
    ...(runtime === undefined ? [] : [`--runtime ${runtime}`]),
  ].join(' ')
  const options = { fault, profile, seed, pauseMs, runtime, keep: values.keep, signal: stop.signal }
  results.push(await runUntilItCounts(options, (result) => tell(result, at, again)))
}

async function runAll(): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, cell] of plan.entries()) {
      if (stop.signal.aborted || performance.now() - began > budgetMs) return
      await runCell(cell, seed + round, `[${round * plan.length + at + 1}/${rounds * plan.length}]`)
    }
  }
}

console.log(
  `chaos: ${plan.length} of ${ALL_CELLS.length} cells, ${rounds} round${rounds === 1 ? '' : 's'} each, seed ${seed}, pauses of ${pauseMs / 1_000} s`,
)
try {
  await runAll()
} catch (error) {
  // Only a round that was given up rejects so; anything else is a defect of this program.
  if (!stop.signal.aborted) throw error
}
const cells = cellsOf(plan, results, rounds)
console.log(`\n${tableOf(cells)}\n`)
for (const line of shortfallOf(cells)) console.log(line)
console.log(summaryOf(cells, ALL_CELLS.length, performance.now() - began))
process.exit(stoppedBy === undefined ? exitCodeOf(cells) : SIGNALS[stoppedBy])
