/**
 * The composition root: the one place that sees the engine and the drivers together.
 *
 *   options ─▶ checked ─▶ stores opened ─▶ positions compared, journal read to its end ─▶ tier
 *
 * Whatever was opened is closed again when a later step fails.
 */
import { existsSync } from 'node:fs'
import { openMemoryFront } from './drivers/memory/front.ts'
import { openSqliteDatabase } from './drivers/sqlite/database.ts'
import { sqliteDdl } from './drivers/sqlite/ddl-plan.ts'
import { openSqliteJournal } from './drivers/sqlite/journal.ts'
import { CollectionRuntime } from './engine/collection-runtime.ts'
import type { CollectionSpec } from './engine/collection-runtime.ts'
import { Engine } from './engine/engine.ts'
import { DEFAULT_SETTINGS } from './engine/settings.ts'
import type { EngineSettings } from './engine/settings.ts'
import { Spillway } from './engine/spillway.ts'
import type { Tier } from './engine/tier.ts'
import { SpillwayError } from './errors.ts'
import { EVENTS } from './events.ts'
import type { Report } from './events.ts'
import { systemClock } from './kit/clock.ts'
import { systemRandom } from './kit/random.ts'
import { checkTierOptions } from './options/tier-options.ts'
import type { Logger, TierOptions } from './options/tier-options.ts'
import type { Database } from './ports/database.ts'
import type { Front } from './ports/front.ts'
import type { Journal } from './ports/journal.ts'

const PARTITIONS = 16
const FRONT_BYTES_MAX = 256 * 2 ** 20

const PROMISE =
  'Acknowledged writes survive kill -9 and power loss of this machine; they may not survive the loss of its disk.'

/**
 * Opens a tier. Missing files and tables are made. Rejects with `invalid` (options, tables), `unavailable` (a store
 * does not answer, or another process has the folder: it is named), `journal-mismatch` (journal and database do
 * not belong together: nothing is changed).
 */
export async function open(options: TierOptions): Promise<Tier> {
  checkTierOptions(options)
  const paths = embeddedPaths(options)
  const collections = compile(options)
  const opened: { close(): Promise<unknown> }[] = []
  try {
    const journal: Journal = await openSqliteJournal({
      path: paths.journal,
      partitions: options.partitions ?? PARTITIONS,
      ...(options.journalBytesMax === undefined ? {} : { bytesMax: options.journalBytesMax }),
    })
    opened.push(journal)
    const database: Database = await openSqliteDatabase({
      path: paths.database,
      clock: systemClock,
      ...(options.parkedMax === undefined ? {} : { parkedMax: options.parkedMax }),
      ...(options.parkedBytesMax === undefined ? {} : { parkedBytesMax: options.parkedBytesMax }),
    })
    opened.push(database)
    const front: Front = openMemoryFront({
      partitions: journal.partitions,
      bytesMax: options.frontBytesMax ?? FRONT_BYTES_MAX,
      clock: systemClock,
    })
    opened.push(front)
    const history = new Set(collections.filter((one) => one.table.history).map((one) => one.name))
    const engine = await Engine.open({
      stores: { kind: 'separate', front, journal, database },
      tables: collections.map((one) => one.table),
      clock: systemClock,
      random: systemRandom,
      settings: settingsOf(options),
      report: reporter(options.logger),
      acceptLoss: options.acceptLoss ?? false,
      lands: options.role !== 'api',
      hasHistory: (collection) => history.has(collection),
    })
    return new Spillway({
      engine,
      collections,
      profile: { name: 'embedded', promise: PROMISE },
      where: `the journal ${paths.journal}`,
    })
  } catch (error) {
    for (const store of opened.reverse()) await store.close().catch(() => undefined)
    throw error
  }
}

/** What the database lacks for these collections. */
export interface DdlPlan {
  /** SQL that is missing, in order; empty when nothing is. */
  readonly statements: readonly string[]
  /** What no statement of ours can mend: a sentence each, with its fix. */
  readonly problems: readonly string[]
}

/**
 * Compares the tables of the database with what the collections need. With `apply` the missing statements are
 * executed in one transaction; without it nothing is written. Rejects like `open`; nothing else may have the stores
 * open.
 */
export async function ddl(
  options: TierOptions,
  { apply = false }: { readonly apply?: boolean } = {},
): Promise<DdlPlan> {
  checkTierOptions(options)
  const paths = embeddedPaths(options)
  const tables = compile(options).map((one) => one.table)
  // The journal's lock stands for both files: whoever has it is named.
  const journal = existsSync(paths.journal)
    ? await openSqliteJournal({ path: paths.journal, partitions: options.partitions ?? PARTITIONS })
    : undefined
  try {
    return sqliteDdl(paths.database, tables, apply)
  } finally {
    await journal?.close()
  }
}

function embeddedPaths(options: TierOptions): { journal: string; database: string } {
  if (options.front !== 'memory:') throw notYet('front', options.front, 'memory:')
  return {
    journal: sqlitePath('journal', options.journal),
    database: sqlitePath('database', options.database),
  }
}

function sqlitePath(name: string, url: string): string {
  const path = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : ''
  if (path === '') throw notYet(name, url, 'sqlite:PATH')
  return path
}

function notYet(name: string, url: string, nearest: string): SpillwayError {
  return new SpillwayError(
    'invalid',
    `${name}: ${JSON.stringify(url)} is not a store of this version. The embedded profile is front memory:, journal sqlite:PATH, database sqlite:PATH; the nearest for ${name} is ${nearest}.`,
  )
}

function compile(options: TierOptions): CollectionRuntime[] {
  const seen = new Set<string>()
  const given = (options.collections ?? []) as readonly CollectionSpec[]
  return given.map((spec) => {
    if (seen.has(spec.name)) throw new SpillwayError('invalid', `Collection ${spec.name} is declared twice.`)
    seen.add(spec.name)
    return new CollectionRuntime(spec, options.partitions ?? PARTITIONS, DEFAULT_SETTINGS.nestingMax)
  })
}

function settingsOf(options: TierOptions): Partial<EngineSettings> {
  return {
    ...(options.writesWaitingMax === undefined ? {} : { writesWaitingMax: options.writesWaitingMax }),
    ...(options.openTimeoutMs === undefined ? {} : { openTimeoutMs: options.openTimeoutMs }),
    ...(options.sabotage === undefined ? {} : { sabotage: options.sabotage }),
  }
}

function reporter(logger: Logger | undefined): Report {
  if (logger === undefined) return () => undefined
  return ({ name, ...fields }) => logger[EVENTS[name].level]({ event: name, ...fields }, EVENTS[name].meaning)
}
