/**
 * The ledger: what became of every accepted write, exactly, per partition.
 *
 *   accepted = landed + superseded + refused + parked + pending
 *
 * The database keeps these counters in the transaction that lands, so they stand at its position. `pending` is
 * what the journal holds beyond that position. Void entries and control entries take positions and are counted
 * here only so that `verify` can prove that no position is unaccounted for.
 */

export interface LedgerCounts {
  readonly landed: number
  readonly superseded: number
  readonly refused: number
  /** A gauge: a parked write may become landed or superseded later. */
  readonly parked: number
  /** Positions of void writes. */
  readonly voided: number
  /** Positions of control entries, opening entries not included. */
  readonly control: number
}

export const EMPTY_LEDGER: LedgerCounts = {
  landed: 0,
  superseded: 0,
  refused: 0,
  parked: 0,
  voided: 0,
  control: 0,
}

export function addLedger(a: LedgerCounts, b: LedgerCounts): LedgerCounts {
  return {
    landed: a.landed + b.landed,
    superseded: a.superseded + b.superseded,
    refused: a.refused + b.refused,
    parked: a.parked + b.parked,
    voided: a.voided + b.voided,
    control: a.control + b.control,
  }
}

/** Writes in the journal up to the position of these counters that are neither control entries nor void. */
export function acceptedOf(counts: LedgerCounts): number {
  return counts.landed + counts.superseded + counts.refused + counts.parked
}
