/**
 * Closing the window for good.
 *
 * The seal is an entry in every partition of the journal: a save is before it and counts, or after it and is
 * refused, whichever process took it and whatever its clock says. The positions of the seal are the exact cut for
 * an export: when the database has landed up to them, every form that will ever be is in the table.
 */
import { instantOf, sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { Problem } from '../problem.ts'
import type { Settings, SiteSettings } from '../store/site-settings.ts'
import type { Store } from '../store/store.ts'

export interface Closed {
  readonly closedAt: string
  readonly positions: readonly number[]
}

const KEYS_TRIED_MAX = 10_000
const POLL_MS = 100

export class Closing {
  readonly #store: Store
  readonly #settings: Settings
  readonly #clock: Clock

  constructor(store: Store, settings: Settings, clock: Clock) {
    this.#store = store
    this.#settings = settings
    this.#clock = clock
  }

  /** Twice is fine: the first time counts. After a crash between seal and note it is to be said once more. */
  async close(): Promise<Closed> {
    const known = closedOf(await this.#settings.refresh())
    if (known !== undefined) return known
    const { positions } = await this.#store.forms.seal()
    const closedAt = instantOf(this.#clock.now())
    await this.#settings.setSealed(closedAt, positions)
    return { closedAt, positions }
  }

  /** Waits until every form before the seal is in the table; `not-drained` at the deadline. */
  async drained({ positions }: Closed, timeoutMs: number): Promise<void> {
    const deadlineMs = this.#clock.now() + timeoutMs
    const keys = await this.#keyOfEachPartition(positions.length)
    for (let partition = 0; partition < positions.length; partition += 1) {
      const seal = positions[partition] as number
      for (;;) {
        const { journal } = await this.#store.forms.trace(keys[partition] as string)
        if (journal.landed >= seal) break
        if (this.#clock.now() > deadlineMs) {
          throw new Problem(
            409,
            'not-drained',
            `Partition ${partition} has landed up to ${journal.landed}, the forms end at ${seal}: wait for the database.`,
            { retryAfter: 5, ledger: (await this.#store.tier.status()).totals },
          )
        }
        await sleep(POLL_MS)
      }
    }
    const { items } = await this.#store.tier.parked.list({ collection: 'form', limit: 10 })
    if (items.length > 0) {
      const keys = items.map((item) => item.key).join(', ')
      throw new Problem(409, 'not-drained', `Forms are parked, retry or resolve them first: ${keys}.`)
    }
  }

  /** Which partition a key is in is the tier's to say. */
  async #keyOfEachPartition(partitions: number): Promise<string[]> {
    const keys: string[] = []
    let found = 0
    for (let tried = 0; found < partitions; tried += 1) {
      if (tried > KEYS_TRIED_MAX) throw new Error(`No key found for some of ${partitions} partitions.`)
      const key = `drain-${tried}`
      const { partition } = await this.#store.forms.trace(key)
      if (keys[partition] !== undefined) continue
      keys[partition] = key
      found += 1
    }
    return keys
  }
}

export function closedOf({ sealedAt, sealPositions }: SiteSettings): Closed | undefined {
  return sealedAt === undefined ? undefined : { closedAt: sealedAt, positions: sealPositions }
}
