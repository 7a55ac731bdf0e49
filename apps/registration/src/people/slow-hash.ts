/**
 * scrypt off the event loop, a few at a time: the runtime's own thread pool has four threads, which files and names
 * need too. Who comes while the queue is full is told to come again.
 */
import { scrypt } from 'node:crypto'
import { Problem } from '../problem.ts'

/** Cost of a hash: memory is 128·N·r bytes. */
export interface SlowHashCost {
  readonly n: number
  readonly r: number
  readonly p: number
}

export const HASHES_AT_ONCE = 2
export const HASHES_WAITING_MAX = 500
const MEMORY_BYTES_MAX = 256 * 2 ** 20

export class SlowHash {
  #running = 0
  readonly #waiting: (() => void)[] = []

  /** Rejects with `overloaded` at the bound. */
  async run(password: string, salt: Uint8Array, length: number, cost: SlowHashCost): Promise<Buffer> {
    await this.#turn()
    try {
      return await scrypted(password, salt, length, cost)
    } finally {
      this.#running -= 1
      this.#waiting.shift()?.()
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= HASHES_AT_ONCE) {
      if (this.#waiting.length >= HASHES_WAITING_MAX) {
        throw new Problem(429, 'overloaded', `${HASHES_WAITING_MAX} sign-ins are waiting already.`, {
          retryAfter: 5,
        })
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#running += 1
  }
}

function scrypted(password: string, salt: Uint8Array, length: number, cost: SlowHashCost): Promise<Buffer> {
  const options = { N: cost.n, r: cost.r, p: cost.p, maxmem: MEMORY_BYTES_MAX }
  return new Promise((resolve, reject) => {
    // NFKC: the same password typed on another keyboard is the same.
    scrypt(password.normalize('NFKC'), salt, length, options, (error, made) => {
      // No error is null on Node and undefined on Bun.
      if (error) reject(error)
      else resolve(made)
    })
  })
}
