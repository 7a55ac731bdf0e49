/** Time, waiting and randomness of this application: the one place that asks the machine for them. */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

export function instantOf(ms: number): string {
  return new Date(ms).toISOString()
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return wait(ms, undefined, signal === undefined ? {} : { signal })
}

/** Unguessable, in characters that URLs, cookies and file names carry. */
export function randomName(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

export { randomBytes }
