/**
 * Rounds in turn: A B A B …, so that whatever else the machine does meets all contestants alike. The first round
 * of each warms up and is not counted. What is compared are medians, and what is reported first is their ratio.
 */

/** One measured round of one contestant: work per second. */
export type Round = () => Promise<number>

export interface Series {
  /** Each counted round, in the order they ran. */
  readonly rounds: readonly number[]
  readonly median: number
}

export async function interleaved<Name extends string>(
  contestants: Readonly<Record<Name, Round>>,
  rounds: number,
): Promise<Record<Name, Series>> {
  const names = Object.keys(contestants) as Name[]
  const seen = new Map<Name, number[]>(names.map((name) => [name, []]))
  for (let round = 0; round <= rounds; round += 1) {
    for (const name of names) {
      const rate = await contestants[name]()
      if (round > 0) seen.get(name)?.push(Math.round(rate))
    }
  }
  const series = names.map((name) => [name, seriesOf(seen.get(name) ?? [])] as const)
  return Object.fromEntries(series) as Record<Name, Series>
}

export function seriesOf(rounds: readonly number[]): Series {
  return { rounds, median: median(rounds) }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}
