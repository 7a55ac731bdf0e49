/** The profiles that are put to the test, with the processes and stores of each. */
import type { Dice } from './dice.ts'

export const PROFILES = ['redis', 'redis+wait', 'redis+sqlite', 'embedded'] as const
export type ProfileName = (typeof PROFILES)[number]
export type Role = 'all' | 'api' | 'lander'

/** Which processes run: several where they share Redis and MariaDB, else the one that owns the journal's file. */
export function rolesOf(profile: ProfileName, dice: Dice, needsRival: boolean): readonly Role[] {
  if (profile !== 'redis' && profile !== 'redis+wait') return ['all']
  const several: readonly (readonly Role[])[] = [
    ['all', 'all'],
    ['api', 'all', 'lander'],
  ]
  return dice.pick(needsRival ? several : [...several, ['api', 'api', 'lander']])
}

/** Servers of Redis in a row, each the replica of the one before it. */
export function redisCountOf(profile: ProfileName, needsReplica: boolean): number {
  if (profile === 'embedded') return 0
  // A promoted replica needs one of its own: with fewer than were asked for, nothing is served.
  if (profile === 'redis+wait') return 3
  return needsReplica ? 2 : 1
}

export interface Places {
  readonly redisPort: number | undefined
  readonly mariadbUrl: string
  /** For files of the process. */
  readonly folder: string
  readonly namespace: string
}

/** The store flags of `serve`, `verify` and the like. */
export function storeFlags(profile: ProfileName, places: Places): string[] {
  const journal = `sqlite:${places.folder}/journal.db`
  const front = `redis://127.0.0.1:${places.redisPort ?? 0}/0`
  const database = ['--database', places.mariadbUrl]
  if (profile === 'embedded') return ['--journal', journal, ...database]
  const redis = ['--front', front, '--namespace', places.namespace, ...database]
  if (profile === 'redis+sqlite') return [...redis, '--journal', journal]
  return [...redis, '--journal', 'same', ...(profile === 'redis+wait' ? ['--wait-replicas', '1'] : [])]
}
