/** The table fault × profile with its verdicts, as it is printed. */
import { PROFILES } from './profiles.ts'
import type { ProfileName } from './profiles.ts'
import type { RoundResult } from './round.ts'

export interface Cell {
  readonly rounds: number
  readonly failed: number
  readonly text: string
}

/** A failure is told first; what was lost is counted; rounds that did not count are named. */
export function cellOf(results: readonly RoundResult[]): Cell {
  const counted = results.filter(({ counts }) => counts)
  const failed = results.filter(({ breaches }) => breaches.length > 0)
  const [first] = results
  if (first === undefined) return { rounds: 0, failed: 0, text: '' }
  const lost = results.reduce((sum, result) => sum + result.lost, 0)
  const verdict =
    failed.length > 0
      ? `FAILED ${failed.length}/${results.length}`
      : counted.length === 0
        ? 'DID NOT COUNT'
        : first.promised === 'none lost'
          ? `none lost ${counted.length}/${results.length}`
          : `bounded ${counted.length}/${results.length}, lost ${lost}`
  return { rounds: counted.length, failed: failed.length + Number(counted.length === 0), text: verdict }
}

export function tableOf(
  results: readonly RoundResult[],
  profiles: readonly ProfileName[] = PROFILES,
): string {
  const shown = profiles.filter((profile) => results.some((result) => result.profile === profile))
  const faults = [...new Set(results.map(({ fault }) => fault))]
  const rows = faults.map((fault) => [
    fault,
    ...shown.map((profile) => {
      const cell = cellOf(results.filter((result) => result.fault === fault && result.profile === profile))
      return cell.text === '' ? '—' : cell.text
    }),
  ])
  const all = [['fault', ...shown], ...rows]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? []
  return all
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
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
  return [
    `${result.fault} on ${result.profile}: ${verdict};`,
    `at the fault ${result.inFlight} in flight, ${result.unlanded} un-landed;`,
    `${result.acknowledged} acknowledged, ${result.unknown} unknown, ${result.settled} settled, ${result.reads} reads;`,
    `serves again after ${Math.round(result.recoveredMs)} ms; ${(result.tookMs / 1_000).toFixed(1)} s (${result.nodes})`,
  ].join(' ')
}
