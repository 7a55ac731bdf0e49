/**
 * The short run of `npm run chaos`: one round of the faults that differ most, on each profile. What a round does, and
 * how it is judged: scripts/chaos/round.ts, judge.ts.
 */
import { expect, test } from 'vitest'
import { FAULTS } from '../../scripts/chaos/faults.ts'
import type { Fault } from '../../scripts/chaos/fault.ts'
import type { ProfileName } from '../../scripts/chaos/profiles.ts'
import { runUntilItCounts } from '../../scripts/chaos/round.ts'
import type { RoundOptions, RoundResult } from '../../scripts/chaos/course.ts'
import { lineOf } from '../../scripts/chaos/table.ts'
import type { RuntimeName } from '../scenarios/served.ts'

const ROUND_MS_MAX = 180_000
const SEED = 4
const PAUSE_MS = 12_000

const rounds: [string, ProfileName, RuntimeName?][] = [
  ['redis killed', 'redis'],
  ['redis aof cut', 'redis'],
  ['replica promoted', 'redis'],
  ['replica promoted', 'redis+wait'],
  ['redis flushed', 'redis+sqlite'],
  ['redis replies cut', 'redis'],
  ['mariadb commit unanswered', 'redis'],
  ['mariadb restored', 'embedded'],
  ['process killed', 'redis'],
  ['zombie lander', 'redis'],
  ['rolling restart', 'redis', 'node'],
  ['rolling restart', 'redis', 'bun'],
]

function faultOf(name: string): Fault {
  const fault = FAULTS.find((each) => each.name === name)
  if (fault === undefined) throw new Error(`No fault is called ${name}`)
  return fault
}

const round = (
  name: string,
  profile: ProfileName,
  changes: Pick<RoundOptions, 'forgetful' | 'runtime' | 'tamper'> = {},
): Promise<RoundResult> =>
  runUntilItCounts({ fault: faultOf(name), profile, seed: SEED, pauseMs: PAUSE_MS, ...changes }, (result) =>
    console.log(lineOf(result)),
  )

const titled = rounds.map(([name, profile, runtime]) => ({
  title: `${name} on ${profile}${runtime === undefined ? '' : `, processes on ${runtime}`}`,
  name,
  profile,
  runtime,
}))

test.each(titled)(
  '$title: the promise holds',
  { timeout: ROUND_MS_MAX },
  async ({ name, profile, runtime }) => {
    const result = await round(name, profile, { runtime })
    expect(result.breaches).toEqual([])
    expect(result.counts).toBe(true)
  },
)

test(
  'the verdict names an acknowledged write that somebody takes out of SQL by hand',
  { timeout: ROUND_MS_MAX },
  async () => {
    let taken: string | undefined
    const result = await round('process killed', 'redis', {
      tamper: async (world) => {
        taken = [...(await world.rows()).keys()].find((key) => key.startsWith('w'))
        await world.mariadb.ask(`DELETE FROM chaos.spillway_records WHERE record_key = '${taken}'`)
      },
    })
    expect(result.breaches.filter((breach) => breach.startsWith(`R6 ${taken}: `))).not.toEqual([])
    // And so does spillway itself.
    expect(result.breaches.filter((breach) => breach.startsWith('verify: exit 6'))).not.toEqual([])
  },
)

test(
  'the verdict finds a Redis that acknowledges what is on no disk',
  { timeout: ROUND_MS_MAX },
  async () => {
    const result = await round('redis killed', 'redis', { forgetful: true })
    expect(result.breaches.filter((breach) => breach.startsWith('R1 '))).not.toEqual([])
  },
)
