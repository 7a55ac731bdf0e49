/**
 * What this process knows of the database's position in one partition: how far writes have landed.
 */
import { PositionWaiters } from '../kit/gate.ts'
import { ORIGIN } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { LedgerCounts } from '../model/ledger.ts'
import { EMPTY_LEDGER } from '../model/ledger.ts'

export class Landed {
  readonly #waiters = new PositionWaiters({ name: 'landing', waitersMax: 100_000 })
  #position: Position = ORIGIN
  #counts: LedgerCounts = EMPTY_LEDGER

  get position(): Position {
    return this.#position
  }

  /** At `position`. */
  get counts(): LedgerCounts {
    return this.#counts
  }

  /** The database is there now. It may be further back than before: a database that lost commits lands again. */
  note(position: Position, counts: LedgerCounts): void {
    this.#position = position
    this.#counts = counts
    this.#waiters.retreat(position)
    this.#waiters.advance(position)
  }

  /** Resolves once the database has reached `position`. */
  reached(position: Position, signal?: AbortSignal): Promise<void> {
    if (this.#position >= position) return Promise.resolve()
    return this.#waiters.wait(position, signal)
  }

  close(): void {
    this.#waiters.close()
  }
}
