/**
 * Opening the stores for a verb, and how a refusal to open them becomes an exit code.
 */
import { isSpillwayError } from '../errors.ts'
import { requireDataFolder } from './data-folder.ts'
import { EXIT, VerbFailure } from './exit-code.ts'
import { settingsOf } from './settings.ts'
import { withProgress } from './terminal/progress.ts'
import type { Tier, TierOptions } from '../index.ts'
import type { ServeSettings } from '../options/serve-options.ts'
import type { Invocation } from './verb.ts'

/** A folder that another process has open is a conflict, not a store that does not answer. */
export function conflictIfInUse(error: unknown): unknown {
  return isSpillwayError(error, 'unavailable') && error.detail.includes('is in use by')
    ? new VerbFailure(EXIT.conflict, error.detail, { cause: error })
    : error
}

export async function openTier(invocation: Invocation, options: TierOptions): Promise<Tier> {
  // Only now: most verbs never need the engine, and it takes a while to load.
  const { open } = await import('../index.ts')
  try {
    return await withProgress(
      invocation.terminal,
      () => 'opening journal and database',
      () => open(options),
    )
  } catch (error) {
    throw conflictIfInUse(error)
  }
}

/** The settings of a verb that only looks: a data folder that is not there is not made. */
export async function existingStores(invocation: Invocation): Promise<ServeSettings> {
  const settings = await settingsOf(invocation)
  if (settings.data !== undefined) requireDataFolder(settings.data)
  return settings
}
