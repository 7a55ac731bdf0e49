/**
 * Which driver a URL stands for: opens the stores of a profile, and asks them what `ddl` and `doctor` want to know.
 *
 * A driver's code is loaded when a URL names it, so that a program without Redis never loads its client.
 */
import { existsSync } from 'node:fs'
import { openMemoryFront } from './drivers/memory/front.ts'
import { openSqliteDatabase } from './drivers/sqlite/database.ts'
import { sqliteDdl } from './drivers/sqlite/ddl-plan.ts'
import { openSqliteJournal } from './drivers/sqlite/journal.ts'
import { systemClock } from './kit/clock.ts'
import { isSpillwayError } from './errors.ts'
import { ok, wrong } from './kit/finding.ts'
import type { Finding } from './kit/finding.ts'
import { redactUrl } from './options/store-url.ts'
import type { MysqlPool } from './drivers/mysql/client.ts'
import { isCluster } from './drivers/redis/connection.ts'
import type { RedisClient } from './drivers/redis/connection.ts'
import type { RedisFrontOptions } from './drivers/redis/front.ts'
import type { Profile } from './options/profile.ts'
import type { TableSpec } from './model/table.ts'
import type { TierOptions } from './options/tier-options.ts'
import type { Database } from './ports/database.ts'
import type { Front } from './ports/front.ts'
import type { FusedFront } from './ports/fused.ts'
import type { Journal } from './ports/journal.ts'

const PARTITIONS = 16
/** Where one Redis is the journal: each partition in a call of it costs as much as several writes (decision 0006). */
const PARTITIONS_FUSED = 4
const FRONT_BYTES_MAX = 256 * 2 ** 20
/** Whoever has this table has a tier. */
const POSITION_TABLE = 'spillway_position'

export type OpenStores =
  | {
      readonly kind: 'separate'
      readonly front: Front
      readonly journal: Journal
      readonly database: Database
    }
  | { readonly kind: 'fused'; readonly fused: FusedFront; readonly database: Database }

/** How many partitions a tier has that is made with these options. */
export function partitionsOf(profile: Profile, options: TierOptions): number {
  const client = options.clients?.redis as RedisClient | undefined
  const isOneRedis = profile.journal.scheme === 'same' && (client === undefined || !isCluster(client))
  return options.partitions ?? (isOneRedis ? PARTITIONS_FUSED : PARTITIONS)
}

/** Opens all stores of a profile; what was opened is closed again when one of them does not open. */
export async function openStores(profile: Profile, options: TierOptions): Promise<OpenStores> {
  const opened: { close(): Promise<unknown> }[] = []
  const keep = async <T extends { close(): Promise<unknown> }>(opening: Promise<T> | T): Promise<T> => {
    const store = await opening
    opened.push(store)
    return store
  }
  try {
    if (profile.journal.scheme === 'same') {
      await requireSettings(profile, options)
      const database = await keep(openDatabase(profile, options))
      const { openRedisFused } = await import('./drivers/redis/fused.ts')
      const fused = await openRedisFused({
        ...redisOptions(profile, options),
        waitReplicas: options.waitReplicas ?? 0,
      })
      return { kind: 'fused', fused, database }
    }
    const journal = await keep(openJournal(profile, options))
    const database = await keep(openDatabase(profile, options))
    if (profile.front.scheme === 'redis') await requireSettings(profile, options)
    const front = await openFront(profile, options, journal.partitions)
    return { kind: 'separate', front, journal, database }
  } catch (error) {
    for (const store of opened.reverse()) await store.close().catch(() => undefined)
    throw error
  }
}

/** A Redis must not drop what has not landed; as the journal it has to be as durable as was asked for. */
async function requireSettings(profile: Profile, options: TierOptions): Promise<void> {
  const appendfsync = profile.journal.scheme === 'same' ? (options.appendfsync ?? 'always') : undefined
  const durability = await import('./drivers/redis/durability.ts')
  if (await durability.requireSettings(redisOptions(profile, options), appendfsync)) return
  options.logger?.warn(
    { appendfsync, maxmemoryPolicy: 'volatile-*, noeviction' },
    'Redis may not be asked for its settings (CONFIG): it is believed that they are these',
  )
}

export async function closeStores(stores: OpenStores): Promise<void> {
  const { database } = stores
  const others = stores.kind === 'separate' ? [stores.front, stores.journal] : [stores.fused.front]
  for (const store of [...others, database]) await store.close().catch(() => undefined)
}

async function openFront(profile: Profile, options: TierOptions, partitions: number): Promise<Front> {
  if (profile.front.scheme === 'redis') {
    const { openRedisFront } = await import('./drivers/redis/front.ts')
    return openRedisFront({ ...redisOptions(profile, options), partitions })
  }
  return openMemoryFront({
    partitions,
    bytesMax: options.frontBytesMax ?? FRONT_BYTES_MAX,
    clock: systemClock,
  })
}

function redisOptions(profile: Profile, options: TierOptions): RedisFrontOptions {
  return {
    partitions: partitionsOf(profile, options),
    clock: systemClock,
    ...(options.clients?.redis === undefined
      ? { url: profile.front.url }
      : { client: options.clients.redis as RedisClient }),
    ...(options.openTimeoutMs === undefined ? {} : { connectTimeoutMs: Math.max(1, options.openTimeoutMs) }),
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(options.frontBytesMax === undefined ? {} : { bytesMax: options.frontBytesMax }),
  }
}

function openJournal(profile: Profile, options: TierOptions): Promise<Journal> {
  return openSqliteJournal({
    path: profile.journal.path,
    partitions: partitionsOf(profile, options),
    ...(options.journalBytesMax === undefined ? {} : { bytesMax: options.journalBytesMax }),
  })
}

async function openDatabase({ database }: Profile, options: TierOptions): Promise<Database> {
  const parked = {
    ...(options.parkedMax === undefined ? {} : { parkedMax: options.parkedMax }),
    ...(options.parkedBytesMax === undefined ? {} : { parkedBytesMax: options.parkedBytesMax }),
  }
  if (database.scheme === 'sqlite')
    return openSqliteDatabase({ path: database.path, clock: systemClock, ...parked })
  const { openMysqlDatabase } = await import('./drivers/mysql/database.ts')
  const pool = options.clients?.mysql as MysqlPool | undefined
  return openMysqlDatabase({
    ...(pool === undefined ? { url: database.url } : { pool }),
    clock: systemClock,
    ...parked,
  })
}

/** What the database lacks for some collections. */
export interface DdlPlan {
  /** SQL that is missing, in order; empty when nothing is. */
  readonly statements: readonly string[]
  /** What no statement of ours can mend: a sentence each, with its fix. */
  readonly problems: readonly string[]
}

/** Compares the tables of the database with what the collections need; `apply` executes what is missing. */
export async function ddlOf(
  profile: Profile,
  options: TierOptions,
  tables: readonly TableSpec[],
  apply: boolean,
): Promise<DdlPlan> {
  // The journal's lock stands for both files: whoever has it is named.
  const journal =
    profile.journal.scheme === 'sqlite' && existsSync(profile.journal.path)
      ? await openJournal(profile, options)
      : undefined
  try {
    if (profile.database.scheme === 'sqlite') return sqliteDdl(profile.database.path, tables, apply)
    const { mysqlDdl } = await import('./drivers/mysql/ddl-plan.ts')
    return await mysqlDdl(profile.database.url, tables, apply)
  } finally {
    await journal?.close()
  }
}

/** What servers say of themselves, for `doctor`. */
export interface ServerReport {
  readonly findings: readonly Finding[]
  /** Whether the database holds a tier already; opening it would begin one otherwise. */
  readonly begun: boolean
}

/** Settings of the servers that a profile names, and their tables; one that cannot be asked is a finding. Changes nothing. */
export async function inspectStores(
  profile: Profile,
  options: TierOptions,
  tables: readonly TableSpec[],
): Promise<ServerReport> {
  const findings: Finding[] = []
  if (profile.front.scheme === 'redis') {
    const { inspectRedis } = await import('./drivers/redis/server-findings.ts')
    const role = {
      journal: profile.journal.scheme === 'same',
      appendfsync: options.appendfsync ?? 'always',
      waitReplicas: options.waitReplicas ?? 0,
    }
    const asked = inspectRedis(redisOptions(profile, options), role)
    findings.push(...(await asked.catch((error: unknown) => refusal('redis', error))))
  }
  if (profile.database.scheme === 'sqlite') return { findings, begun: existsSync(profile.database.path) }
  const database = await inspectMariadb(profile.database.url, tables).catch((error: unknown) => ({
    findings: refusal('mariadb', error),
    begun: false,
  }))
  return { findings: [...findings, ...database.findings], begun: database.begun }
}

async function inspectMariadb(url: string, tables: readonly TableSpec[]): Promise<ServerReport> {
  const findings: Finding[] = []
  const { inspectMysqlServer } = await import('./drivers/mysql/server-findings.ts')
  findings.push(...(await inspectMysqlServer(url)))
  const { mysqlDdl } = await import('./drivers/mysql/ddl-plan.ts')
  const { statements, problems } = await mysqlDdl(url, tables, false)
  const begun = !statements.some((statement) => statement.includes(POSITION_TABLE))
  for (const problem of problems) findings.push(wrong('tables-unfit', problem))
  if (begun && statements.length > 0)
    findings.push(wrong('tables-missing', `${statements.length} statements are missing`))
  else
    findings.push(
      ok('tables', begun ? 'the database has what the collections need' : 'there are none here yet'),
    )
  return { findings, begun }
}

/** A server that cannot be asked is what doctor is there to find. */
function refusal(about: 'redis' | 'mariadb', error: unknown): Finding[] {
  if (isSpillwayError(error, 'unavailable')) return [wrong(`${about}-unreachable`, error.detail)]
  if (isSpillwayError(error, 'invalid')) return [wrong(`${about}-refused`, error.detail)]
  throw error
}

/** Where acknowledged writes are until they have landed, for people. */
export function journalPlace(profile: Profile): string {
  return profile.journal.scheme === 'same'
    ? `the stream in ${redactUrl(profile.front.url)}`
    : `the journal ${profile.journal.path}`
}
