/** What a run says: a line for each round as it ends, the table with a row for each cell, and the last line. */
import type { PlannedCell } from './plan.ts'
import type { RoundResult } from './course.ts'

/**
 *   kept            every round did what the profile promises, and at least one counted
 *   failed          a round broke the promise
 *   did not count   in no round were writes un-landed and requests in flight at the fault
 *   not run         the time was over, or somebody stopped the run, before all rounds of the cell were run
 */
export type Verdict = 'kept' | 'FAILED' | 'DID NOT COUNT' | 'NOT RUN'

export interface Cell extends PlannedCell {
  readonly results: readonly RoundResult[]
  readonly verdict: Verdict
}

/** `rounds` of each cell were asked for. */
export function cellsOf(plan: readonly PlannedCell[], results: readonly RoundResult[], rounds = 1): Cell[] {
  return plan.map((planned) => {
    const own = results.filter(
      ({ fault, profile }) => fault === planned.fault.name && profile === planned.profile,
    )
    return { ...planned, results: own, verdict: verdictOf(own, rounds) }
  })
}

function verdictOf(results: readonly RoundResult[], rounds: number): Verdict {
  if (results.length === 0) return 'NOT RUN'
  if (results.some(({ breaches }) => breaches.length > 0)) return 'FAILED'
  if (!results.some(({ counts }) => counts)) return 'DID NOT COUNT'
  return results.length < rounds ? 'NOT RUN' : 'kept'
}

const sum = (results: readonly RoundResult[], of: (result: RoundResult) => number): number =>
  results.reduce((total, result) => total + of(result), 0)

function observed({ verdict, results }: Cell): string {
  if (verdict === 'FAILED') {
    const failed = results.filter(({ breaches }) => breaches.length > 0).length
    return `FAILED in ${failed} of ${results.length}`
  }
  if (verdict !== 'kept') return verdict
  const lost = sum(results, (result) => result.lost)
  return lost === 0 ? 'none lost' : `${lost} lost, reported`
}

const HEAD = [
  'fault',
  'profile',
  'promised',
  'observed',
  'rounds',
  'un-landed',
  'in flight',
  'acknowledged',
  'unknown',
  'reads',
  'again after',
  'took',
] as const
/** Text is read from the left, numbers from the right. */
const TEXT_COLUMNS = 4

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

function rowOf(cell: Cell): string[] {
  const { fault, profile, promised, results } = cell
  const counted = results.filter(({ counts }) => counts)
  const row = [fault.name, profile, promised, observed(cell)]
  if (results.length === 0) return row
  return [
    ...row,
    `${counted.length}/${results.length}`,
    `${sum(counted, ({ unlanded }) => unlanded)}`,
    `${sum(counted, ({ inFlight }) => inFlight)}`,
    `${sum(results, ({ acknowledged }) => acknowledged)}`,
    `${sum(results, ({ unknown }) => unknown)}`,
    `${sum(results, ({ reads }) => reads)}`,
    seconds(Math.max(...results.map(({ recoveredMs }) => recoveredMs))),
    seconds(sum(results, ({ tookMs }) => tookMs)),
  ]
}

const LEGEND = `promised      what the profile says it survives; bounded: only what came after the surviving copy, and a log says so
observed      by client histories and SQL alone
rounds        that counted (writes un-landed and requests in flight at the fault), of those that were run
un-landed     acknowledged writes that SQL did not have at the fault; in flight: requests then; both over rounds that counted
unknown       writes without a known outcome: each had one effect or none
again after   the longest time from the end of the fault until every process had acknowledged a write again`

export function tableOf(cells: readonly Cell[]): string {
  const rows = [[...HEAD], ...cells.map(rowOf)]
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((text, column) =>
        column < TEXT_COLUMNS ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n\n${LEGEND}`
}

/** Cells that are not as they should be, by name. */
export function shortfallOf(cells: readonly Cell[]): string[] {
  return cells
    .filter(({ verdict }) => verdict !== 'kept')
    .map(({ fault, profile, verdict }) => `${verdict}: ${fault.name} on ${profile}`)
}

export function summaryOf(cells: readonly Cell[], allCells: number, tookMs: number): string {
  const count = (verdict: Verdict): number => cells.filter((cell) => cell.verdict === verdict).length
  const results = cells.flatMap((cell) => cell.results)
  const lost = sum(results, (result) => result.lost)
  const parts = [
    `${count('kept')} of ${cells.length} cells kept their promise`,
    `${count('FAILED')} failed`,
    `${count('DID NOT COUNT')} did not count`,
    `${count('NOT RUN')} not run`,
  ]
  const rest = allCells - cells.length
  return [
    `${parts.join(', ')}`,
    ...(rest > 0 ? [`${rest} more cells were not asked for`] : []),
    `${results.length} rounds, ${sum(results, (result) => result.acknowledged)} acknowledged writes, ${lost} of them lost where that is bounded`,
    seconds(tookMs),
  ].join('; ')
}

/** 0: every cell kept its promise. 1: one failed or did not count. 3: what was run is good, and some was not. */
export function exitCodeOf(cells: readonly Cell[]): 0 | 1 | 3 {
  const verdicts = new Set(cells.map(({ verdict }) => verdict))
  if (verdicts.has('FAILED') || verdicts.has('DID NOT COUNT')) return 1
  return verdicts.has('NOT RUN') ? 3 : 0
}

/** One round in a line, as it ends. */
export function lineOf(result: RoundResult): string {
  const verdict =
    result.breaches.length > 0
      ? `FAILED (${result.breaches.length})`
      : !result.counts
        ? 'does not count'
        : result.promised === 'none lost'
          ? 'none lost'
          : `bounded, lost ${result.lost}, reported ${result.reports}`
  const phases = result.phases.map(({ name, ms }) => `${name} ${(ms / 1_000).toFixed(1)}`)
  return [
    `${result.fault} on ${result.profile}: ${verdict};`,
    `at the fault ${result.inFlight} in flight, ${result.unlanded} un-landed;`,
    `${result.acknowledged} acknowledged, ${result.unknown} unknown, ${result.settled} settled, ${result.reads} reads;`,
    `serves again after ${Math.round(result.recoveredMs)} ms; ${seconds(result.tookMs)} = ${phases.join(' + ')} (${result.nodes})`,
  ].join(' ')
}
