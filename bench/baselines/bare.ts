/** Starts the worker with the plain paths and talks to it. */
import { Worker } from 'node:worker_threads'

export interface BareRows {
  readonly collection: string
  readonly keys: readonly string[]
  /** Of the first row; the others follow. */
  readonly version: number
  readonly buffer: ArrayBuffer
  readonly valueBytes: number
}

export type BareCall =
  | {
      readonly kind: 'group-commit'
      readonly path: string
      readonly rowsPerCommit: number
      readonly rowBytes: number
      readonly ms: number
    }
  | { readonly kind: 'open'; readonly path: string }
  | { readonly kind: 'land'; readonly rows: BareRows }
  | { readonly kind: 'close' }

export interface Bare extends AsyncDisposable {
  call(call: BareCall): Promise<number>
}

export function startBare(): Bare {
  const worker = new Worker(new URL('./bare-worker.ts', import.meta.url))
  const waiting = new Map<number, { resolve: (answer: number) => void; reject: (error: unknown) => void }>()
  let lastId = 0
  worker.on('message', ({ id, answer }: { id: number; answer: number }) => {
    waiting.get(id)?.resolve(answer)
    waiting.delete(id)
  })
  worker.on('error', (error) => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  })
  return {
    call: (call) =>
      new Promise((resolve, reject) => {
        lastId += 1
        waiting.set(lastId, { resolve, reject })
        worker.postMessage({ id: lastId, call }, call.kind === 'land' ? [call.rows.buffer] : [])
      }),
    async [Symbol.asyncDispose]() {
      await worker.terminate()
    },
  }
}
