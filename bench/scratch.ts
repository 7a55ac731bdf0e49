/** Folders that are gone when the bench is, and tiers in them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collection, open } from '../src/index.ts'
import type { Records, Tier } from '../src/index.ts'

export interface Folder extends AsyncDisposable {
  readonly path: string
}

export async function scratchFolder(): Promise<Folder> {
  const path = await mkdtemp(join(process.env['SPILLWAY_BENCH_DIR'] ?? tmpdir(), 'spillway-bench-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export const COLLECTION = 'forms'

/** Enough for every bench, so that none of them measures a front that is full. */
const FRONT_BYTES_MAX = 4 * 2 ** 30

/** `api` journals and serves and never lands: that is what "landing deferred" means here. */
export function openTier(folder: string, role: 'all' | 'api'): Promise<Tier> {
  return open({
    front: 'memory:',
    journal: `sqlite:${join(folder, 'journal.db')}`,
    database: `sqlite:${join(folder, 'app.db')}`,
    collections: [collection(COLLECTION)],
    frontBytesMax: FRONT_BYTES_MAX,
    role,
  })
}

export function recordsOf(tier: Tier): Records<unknown> {
  return tier.records(COLLECTION) as Records<unknown>
}
