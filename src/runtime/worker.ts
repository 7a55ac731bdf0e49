/**
 * Worker threads with request and response, the same on Node and Bun.
 *
 *   startWorker(module, init)                     module: serveWorker(async (init) => handlers)
 *        │  new Worker, one port of its own           │
 *        │ ───────────── init ──────────────────────▶ │  opens files, …
 *        │ ◀──────────── ready | error ────────────── │
 *   call │ ─── [id, method, args] (+ buffers) ──────▶ │  handlers[method](args)
 *        │ ◀── [id, true, value] (+ buffers) ──────── │
 *        │ ◀── [id, false, packed error] ──────────── │
 *
 * Calls arrive in the order they were made; a handler that answers synchronously has ended before the next starts.
 *
 * Bounds: 1,024 calls at a time; one more is `overloaded`. A thread that dies (an uncaught error, process.exit, out
 * of memory, terminate()) rejects every call that was sent and not answered with `outcome-unknown`, because the
 * thread may have done it, and every later one with `unavailable`. Nothing is restarted here.
 *
 * While calls are out they keep the process alive; an idle worker does not.
 *
 * A MessageChannel carries the calls, not the worker's own port: measured on two cores, one call at a time, it
 * makes 21-36k round trips/s on Node 24.21 against 11-14k, and as many (28-29k) on Bun 1.4.5. Through call() it is
 * 28-40k on Node and 68-86k on Bun, with 8 in flight 93-98k and 115-132k; a buffer of 128 KiB allocated and
 * transferred with each call: 9k and 10-14k.
 */
import { fileURLToPath } from 'node:url'
import { basename } from 'node:path'
import { MessageChannel, Worker, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { SpillwayError } from '../errors.ts'
import { packError, unpackError } from './worker-error.ts'
import type { PackedError } from './worker-error.ts'

/** Calls that may be without an answer at a time, per worker. */
export const CALLS_MAX = 1_024

/** The id of the message that says whether the init ran. */
const READY = 0

type Request = readonly [id: number, method: string, args: unknown]
type Response =
  | readonly [id: number, ok: true, value: unknown]
  | readonly [id: number, ok: false, error: PackedError]

interface Boot {
  readonly spillwayPort: MessagePort
  readonly init: unknown
}

export interface WorkerCaller {
  /**
   * Calls the handler `method` in the worker. `args` is cloned; the buffers in `transfer` are moved, and empty on
   * this side afterwards. Rejects with what the handler threw (SpillwayError and SqliteError intact, anything
   * else as `internal` with the original as cause), or as the header says when the thread dies.
   */
  call<T>(method: string, args: unknown, transfer?: ArrayBuffer[]): Promise<T>
  /** Ends the thread at once, finished or not, and resolves when it has ended. Let it close its files first. */
  terminate(): Promise<void>
  /** Resolves when the thread has ended, for whatever reason. */
  readonly exited: Promise<{ code: number }>
}

/** Answer of a handler that moves buffers back instead of having them copied. */
export interface Transferring {
  readonly value: unknown
  readonly transfer: ArrayBuffer[]
}

// oxlint-disable-next-line typescript/no-explicit-any -- one signature has to fit handlers that each know their argument
export type WorkerHandlers = Record<string, (args: any) => unknown>

/**
 * Starts a thread that runs `module`, which must call `serveWorker`, and resolves once its init ran. Give the URL
 * with `.ts`, as in the sources; in the built package it is looked for as `.js`. Rejects with what the init threw.
 */
export async function startWorker(module: URL, init: unknown): Promise<WorkerCaller> {
  const caller = new Caller(module, init)
  try {
    await caller.ready
  } catch (error) {
    await caller.terminate()
    throw error
  }
  return caller
}

interface Pending {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

class Caller implements WorkerCaller {
  readonly ready: Promise<void>
  readonly exited: Promise<{ code: number }>
  readonly #name: string
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #pending = new Map<number, Pending>()
  #nextId = READY + 1
  #uncaught: unknown
  #ended: SpillwayError | undefined

  constructor(module: URL, init: unknown) {
    const file = asBuilt(module)
    this.#name = basename(fileURLToPath(file))
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    const boot: Boot = { spillwayPort: port2, init }
    this.#worker = new Worker(file, { name: this.#name, workerData: boot, transferList: [port2] })
    this.ready = new Promise((resolve, reject) => this.#pending.set(READY, { resolve, reject }))
    this.#worker.on('error', (error) => (this.#uncaught ??= error))
    this.exited = new Promise((resolve) =>
      this.#worker.once('exit', (code) => {
        this.#end(code)
        resolve({ code })
      }),
    )
    this.#port.on('message', (response: Response) => this.#settle(response))
    // The worker keeps the process alive while calls are out: it does so until its exit was told, which the port,
    // closed by a dying thread, would not.
    this.#port.unref()
  }

  call<T>(method: string, args: unknown, transfer: ArrayBuffer[] = []): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(
          new SpillwayError('unavailable', `${this.#ended.detail} "${method}" was not started.`, {
            cause: this.#ended,
          }),
        )
        return
      }
      if (this.#pending.size >= CALLS_MAX) {
        reject(
          new SpillwayError(
            'overloaded',
            `${CALLS_MAX} calls of worker ${this.#name} are without an answer.`,
          ),
        )
        return
      }
      const id = this.#nextId++
      const request: Request = [id, method, args]
      try {
        this.#port.postMessage(request, transfer)
      } catch (error) {
        reject(
          new SpillwayError(
            'internal',
            `"${method}" cannot be sent to worker ${this.#name}: ${String(error)}`,
            { cause: error },
          ),
        )
        return
      }
      if (this.#pending.size === 0) this.#worker.ref()
      this.#pending.set(id, { resolve, reject })
    })
  }

  async terminate(): Promise<void> {
    this.#worker.ref()
    await this.#worker.terminate()
    await this.exited
  }

  #settle(response: Response): void {
    const [id, ok, value] = response
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#worker.unref()
    if (ok) pending.resolve(value as never)
    else pending.reject(asThrown(unpackError(value), this.#name))
  }

  #end(code: number): void {
    const why = this.#uncaught === undefined ? '' : ` after an uncaught error: ${String(this.#uncaught)}`
    const detail = `Worker ${this.#name} has ended with code ${code}${why}.`
    const ended = new SpillwayError('outcome-unknown', detail, { cause: this.#uncaught })
    this.#ended = ended
    this.#port.close()
    for (const [id, { reject }] of this.#pending) {
      reject(
        id === READY
          ? new SpillwayError('unavailable', `${detail} Its init had not ended.`, { cause: this.#uncaught })
          : ended,
      )
    }
    this.#pending.clear()
  }
}

function asBuilt(module: URL): URL {
  const built = import.meta.url.endsWith('.js') && module.pathname.endsWith('.ts')
  return built ? new URL(module.href.replace(/\.ts(?=$|[?#])/, '.js')) : module
}

function asThrown(error: Error, worker: string): Error {
  if (error instanceof SpillwayError || error.name === 'SqliteError') return error
  return new SpillwayError('internal', `Worker ${worker} threw ${error.name}: ${error.message}`, {
    cause: error,
  })
}

/**
 * Called once by a worker's module: `start` gets the init of `startWorker` and gives the handlers. A handler may
 * answer with a value, a promise, or `Transferring`, whose buffers are moved to the caller.
 */
export function serveWorker(start: (init: unknown) => Promise<WorkerHandlers>): void {
  const boot = workerData as Boot | null
  if (boot?.spillwayPort === undefined) {
    throw new SpillwayError('internal', 'serveWorker was called outside a worker that startWorker started.')
  }
  const port = boot.spillwayPort
  // Without a listener the port would not keep the thread alive while the init runs.
  port.ref()
  start(boot.init).then(
    (handlers) => {
      port.on('message', (request: Request) => answer(port, handlers, request))
      reply(port, READY, undefined)
    },
    (error: unknown) => {
      fail(port, READY, error)
      port.unref()
    },
  )
}

function answer(port: MessagePort, handlers: WorkerHandlers, [id, method, args]: Request): void {
  try {
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined
    if (handler === undefined) throw new SpillwayError('internal', `The worker has no handler "${method}".`)
    const result = handler(args)
    if (result instanceof Promise) {
      result.then(
        (value: unknown) => reply(port, id, value),
        (error: unknown) => fail(port, id, error),
      )
    } else reply(port, id, result)
  } catch (error) {
    fail(port, id, error)
  }
}

function reply(port: MessagePort, id: number, result: unknown): void {
  const moved = isTransferring(result)
  const response: Response = [id, true, moved ? result.value : result]
  try {
    port.postMessage(response, moved ? result.transfer : undefined)
  } catch (error) {
    fail(
      port,
      id,
      new SpillwayError('internal', `An answer cannot be sent: ${String(error)}`, { cause: error }),
    )
  }
}

function fail(port: MessagePort, id: number, error: unknown): void {
  const response: Response = [id, false, packError(error)]
  port.postMessage(response)
}

function isTransferring(result: unknown): result is Transferring {
  return (
    typeof result === 'object' && result !== null && 'transfer' in result && Array.isArray(result.transfer)
  )
}
