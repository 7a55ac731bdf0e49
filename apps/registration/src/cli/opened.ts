/** Services on the stores that the command line names, for the length of one verb. */
import { keysOf, secretFromFile } from '../people/keys.ts'
import type { Keys } from '../people/keys.ts'
import { makeServices } from '../services.ts'
import type { Services } from '../services.ts'
import { openStore } from '../store/store.ts'
import type { Places } from './options.ts'
import { stderrLogger, tell } from './output.ts'

export interface Opened {
  readonly services: Services
  readonly keys: Keys
}

/** Time to land what the verb wrote, before it is left to the next start. */
export const DRAIN_MS = 60_000

export async function openServices(places: Places): Promise<Opened> {
  const secret = secretFromFile(places.secretFile)
  const store = await openStore({ ...places.store, logger: stderrLogger })
  return {
    services: makeServices({ store, secret, folder: places.folder, choicesMax: places.choicesMax }),
    keys: keysOf(secret),
  }
}

export async function withServices(
  places: Places,
  run: (opened: Opened) => Promise<number>,
): Promise<number> {
  const opened = await openServices(places)
  try {
    return await run(opened)
  } finally {
    const { pending, where } = await opened.services.store.close({ drainMs: DRAIN_MS })
    if (pending > 0) tell(`${pending} writes are safe in ${where} and land at the next start.`)
  }
}
