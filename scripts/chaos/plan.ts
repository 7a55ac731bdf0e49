/**
 * Which cells of fault × profile a run is to fill, and which it leaves for another one.
 *
 *   all that a profile promises something for ──▶ --fault, --profile ──▶ --part K/N ──▶ asked
 */
import type { Fault, Promised } from './fault.ts'
import { FAULTS } from './faults.ts'
import { PROFILES } from './profiles.ts'
import type { ProfileName } from './profiles.ts'

export interface PlannedCell {
  readonly fault: Fault
  readonly profile: ProfileName
  readonly promised: Promised
}

export interface Wanted {
  /** None: all. */
  readonly faults: readonly string[]
  readonly profiles: readonly string[]
  /** Every `of`th cell, from the `part`th on, so that each part has something of everything. */
  readonly part: { readonly part: number; readonly of: number }
}

/** Every cell that there is, row by row. */
export const ALL_CELLS: readonly PlannedCell[] = FAULTS.flatMap((fault) =>
  PROFILES.flatMap((profile) => {
    const promised = fault.promised[profile]
    return promised === undefined ? [] : [{ fault, profile, promised }]
  }),
)

export function planOf({ faults, profiles, part: { part, of } }: Wanted): PlannedCell[] {
  return ALL_CELLS.filter(
    ({ fault, profile }) =>
      (faults.length === 0 || faults.includes(fault.name)) &&
      (profiles.length === 0 || profiles.includes(profile)),
  ).filter((_, at) => at % of === part - 1)
}

/** Why a profile has no cell in a fault's row. */
export function reasonWithout(fault: Fault, profile: ProfileName): string {
  if (profile === 'embedded' && fault.name.startsWith('redis')) return 'no Redis'
  if (profile === 'embedded' && fault.needsReplica === true) return 'no Redis'
  return fault.notElsewhere ?? 'not promised'
}
