/**
 * The composition root: puts the engine on the stores that the options name.
 *
 *   options ─▶ checked ─▶ stores opened ─▶ positions compared, journal read to its end ─▶ tier
 *
 * Whatever was opened is closed again when a later step fails.
 */
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
import { profileOf } from './options/profile.ts'
import type { Profile } from './options/profile.ts'
import { checkTierOptions } from './options/tier-options.ts'
import type { Logger, TierOptions } from './options/tier-options.ts'
import { closeStores, ddlOf, inspectStores, journalPlace, openStores, partitionsOf } from './stores.ts'
import type { DdlPlan, ServerReport } from './stores.ts'

/**
 * Opens a tier. Missing files and tables are made. Rejects with `invalid` (options, tables), `unavailable` (a store
 * does not answer, or another process has the folder: it is named), `journal-mismatch` (journal and database do
 * not belong together: nothing is changed).
 */
export async function open(options: TierOptions): Promise<Tier> {
  checkTierOptions(options)
  const profile = profileOf(options, options.waitReplicas, options.appendfsync)
  const collections = compile(profile, options)
  const stores = await openStores(profile, options)
  try {
    const history = new Set(collections.filter((one) => one.table.history).map((one) => one.name))
    const engine = await Engine.open({
      stores,
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
      profile: { name: profile.name, promise: profile.promise },
      where: journalPlace(profile),
    })
  } catch (error) {
    await closeStores(stores)
    throw error
  }
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
  const profile = profileOf(options, options.waitReplicas, options.appendfsync)
  return ddlOf(
    profile,
    options,
    compile(profile, options).map((one) => one.table),
    apply,
  )
}

/**
 * What the servers that the options name say of themselves: settings on which the promise rests, tables. Changes
 * nothing. A server that does not answer, or refuses, is a finding.
 */
export async function inspect(options: TierOptions): Promise<ServerReport> {
  checkTierOptions(options)
  const profile = profileOf(options, options.waitReplicas, options.appendfsync)
  return inspectStores(
    profile,
    options,
    compile(profile, options).map((one) => one.table),
  )
}

function compile(profile: Profile, options: TierOptions): CollectionRuntime[] {
  const partitions = partitionsOf(profile, options)
  const seen = new Set<string>()
  const given = (options.collections ?? []) as readonly CollectionSpec[]
  return given.map((spec) => {
    if (seen.has(spec.name)) throw new SpillwayError('invalid', `Collection ${spec.name} is declared twice.`)
    seen.add(spec.name)
    return new CollectionRuntime(spec, partitions, DEFAULT_SETTINGS.nestingMax)
  })
}

function settingsOf(options: TierOptions): Partial<EngineSettings> {
  return {
    ...(options.writesWaitingMax === undefined ? {} : { writesWaitingMax: options.writesWaitingMax }),
    ...(options.landingLagMs === undefined ? {} : { landingLagMs: options.landingLagMs }),
    ...(options.openTimeoutMs === undefined ? {} : { openTimeoutMs: options.openTimeoutMs }),
    ...(options.sabotage === undefined ? {} : { sabotage: options.sabotage }),
  }
}

function reporter(logger: Logger | undefined): Report {
  if (logger === undefined) return () => undefined
  return ({ name, ...fields }) => logger[EVENTS[name].level]({ event: name, ...fields }, EVENTS[name].meaning)
}
