/** The log of every look at another's data and of what staff did: durable before the answer goes out. */
import { instantOf, randomName } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Person } from '../domain/person.ts'
import type { Store } from '../store/store.ts'

export class AuditLog {
  readonly #store: Store
  readonly #clock: Clock

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** `subject` says whose data: an ID number, a class, the terms of a search; at most 500 characters are kept. */
  async write(who: Person, action: string, subject: string): Promise<void> {
    const nowMs = this.#clock.now()
    // Time first: the rows of an hour lie together.
    const entry = `${nowMs.toString(36).padStart(9, '0')}-${randomName(9)}`
    await this.#store.audits.put(entry, {
      at: instantOf(nowMs),
      role: who.role,
      person: who.id,
      action,
      subject: subject.slice(0, 500),
    })
  }
}
