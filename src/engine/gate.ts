/**
 * The gate: when this process may serve reads of a partition.
 *
 *              proof: through reached the end as of t0           any sign of change
 *   closed ────────────────────────────────────────────▶ open ────────────────────▶ closed
 *                                                          │ proof older than confirmMs,
 *                                                          └ where others append: stale
 *
 * A front may have been flipped, emptied or set back since the last call. So every answer is compared with what
 * was seen before the call was *sent* (`admits`); one that shows a change is not served and closes the gate. It
 * opens again only by a proof that began after the change was noticed: the journal's end was learned, and this
 * very front has reached it since.
 *
 * Where this process is the only appender and the front is its own memory, one proof at start lasts for ever.
 */
import type { Clock } from '../kit/clock.ts'
import type { Position } from '../model/position.ts'
import { ORIGIN } from '../model/position.ts'
import type { FrontSeen } from '../ports/front.ts'

/** When a proof began; worthless once something has changed since. */
export interface Proof {
  readonly epoch: number
  readonly at: number
}

export class Gate {
  readonly #clock: Clock
  /** Infinity where a proof does not age. */
  readonly #confirmMs: number
  #identity: string | undefined
  #through: Position = ORIGIN
  #provenAt: number | undefined
  #epoch = 0
  readonly #onMoved: (() => void) | undefined

  /** `onMoved`: an answer showed the front further than any before it. */
  constructor(clock: Clock, confirmMs: number, onMoved?: () => void) {
    this.#clock = clock
    this.#confirmMs = confirmMs
    this.#onMoved = onMoved
  }

  /** What a call has to remember when it is sent. */
  get through(): Position {
    return this.#through
  }

  /**
   * Changes whenever the gate closes. An answer is served only in the epoch in which its call was sent: of two
   * calls on their way to a front that was flipped, the first answer closes the gate, and the second looks no
   * different from what the gate has seen by then.
   */
  get epoch(): number {
    return this.#epoch
  }

  get open(): boolean {
    if (this.#provenAt === undefined) return false
    return (
      this.#confirmMs === Number.POSITIVE_INFINITY ||
      this.#clock.monotonic() - this.#provenAt <= this.#confirmMs
    )
  }

  /** Compares an answer with what was seen when its call was sent; false closes the gate. */
  admits(seen: FrontSeen, throughWhenSent: Position): boolean {
    const through = seen.mark?.position
    if (through === undefined || seen.identity !== this.#identity || through < throughWhenSent) {
      this.#change(seen)
      return false
    }
    if (through > this.#through) {
      this.#through = through
      this.#onMoved?.()
    }
    return true
  }

  /** The connection broke or the store said that it is not itself: nothing seen before counts. */
  close(): void {
    this.#provenAt = undefined
    this.#epoch += 1
    this.#through = ORIGIN
  }

  /** Begins a proof: take it before the journal's end is asked for. */
  begin(): Proof {
    return { epoch: this.#epoch, at: this.#clock.monotonic() }
  }

  /** The proof ended: this front has reached the journal's end as of its beginning. False: something changed since. */
  prove(proof: Proof, identity: string): boolean {
    if (proof.epoch !== this.#epoch || identity !== this.#identity) return false
    if (this.#provenAt === undefined || proof.at > this.#provenAt) this.#provenAt = proof.at
    return true
  }

  #change(seen: FrontSeen): void {
    this.close()
    this.#identity = seen.identity
    this.#through = seen.mark?.position ?? ORIGIN
  }

  get identity(): string | undefined {
    return this.#identity
  }
}
