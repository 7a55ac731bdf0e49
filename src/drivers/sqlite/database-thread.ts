import { SpillwayError } from '../../errors.ts'
import { startWorker } from '../../runtime/worker.ts'
import type { WorkerCaller } from '../../runtime/worker.ts'
import type { SpecData } from './database-spec.ts'
import type { DatabaseWorkerInit } from './database-worker.ts'

/** A worker that is started again if it died; what it was doing then is answered `outcome-unknown`. */
export class DatabaseThread {
  #init: DatabaseWorkerInit
  #caller: Promise<WorkerCaller> | undefined
  #closed = false

  constructor(init: DatabaseWorkerInit) {
    this.#init = init
  }

  started(): Promise<WorkerCaller> {
    if (this.#closed)
      return Promise.reject(
        new SpillwayError('closed', `The database ${this.#init.path} is closed: nothing has happened.`),
      )
    this.#caller ??= this.#start()
    return this.#caller
  }

  async call<T>(method: string, args: unknown = undefined, transfer: ArrayBuffer[] = []): Promise<T> {
    const caller = await this.started()
    return caller.call<T>(method, args, transfer)
  }

  async configure(specs: readonly SpecData[]): Promise<void> {
    this.#init = { ...this.#init, specs }
    await this.call('configure', { specs })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const caller = await this.#caller?.catch(() => undefined)
    await caller?.call('close', undefined).catch(() => undefined)
    await caller?.terminate()
  }

  async #start(): Promise<WorkerCaller> {
    try {
      const caller = await startWorker(new URL('./database-worker.ts', import.meta.url), this.#init)
      void caller.exited.then(() => (this.#caller = undefined))
      return caller
    } catch (error) {
      this.#caller = undefined
      throw error
    }
  }
}
