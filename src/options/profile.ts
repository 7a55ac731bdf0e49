/**
 * Which front goes with which journal, and what is promised for it.
 *
 *   front    journal        profile
 *   memory   sqlite         embedded
 *   redis    same           redis            one script call judges, appends and applies
 *   redis    sqlite         redis+sqlite     one server process on one host
 *   redis    kafka, rocketmq                 not in this version
 *
 * These pairs are all there are, each with any database. What an acknowledged write survives is the weaker part's
 * promise: the journal's, because the database only ever lacks what the journal still has.
 */
import { SpillwayError } from '../errors.ts'
import { parseStoreUrl, redactUrl } from './store-url.ts'
import type { StoreUrl } from './store-url.ts'

export type ProfileName = 'embedded' | 'redis' | 'redis+sqlite'

export interface Profile {
  readonly name: ProfileName
  /** What acknowledged writes survive and what they may not, in a sentence. */
  readonly promise: string
  readonly front: StoreUrl
  readonly journal: StoreUrl
  readonly database: StoreUrl
}

interface Pair {
  readonly name: ProfileName
  readonly front: string
  readonly journal: string
  /** How it is written. */
  readonly example: string
  promise(waitReplicas: number): string
}

const PAIRS: readonly Pair[] = [
  {
    name: 'embedded',
    front: 'memory',
    journal: 'sqlite',
    example: 'front memory: with journal sqlite:PATH',
    promise: () =>
      'Acknowledged writes survive kill -9 and power loss of this machine; they may not survive the loss of its disk.',
  },
  {
    name: 'redis',
    front: 'redis',
    journal: 'same',
    example: 'front redis://HOST:PORT/DB with journal same',
    promise: (waitReplicas) =>
      waitReplicas === 0
        ? 'Acknowledged writes survive kill -9 of anything, restart and power loss (AOF with fsync always); they may not survive the loss of the disk of Redis, failover to a lagging replica or a split brain. What is lost is bounded and reported.'
        : `Acknowledged writes survive kill -9 of anything, restart and power loss (AOF with fsync always), and failover to any of the ${waitReplicas} replicas that were waited for; they may not survive the loss of all those disks or the promotion of another replica. What is lost is bounded and reported.`,
  },
  {
    name: 'redis+sqlite',
    front: 'redis',
    journal: 'sqlite',
    example: 'front redis://HOST:PORT/DB with journal sqlite:PATH',
    promise: () =>
      'Acknowledged writes survive kill -9, power loss of this machine and the total loss of Redis; they may not survive the loss of the disk of this machine.',
  },
]

/** Asked for by name: `appendfsync: 'everysec'`. */
const EVERYSEC =
  "Acknowledged writes survive kill -9 of Spillway's processes; those of the last two seconds may not survive the end of Redis or of its machine (AOF with fsync every second, as asked for), nor any the loss of its disk or failover to a lagging replica. What is lost is reported."

const DATABASES = ['sqlite', 'mysql']

/** The profile that three URLs name; anything that is not one is `invalid` and names the nearest that is. */
export function profileOf(
  urls: { readonly front: string; readonly journal: string; readonly database: string },
  waitReplicas = 0,
  appendfsync: 'always' | 'everysec' = 'always',
): Profile {
  const front = parseStoreUrl('front', urls.front)
  const journal = parseStoreUrl('journal', urls.journal)
  const database = parseStoreUrl('database', urls.database)
  if (!DATABASES.includes(database.scheme)) {
    throw new SpillwayError(
      'invalid',
      `database: ${JSON.stringify(redactUrl(urls.database))} is not a database of this version; it is sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/NAME.`,
    )
  }
  const pair = PAIRS.find((each) => each.front === front.scheme && each.journal === journal.scheme)
  if (pair === undefined) throw notAPair(front, journal)
  if (waitReplicas > 0 && pair.name !== 'redis')
    throw new SpillwayError(
      'invalid',
      `waitReplicas is for the profile redis (journal same); this is ${pair.name}.`,
    )
  if (appendfsync !== 'always' && pair.name !== 'redis')
    throw new SpillwayError(
      'invalid',
      `appendfsync is for the profile redis (journal same); this is ${pair.name}.`,
    )
  const promise = appendfsync === 'always' ? pair.promise(waitReplicas) : EVERYSEC
  return { name: pair.name, promise, front, journal, database }
}

function notAPair(front: StoreUrl, journal: StoreUrl): SpillwayError {
  const likeness = (pair: Pair): number =>
    2 * Number(pair.front === front.scheme) + Number(pair.journal === journal.scheme)
  const [nearest] = PAIRS.toSorted((a, b) => likeness(b) - likeness(a))
  return new SpillwayError(
    'invalid',
    `front ${redactUrl(front.url)} with journal ${redactUrl(journal.url)} is not a profile of this version; the nearest is ${(nearest as Pair).example}. There are: ${PAIRS.map((pair) => `${pair.name} (${pair.example})`).join(', ')}.`,
  )
}
