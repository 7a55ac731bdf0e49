/**
 * How often a wrong password may be tried: per person, and per address whoever is tried from there. After the limit
 * nothing is tried until the span that began with the first failure is over; a right password clears the person.
 *
 * Counts are kept in each process: behind n processes up to n times as many guesses are possible, and a restart
 * forgets them. At 60 random bits a one-time code stands that; passwords have the slow hash behind it.
 */
import type { Clock } from '../clock.ts'
import { Problem } from '../problem.ts'
import { BoundedMap } from './bounded-map.ts'

export interface GuessLimits {
  readonly perPerson: number
  readonly perAddress: number
  readonly spanMs: number
}

/** A school's computer room has one address: it may mistype more often than a person. */
export const USUAL_LIMITS: GuessLimits = { perPerson: 10, perAddress: 100, spanMs: 15 * 60_000 }

/** What is remembered; at the bound the oldest is forgotten. */
const ENTRIES_MAX = 200_000

interface Failures {
  count: number
  readonly sinceMs: number
}

export class GuessLimit {
  readonly #clock: Clock
  readonly #limits: GuessLimits
  readonly #people = new BoundedMap<string, Failures>(ENTRIES_MAX)
  readonly #addresses = new BoundedMap<string, Failures>(ENTRIES_MAX)

  constructor(clock: Clock, limits: GuessLimits = USUAL_LIMITS) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Throws `too-many-attempts` with the seconds to wait. */
  check(person: string, address: string): void {
    this.#check(this.#people, person, this.#limits.perPerson, 'for this person')
    this.#check(this.#addresses, address, this.#limits.perAddress, 'from this address')
  }

  /** To be called before the password is tried, so that many tries at once count too. */
  count(person: string, address: string): void {
    this.#add(this.#people, person)
    this.#add(this.#addresses, address)
  }

  /** The try that was counted could not be made. */
  takeBack(person: string, address: string): void {
    for (const failures of [this.#people.get(person), this.#addresses.get(address)])
      if (failures !== undefined && failures.count > 0) failures.count -= 1
  }

  /** The last try was right. */
  clear(person: string, address: string): void {
    this.#people.delete(person)
    const failures = this.#addresses.get(address)
    if (failures !== undefined && failures.count > 0) failures.count -= 1
  }

  #check(map: BoundedMap<string, Failures>, key: string, limit: number, whose: string): void {
    const failures = map.get(key)
    if (failures === undefined) return
    const leftMs = failures.sinceMs + this.#limits.spanMs - this.#clock.now()
    if (leftMs <= 0) map.delete(key)
    else if (failures.count >= limit) {
      const retryAfter = Math.ceil(leftMs / 1_000)
      throw new Problem(
        429,
        'too-many-attempts',
        `${limit} wrong sign-ins ${whose}: wait ${retryAfter} seconds, or have the password reset.`,
        { retryAfter },
      )
    }
  }

  #add(map: BoundedMap<string, Failures>, key: string): void {
    const failures = map.get(key)
    if (failures === undefined) map.set(key, { count: 1, sinceMs: this.#clock.now() })
    else failures.count += 1
  }
}
