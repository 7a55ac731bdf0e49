/**
 * Servers of a test's own, on real programs: started in a temporary folder, killed and restarted as the test likes,
 * stopped and removed after it, and ended too when the test crashes (server-process.ts).
 *
 * In a test file's own body the server lives for the file; in a test, pass vitest's `onTestFinished`.
 * Benches and chaos, which have no vitest, call `startRedis`, `startRedisCluster` and `startMariadb` themselves.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { startMariadb } from '../../scripts/services/mariadb-server.ts'
import type { MariadbOptions, MariadbServer } from '../../scripts/services/mariadb-server.ts'
import { startRedisCluster } from '../../scripts/services/redis-cluster.ts'
import type { RedisCluster, RedisClusterOptions } from '../../scripts/services/redis-cluster.ts'
import { startRedis } from '../../scripts/services/redis-server.ts'
import type { RedisOptions, RedisServer } from '../../scripts/services/redis-server.ts'

export { startMariadb, startRedis, startRedisCluster }
export type { MariadbServer, RedisCluster, RedisServer }

type Finish = (cleanUp: () => Promise<void>) => void

const startMsMax = 90_000

const inFolderOfItsOwn = async <Server extends AsyncDisposable>(
  finish: Finish,
  start: (folder: string) => Promise<Server>,
): Promise<Server> => {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-server-'))
  const starting = start(folder)
  finish(async () => {
    const [started] = await Promise.allSettled([starting])
    if (started.status === 'fulfilled') await started.value[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })
  return starting
}

const afterFile: Finish = (cleanUp) => afterAll(cleanUp, startMsMax)

export const privateRedis = (
  options: Omit<RedisOptions, 'folder'> = {},
  finish: Finish = afterFile,
): Promise<RedisServer> => inFolderOfItsOwn(finish, (folder) => startRedis({ ...options, folder }))

export const privateRedisCluster = (
  options: Omit<RedisClusterOptions, 'folder'> = {},
  finish: Finish = afterFile,
): Promise<RedisCluster> => inFolderOfItsOwn(finish, (folder) => startRedisCluster({ ...options, folder }))

export const privateMariadb = (
  options: Omit<MariadbOptions, 'folder'> = {},
  finish: Finish = afterFile,
): Promise<MariadbServer> => inFolderOfItsOwn(finish, (folder) => startMariadb({ ...options, folder }))
