/** How a client calls a process: the call waits in its socket, the process may die under it, the caller may give up. */
import { SpillwayError } from '../errors.ts'
import type { SimNode } from './cluster.ts'
import type { History, WriteOutcome } from './history.ts'
import type { Receipt, Subject } from './subject.ts'

/** The process died before it answered. */
export const LOST = Symbol('lost')

/** Where it comes back as it is, nothing had been sent. */
const GAVE_UP = new SpillwayError('closed', 'The caller gave up.')

/** Codes that tell that nothing has happened. */
const NOTHING = new Set([
  'overloaded',
  'unavailable',
  'catching-up',
  'recovering',
  'fenced',
  'closed',
  'invalid',
  'too-large',
])

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown }

export class Caller {
  readonly #history: History

  constructor(history: History) {
    this.#history = history
  }

  /** Runs in the node's process; `LOST` when it dies before it answers. */
  call<T>(node: SimNode, run: (subject: Subject) => Promise<T>): Promise<Result<T>> {
    const { subject } = node
    if (subject === undefined) return Promise.resolve({ ok: false, error: LOST })
    return new Promise((resolve) => {
      node.onDeath(() => resolve({ ok: false, error: LOST }))
      const start = async (): Promise<void> => {
        try {
          resolve({ ok: true, value: await run(subject) })
        } catch (error) {
          resolve({ ok: false, error })
        }
      }
      // A paused process is not called: the request waits in its socket.
      node.process.deliver(() => void start())
    })
  }

  failure(error: unknown): WriteOutcome {
    if (error === LOST) return { kind: 'lost' }
    if (!(error instanceof SpillwayError)) {
      this.#history.bugs.push(
        `a caller got ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
      return { kind: 'unknown', entry: undefined }
    }
    if (error.code === 'version-mismatch' || error.code === 'sealed')
      return { kind: 'refused', code: error.code }
    if (error.code === 'outcome-unknown') return { kind: 'unknown', entry: error.entry }
    if (!NOTHING.has(error.code)) this.#history.bugs.push(`a caller got ${error.stack ?? error.message}`)
    return { kind: 'rejected', code: error.code }
  }

  /** A caller that gives up after a while: what was sent is unknown to it from then on. */
  impatience(node: SimNode, ms: number): AbortSignal {
    const controller = new AbortController()
    node.process.deliverAfter(ms, () => controller.abort(GAVE_UP))
    return controller.signal
  }
}

export function receiptOf({ versions, stage }: Receipt): WriteOutcome {
  return { kind: 'receipt', versions, stage }
}
