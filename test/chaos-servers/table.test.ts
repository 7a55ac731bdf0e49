import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FAULTS } from '../../scripts/chaos/faults.ts'
import { ALL_CELLS, planOf } from '../../scripts/chaos/plan.ts'
import type { PlannedCell } from '../../scripts/chaos/plan.ts'
import { PROFILES } from '../../scripts/chaos/profiles.ts'
import type { RoundResult } from '../../scripts/chaos/course.ts'
import { cellsOf, exitCodeOf, shortfallOf, summaryOf, tableOf } from '../../scripts/chaos/table.ts'
import { repoRoot } from '../../scripts/repo.ts'

const planned = (fault: string, profile: string): PlannedCell => {
  const cell = ALL_CELLS.find((each) => each.fault.name === fault && each.profile === profile)
  if (cell === undefined) throw new Error(`No cell ${fault} on ${profile}`)
  return cell
}

const KILLED = planned('redis killed', 'redis')
const CUT = planned('redis aof cut', 'redis')

const result = (
  { fault, profile, promised }: PlannedCell,
  changes: Partial<RoundResult> = {},
): RoundResult => ({
  fault: fault.name,
  profile,
  promised,
  unlanded: 20,
  inFlight: 9,
  counts: true,
  breaches: [],
  lost: 0,
  reports: 0,
  acknowledged: 300,
  reads: 400,
  unknown: 2,
  settled: 1,
  recoveredMs: 400,
  tookMs: 9_000,
  phases: [],
  nodes: 'all-a/node',
  kept: undefined,
  ...changes,
})

const rowOf = (table: string, fault: string): string =>
  table.split('\n').find((line) => line.startsWith(fault)) ?? ''

describe('the table', () => {
  test('a row has what was promised, what was seen, counts over all rounds, and the time', () => {
    const results = [
      result(CUT, { lost: 3, reports: 2 }),
      result(CUT, { lost: 4, reports: 1, recoveredMs: 1_200 }),
      result(CUT, { counts: false, unlanded: 0 }),
    ]
    const table = tableOf(cellsOf([CUT], results))
    expect(rowOf(table, 'redis aof cut').split(/ {2,}/)).toEqual([
      'redis aof cut',
      'redis',
      'bounded',
      '7 lost, reported',
      '2/3',
      '40',
      '18',
      '900',
      '6',
      '1200',
      '1.2 s',
      '27.0 s',
    ])
  })

  test('a breach in one round of many is told, and fails the run', () => {
    const cells = cellsOf([KILLED], [result(KILLED), result(KILLED, { breaches: ['R1 …'] }), result(KILLED)])
    expect(rowOf(tableOf(cells), 'redis killed')).toContain('FAILED in 1 of 3')
    expect(shortfallOf(cells)).toEqual(['FAILED: redis killed on redis'])
    expect(exitCodeOf(cells)).toBe(1)
  })

  test('a cell whose rounds never counted is no success', () => {
    const cells = cellsOf([KILLED, CUT], [result(KILLED, { counts: false }), result(CUT)])
    expect(shortfallOf(cells)).toEqual(['DID NOT COUNT: redis killed on redis'])
    expect(exitCodeOf(cells)).toBe(1)
  })

  test('a cell that was not run is named, and has an exit code of its own', () => {
    const cells = cellsOf([KILLED, CUT], [result(CUT)])
    expect(rowOf(tableOf(cells), 'redis killed')).toContain('NOT RUN')
    expect(shortfallOf(cells)).toEqual(['NOT RUN: redis killed on redis'])
    expect(exitCodeOf(cells)).toBe(3)
    expect(summaryOf(cells, ALL_CELLS.length, 9_000)).toContain(
      `1 of 2 cells kept their promise, 0 failed, 0 did not count, 1 not run; ${ALL_CELLS.length - 2} more cells were not asked for`,
    )
  })

  test('with every cell kept the run is good', () => {
    expect(exitCodeOf(cellsOf([KILLED], [result(KILLED)]))).toBe(0)
  })
})

describe('the plan', () => {
  const whole = { part: 1, of: 1 }

  test('without filters it is every cell that has a promise', () => {
    expect(planOf({ faults: [], profiles: [], part: whole })).toEqual(ALL_CELLS)
  })

  test('the parts make the whole, and no cell is in two of them', () => {
    const parts = [1, 2, 3, 4].flatMap((part) => planOf({ faults: [], profiles: [], part: { part, of: 4 } }))
    expect(parts).toHaveLength(ALL_CELLS.length)
    expect(new Set(parts)).toEqual(new Set(ALL_CELLS))
  })

  test('filters leave what was asked for', () => {
    expect(planOf({ faults: ['redis aof cut'], profiles: ['redis'], part: whole })).toEqual([CUT])
  })
})

test('the page on failures has the table of promises as the harness puts them to the test', () => {
  const page = readFileSync(join(repoRoot, 'docs', 'what-happens-if.md'), 'utf8')
  const rows = FAULTS.map(
    ({ name, promised }) =>
      `| ${[name, ...PROFILES.map((profile) => promised[profile] ?? '—')].join(' | ')} |`,
  )
  expect(
    page
      .split('\n')
      .filter((line) => /^\| (?:redis|replica|mariadb|process|everything|zombie|rolling) /.test(line)),
  ).toEqual(rows)
})
