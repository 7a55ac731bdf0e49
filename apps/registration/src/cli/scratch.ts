/**
 * Where a verb of load works: a folder of its own that is gone afterwards, unless one is named; and with `--servers`
 * a Redis and a MariaDB of its own in it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRealServers } from '../load/real-servers.ts'
import type { RealServers } from '../load/real-servers.ts'
import { placesOf } from './options.ts'
import type { CommandLine, Places } from './options.ts'
import { tell } from './output.ts'

export async function inScratch(
  line: CommandLine,
  run: (places: Places, real: RealServers | undefined) => Promise<number>,
): Promise<number> {
  const scratch =
    line.text('data') === undefined ? await mkdtemp(join(tmpdir(), `registration-${line.verb}-`)) : undefined
  let real: RealServers | undefined
  try {
    const usual = placesOf(line, scratch)
    if (line.flag('servers')) {
      tell('Starting a Redis and a MariaDB of its own …')
      real = await startRealServers(usual.folder)
    }
    return await run(real === undefined ? usual : realPlaces(usual, real), real)
  } finally {
    await real?.stop()
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true })
  }
}

function realPlaces(places: Places, { redis, database }: RealServers): Places {
  const store = { ...places.store, front: redis.url, journal: 'same', database: database.url }
  return { ...places, store, isEmbedded: false }
}
