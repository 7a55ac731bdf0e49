/**
 * "Something may have happened, look again": many may raise it, one loop waits for it.
 *
 * A raise between two looks is kept, so nothing is missed; raises do not add up, so nothing grows.
 */
import { deferred } from './deferred.ts'
import type { Deferred } from './deferred.ts'

export class Signal {
  #raised = false
  #waiting: Deferred<void> | undefined

  raise(): void {
    this.#raised = true
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  /** Resolves at once if it was raised since the last wait, else at the next raise; or when `abort` is. */
  async wait(abort?: AbortSignal): Promise<void> {
    if (!this.#raised && abort?.aborted !== true) {
      this.#waiting ??= deferred()
      const waiting = this.#waiting
      const onAbort = (): void => waiting.resolve()
      abort?.addEventListener('abort', onAbort, { once: true })
      await waiting.promise
      abort?.removeEventListener('abort', onAbort)
      if (this.#waiting === waiting) this.#waiting = undefined
    }
    this.#raised = false
  }
}
