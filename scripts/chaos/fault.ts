/**
 * What a fault is: something that really happens to the stores and processes of a round, in three steps.
 *
 *   prepare  under load, before anything is wrong: take the old copy, let the replica fall behind
 *   strike   at a moment when writes are un-landed and requests in flight
 *   heal     what an operator, a supervisor or a failover does; from then on no person does anything
 */
import type { Dice } from './dice.ts'
import type { ProfileName } from './profiles.ts'
import type { ServerNode } from './server-node.ts'
import type { Sessions } from './sessions.ts'
import type { World } from './world.ts'

/** As the promise table of the design has it. Bounded: lost is only what came after `survivesUpTo`, and it is reported. */
export type Promised = 'none lost' | 'bounded'

export interface Strike {
  readonly world: World
  readonly clients: Sessions
  readonly dice: Dice
  /** How long a process is paused. */
  readonly pauseMs: number
  /** Everything that was answered up to this moment is in what survives. Where it is not set: only what SQL has. */
  survivesUpTo: number | undefined
  /** Processes that are left on the wrong side of a split. */
  wrongSide: readonly string[]
  /** What a fault remembers from one of its steps to the next. */
  aofBytesKept: number
  paused: ServerNode | undefined
  /** Landing stands still from here on, and something is un-landed. Comes after `prepare`, where that did not ask. */
  holdLanding(): Promise<void>
  /** Lets it go on before the strike is over. */
  releaseLanding(): Promise<void>
}

export interface Fault {
  readonly name: string
  /** What it does, in a line. */
  readonly does: string
  /** Profiles that can have it, and what each promises then. */
  readonly promised: Partial<Readonly<Record<ProfileName, Promised>>>
  /** Why the other profiles cannot have it, where that is not that they have no Redis. */
  readonly notElsewhere?: string
  readonly needsReplica?: boolean
  /** A lander has a rival, where processes share the stores. */
  readonly needsRival?: boolean
  /** MariaDB is set back: processes learn of it only when they look. */
  readonly databaseGoesBack?: boolean
  /** Every answer that says no says also that it may be asked again, and every request is answered. */
  readonly gentle?: boolean
  prepare?(strike: Strike): Promise<void>
  strike(strike: Strike): Promise<void>
  heal?(strike: Strike): Promise<void>
}

const REDIS: readonly ProfileName[] = ['redis', 'redis+wait', 'redis+sqlite']
const ALL: readonly ProfileName[] = [...REDIS, 'embedded']

export const promise = (promised: Promised, profiles: readonly ProfileName[]): Fault['promised'] =>
  Object.fromEntries(profiles.map((profile) => [profile, promised]))

/** No profile loses anything. */
export const safeEverywhere = promise('none lost', ALL)
export const safeOnRedis = promise('none lost', REDIS)

/** What a fused Redis that goes back in time loses, and a journal elsewhere does not. */
export const lostWithRedis: Fault['promised'] = {
  redis: 'bounded',
  'redis+wait': 'bounded',
  'redis+sqlite': 'none lost',
}

/** The same where a replica that was waited for takes over. */
export const lostWithoutReplica: Fault['promised'] = { ...lostWithRedis, 'redis+wait': 'none lost' }
