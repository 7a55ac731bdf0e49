/**
 * The options of `open`, as plain data; declared once, so that validation, the reference and the command line
 * cannot drift apart.
 */
import { SpillwayError } from '../errors.ts'
import { checkKnownKeys, checkValue } from './declare.ts'
import type { OptionTable } from './declare.ts'
import type { Collection } from './collection.ts'

export interface TierOptions {
  /** `memory:` (this process) or `redis://HOST:PORT/DB`. */
  readonly front: string
  /** `sqlite:PATH`, or `same`: the Redis that is the front. */
  readonly journal: string
  /** `sqlite:PATH` or `mysql://USER:PASSWORD@HOST:PORT/NAME`. */
  readonly database: string
  /** Undeclared: every good name is taken and lands as JSON. Declared: others are `invalid`. */
  readonly collections?: readonly Collection<never>[] | readonly Collection[]
  /** Number of partitions; fixed when the journal is made. 1 to 256, default 16; 4 where one Redis is the journal. */
  readonly partitions?: number
  /** Memory of the process front in bytes; default 256 MiB. */
  readonly frontBytesMax?: number
  /** Journal bound in bytes; default 8 GiB. At it, writes are `overloaded`. */
  readonly journalBytesMax?: number
  /** Writes waiting for the journal in this process; default 10,000. */
  readonly writesWaitingMax?: number
  /**
   * How long an acknowledged write may wait for the database in a spike, in ms, while landing leaves the machine to
   * writes; default 5,000, at most 600,000. It is not a promise: a database that is slow or away lets it grow.
   */
  readonly landingLagMs?: number
  /** Parked writes kept; default 10,000. At it, landing of that partition stops and says so. */
  readonly parkedMax?: number
  /** Default 64 MiB. */
  readonly parkedBytesMax?: number
  /** How long `open` waits for stores that do not answer; default 30,000 ms. */
  readonly openTimeoutMs?: number
  /** Begin a new generation where journal and database do not belong together; what is lost is reported. Default false. */
  readonly acceptLoss?: boolean
  /** Before every key in Redis; one Redis may serve several tiers. Default `spillway`. */
  readonly namespace?: string
  /** Profile redis: replicas that must have a write before it is acknowledged. Default 0. */
  readonly waitReplicas?: number
  /**
   * Profile redis: how Redis must write its append-only file, or `open` is `invalid`. `always` (default): what is
   * acknowledged survives a loss of power. `everysec`: what was acknowledged in the last two seconds may not.
   */
  readonly appendfsync?: 'always' | 'everysec'
  /** Which loops this process runs: `all` (default), `api` (no landing), `lander`. */
  readonly role?: 'all' | 'api' | 'lander'
  /**
   * Clients that the program made itself, used for the stores whose URLs name their kind; never closed by us. `redis`:
   * an ioredis Redis or Cluster (its settings are taken over by connections of ours, because a client that resends would
   * write twice). `mysql`: a mysql2 pool.
   */
  readonly clients?: { readonly redis?: object; readonly mysql?: object }
  /** Where the library tells what happens; default: nowhere. */
  readonly logger?: Logger
  /** For tests of tests only: acknowledges before the journal has it, to show that a proof finds it. */
  readonly sabotage?: 'ack-before-journal'
}

export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The options of `open` that are plain values. A test keeps it equal to the interface above. */
export const TIER_OPTIONS = {
  front: {
    kind: 'url',
    placeholder: 'url',
    default: 'memory:',
    meaning: 'Where reads are served from: memory: (this process) or redis://HOST:PORT/DB.',
  },
  journal: {
    kind: 'url',
    placeholder: 'url',
    defaultMeaning: 'sqlite:DATA/journal.db',
    meaning:
      'The durable log whose append is the acknowledgement: sqlite:PATH, or same (the Redis that is the front).',
  },
  database: {
    kind: 'url',
    placeholder: 'url',
    defaultMeaning: 'sqlite:DATA/app.db',
    meaning:
      'The SQL database in which every acknowledged write lands: sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/NAME.',
  },
  partitions: {
    kind: 'integer',
    min: 1,
    max: 256,
    defaultMeaning: '16; 4 where one Redis is the journal',
    placeholder: 'count',
    meaning: 'Shares of the key space, each with its own order. Fixed when the journal is made.',
  },
  frontBytesMax: {
    kind: 'bytes',
    min: 2 ** 20,
    max: 2 ** 40,
    default: 256 * 2 ** 20,
    placeholder: 'bytes',
    meaning:
      'Memory of the process front. Landed records are dropped to stay below it; full of un-landed ones, writes are overloaded.',
  },
  journalBytesMax: {
    kind: 'bytes',
    min: 2 ** 20,
    max: 2 ** 50,
    default: 8 * 2 ** 30,
    placeholder: 'bytes',
    meaning: 'Size that the journal may reach while the database is away. At it, writes are overloaded.',
  },
  writesWaitingMax: {
    kind: 'integer',
    min: 1,
    max: 1_000_000,
    default: 10_000,
    placeholder: 'count',
    meaning: 'Writes of this process that wait for the journal. Above it, writes are overloaded.',
  },
  landingLagMs: {
    kind: 'ms',
    min: 0,
    max: 600_000,
    default: 5_000,
    placeholder: 'ms',
    meaning:
      'How long a write may wait for the database in a spike, while landing leaves the machine to writes. 0: landing never yields.',
  },
  parkedMax: {
    kind: 'integer',
    min: 0,
    max: 10_000_000,
    default: 10_000,
    placeholder: 'count',
    meaning: 'Parked writes that are kept. At it, landing of that partition stops and says so.',
  },
  parkedBytesMax: {
    kind: 'bytes',
    min: 0,
    max: 2 ** 40,
    default: 64 * 2 ** 20,
    placeholder: 'bytes',
    meaning: 'Bytes of parked writes that are kept. At it, landing of that partition stops and says so.',
  },
  openTimeoutMs: {
    kind: 'ms',
    min: 0,
    max: 3_600_000,
    default: 30_000,
    placeholder: 'ms',
    meaning: 'How long opening waits for stores that do not answer.',
  },
  acceptLoss: {
    kind: 'boolean',
    default: false,
    meaning:
      'Begins a new generation where journal and database do not belong together. What is lost is reported.',
  },
  namespace: {
    kind: 'text',
    default: 'spillway',
    placeholder: 'name',
    meaning: 'Stands before every key in Redis, so that one Redis may serve several tiers.',
  },
  waitReplicas: {
    kind: 'integer',
    min: 0,
    max: 16,
    default: 0,
    placeholder: 'count',
    meaning:
      'Profile redis: replicas that must have a write before it is acknowledged. With fewer alive, nothing is served.',
  },
  appendfsync: {
    kind: 'choice',
    choices: ['always', 'everysec'],
    default: 'always',
    placeholder: 'how',
    meaning:
      'Profile redis: how Redis must write its append-only file, or opening is refused. With everysec, what was acknowledged in the last two seconds may be lost with the machine.',
  },
  role: {
    kind: 'choice',
    choices: ['all', 'api', 'lander'],
    default: 'all',
    placeholder: 'role',
    meaning:
      'Which loops run here: all; api does not land; lander lands, and is meant to get no traffic. Several processes need Redis and MariaDB.',
  },
  sabotage: {
    kind: 'choice',
    choices: ['ack-before-journal'],
    placeholder: 'how',
    hidden: true,
    meaning: 'For tests of tests only: acknowledges before the journal has it.',
  },
} as const satisfies OptionTable

const KNOWN = [...Object.keys(TIER_OPTIONS), 'collections', 'logger', 'clients']

/** Refuses unknown keys (naming the nearest), wrong kinds of values and values out of range with `invalid`. */
export function checkTierOptions(options: TierOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw new SpillwayError('invalid', 'open takes an object: { front, journal, database, … }.')
  }
  checkKnownKeys(options, KNOWN, 'open')
  for (const [name, option] of Object.entries(TIER_OPTIONS)) {
    const value = options[name as keyof typeof TIER_OPTIONS]
    if (value !== undefined) checkValue(option, value, `open: ${name}`)
  }
  checkClients(options.clients)
  for (const name of ['front', 'journal', 'database'] as const) {
    if (options[name] === undefined)
      throw new SpillwayError('invalid', `open needs ${name}: a URL. ${TIER_OPTIONS[name].meaning}`)
  }
}

/** The one method of each kind of client that tells it from anything else. */
const CLIENT_METHODS = { redis: 'duplicate', mysql: 'getConnection' } as const

function checkClients(clients: TierOptions['clients']): void {
  if (clients === undefined) return
  if (typeof clients !== 'object' || clients === null)
    throw new SpillwayError('invalid', 'open: clients takes an object: { redis, mysql }.')
  checkKnownKeys(clients, Object.keys(CLIENT_METHODS), 'open: clients')
  for (const [name, method] of Object.entries(CLIENT_METHODS)) {
    const client = clients[name as keyof typeof CLIENT_METHODS] as Record<string, unknown> | undefined
    if (client !== undefined && typeof client[method] !== 'function')
      throw new SpillwayError(
        'invalid',
        `open: clients.${name} must be ${name === 'redis' ? 'a Redis or Cluster of ioredis' : 'a pool of mysql2 (createPool)'}.`,
      )
  }
}
