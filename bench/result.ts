/** What a bench finds, as it is printed and kept in `bench/results/`. */
import type { Series } from './rounds.ts'

export interface Goal {
  /** What must hold, for people. */
  readonly text: string
  readonly met: boolean
}

export interface Finding {
  /** The numbers to read first, one line each: `what: value`. */
  readonly headline: Readonly<Record<string, string>>
  readonly goals: readonly Goal[]
  /** Sizes, counts and settings that the numbers depend on. */
  readonly settings: Readonly<Record<string, string | number>>
  /** Every counted round, per contestant, in work per second. */
  readonly series: Readonly<Record<string, Series>>
  /** What else was measured. */
  readonly numbers: Readonly<Record<string, number>>
}

export interface Bench {
  readonly name: string
  readonly measures: string
  run(size: Size): Promise<Finding>
}

/** `tiny` runs in well under a second or two: it proves that the bench works, and no number of it means anything. */
export type Size = 'full' | 'tiny'

export function perSecond(rate: number): string {
  return `${Math.round(rate).toLocaleString('en')}/s`
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
