/** Calls of stores on behalf of a caller, and at open. */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import { Backoff } from '../kit/backoff.ts'
import type { EngineContext } from './context.ts'

/** What is no SpillwayError, or brought no answer, is a store that does not answer. For calls that may be repeated. */
export function asked<T>(call: Promise<T>): Promise<T> {
  return call.catch((error: unknown) => {
    if (isSpillwayError(error) && error.code !== 'outcome-unknown') throw error
    throw new SpillwayError('unavailable', 'A store does not answer; nothing has happened, retry.', {
      cause: error,
    })
  })
}

/** What failed, as the end of a longer sentence for people. */
export function lastFailure(error: unknown): string {
  let at = error
  while (at instanceof Error && at.cause instanceof SpillwayError) at = at.cause
  const text = at instanceof SpillwayError ? at.detail : at instanceof Error ? at.message : String(at)
  return `Last failure: ${text.replace(/; nothing has happened, retry\.$/, '.')}`
}

/** Repeats a step of opening while stores are away, for `openTimeoutMs`; every other failure is final. */
export async function untilStoresAnswer<T>(context: EngineContext, step: () => Promise<T>): Promise<T> {
  const { clock, random, settings, report } = context
  const until = clock.monotonic() + settings.openTimeoutMs
  const backoff = new Backoff({
    clock,
    random,
    baseMs: settings.retryBaseMs,
    pauseMsMax: settings.retryMsMax,
  })
  for (;;) {
    try {
      return await step()
    } catch (error) {
      if (!isSpillwayError(error, 'unavailable') || clock.monotonic() >= until) throw error
      if (backoff.failures === 0) report({ name: 'store-unavailable', error, detail: 'at open' })
      await backoff.pause()
    }
  }
}
