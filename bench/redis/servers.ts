/** A Redis and a MariaDB of the bench's own, durable: every acknowledged write is synced. Gone with the bench. */
import { join } from 'node:path'
import { startMariadb } from '../../scripts/services/mariadb-server.ts'
import type { MariadbServer } from '../../scripts/services/mariadb-server.ts'
import { startRedis } from '../../scripts/services/redis-server.ts'
import type { RedisServer } from '../../scripts/services/redis-server.ts'
import { collection, open } from '../../src/index.ts'
import type { Tier, TierOptions } from '../../src/index.ts'
import { COLLECTION, scratchFolder } from '../scratch.ts'

export interface Servers extends AsyncDisposable {
  readonly redis: RedisServer
  readonly mariadb: MariadbServer
  /** For a SQLite journal. */
  readonly folder: string
  /** An empty Redis and an empty database: what a round measures must not depend on the one before. */
  empty(): Promise<void>
  /** The profile redis with MariaDB; `role` as in `open`, `api` does not land. */
  open(role: 'all' | 'api', options?: Partial<TierOptions>): Promise<Tier>
  /** The flags of `spillway serve` for the same. */
  readonly flags: readonly string[]
}

export async function startServers(): Promise<Servers> {
  const scratch = await scratchFolder()
  // Without a maxmemory a tier takes 1 GiB of what has not landed, which a million writes of 500 bytes are more than.
  const redis = await startRedis({ folder: join(scratch.path, 'redis'), maxmemory: '8gb' })
  const mariadb = await startMariadb({
    folder: join(scratch.path, 'mariadb'),
    args: ['--innodb-buffer-pool-size=1G', '--innodb-log-file-size=512M'],
  })
  return {
    redis,
    mariadb,
    folder: scratch.path,
    flags: ['--front', redis.url, '--journal', 'same', '--database', mariadb.url],
    async empty() {
      await redis.ask('FLUSHALL')
      await mariadb.emptyDatabase('spillway')
    },
    open: (role, options = {}) =>
      open({
        front: redis.url,
        journal: 'same',
        database: mariadb.url,
        collections: [collection(COLLECTION)],
        role,
        ...options,
      }),
    async [Symbol.asyncDispose]() {
      await redis.stop()
      await mariadb.stop()
      await scratch[Symbol.asyncDispose]()
    },
  }
}
