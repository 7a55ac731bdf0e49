/**
 * Ctrl-C and SIGTERM for verbs that have something to clean up: the first aborts the signal, the second ends the
 * process at once.
 */
import { VerbFailure } from './exit-code.ts'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const
/** As shells count: 128 + the number of SIGINT. */
const EXIT_INTERRUPTED = 130

export interface Interruption extends Disposable {
  readonly signal: AbortSignal
}

export function interruption(): Interruption {
  const controller = new AbortController()
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED)
    controller.abort(new VerbFailure(EXIT_INTERRUPTED, 'Interrupted.'))
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.removeListener(name, onSignal)
    },
  }
}
