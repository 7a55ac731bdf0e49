/** A Redis and a MariaDB of the evening's own, started by the repository's scripts: there to be killed. */
import { join } from 'node:path'

interface RunningServer {
  readonly url: string
  readonly pid: number
  kill(signal?: NodeJS.Signals): Promise<void>
  restart(changes: object): Promise<void>
  stop(): Promise<void>
}

export interface RealServers {
  readonly redis: RunningServer
  readonly database: RunningServer
  stop(): Promise<void>
}

const SCRIPTS = new URL('../../../../scripts/services/', import.meta.url)

export async function startRealServers(folder: string): Promise<RealServers> {
  const { startRedis } = (await import(new URL('redis-server.ts', SCRIPTS).href)) as {
    startRedis(options: object): Promise<RunningServer>
  }
  const { startMariadb } = (await import(new URL('mariadb-server.ts', SCRIPTS).href)) as {
    startMariadb(options: object): Promise<RunningServer>
  }
  const redis = await startRedis({
    folder: join(folder, 'redis'),
    maxmemoryPolicy: 'noeviction',
    maxmemory: '4gb',
  })
  try {
    const database = await startMariadb({
      folder: join(folder, 'mariadb'),
      database: 'registration',
      // Durable as they come; with buffers as a server for this has.
      args: ['--innodb-buffer-pool-size=512M', '--innodb-log-file-size=256M'],
    })
    return {
      redis,
      database,
      stop: async () => {
        await redis.stop()
        await database.stop()
      },
    }
  } catch (error) {
    await redis.stop()
    throw error
  }
}
