/**
 * What this process knows of the database's position in one partition: how far writes have landed.
 */
import { PositionWaiters } from '../kit/gate.ts'
import { Signal } from '../kit/signal.ts'
import { ORIGIN } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { LedgerCounts } from '../model/ledger.ts'
import { EMPTY_LEDGER } from '../model/ledger.ts'

export class Landed {
  /** Raised when somebody begins to wait: landing has no reason to pause any more. */
  readonly asked = new Signal()
  readonly #waiters = new PositionWaiters({ name: 'landing', waitersMax: 100_000 })
  #position: Position = ORIGIN
  #counts: LedgerCounts = EMPTY_LEDGER

  get position(): Position {
    return this.#position
  }

  /** Whether anybody waits. */
  get waited(): boolean {
    return this.#waiters.waiting > 0
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
    const reached = this.#waiters.wait(position, signal)
    this.asked.raise()
    return reached
  }

  close(): void {
    this.#waiters.close()
  }
}
