/** Faults that need a file system of their own. Mounts them, so that they need root. */
import { chmodSync, cpSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { HEALTHY_REDIS, dataFolder } from '../doctor/stores.ts'
import type { Faults } from '../doctor/faults.ts'
import { Sandbox } from '../scenarios/sandbox.ts'
import { startRedis } from '../servers/private-servers.ts'

const MIB = 2 ** 20

/** A file system in memory; goes after what was started on it. */
function smallDisk(bytes: number): ReturnType<Sandbox['smallDisk']> {
  const sandbox = new Sandbox()
  onTestFinished(() => sandbox.close())
  return sandbox.smallDisk('small', bytes)
}

async function dataOn(bytes: number): Promise<string[]> {
  const { folder } = smallDisk(bytes)
  chmodSync(folder, 0o755)
  cpSync(await dataFolder(), folder, { recursive: true })
  return ['--data', folder]
}

export const faults = {
  'disk-memory': {
    set: async () => ({ args: await dataOn(512 * MIB) }),
    found: /is on tmpfs, which is memory/,
  },
  'disk-free': {
    set: async () => ({ args: await dataOn(64 * MIB) }),
    found: /MiB free for/,
    also: ['disk-memory'],
  },
  'redis-aof-failed': {
    set: async (stores) => {
      const { folder } = smallDisk(3 * MIB)
      // Under `always` Redis would end itself.
      const redis = await startRedis({ ...HEALTHY_REDIS, folder, appendfsync: 'everysec' })
      onTestFinished(() => redis.stop())
      const value = 'x'.repeat(30_000)
      for (let n = 0; n < 400; n += 1) {
        if ((await redis.ask('INFO persistence')).includes('aof_last_write_status:err')) break
        await redis.ask(`SET k${n} ${value}`)
      }
      return { args: stores.fused({ redis: redis.url }) }
    },
    found: /could not write its append-only file/,
    also: ['redis-appendfsync'],
  },
} as const satisfies Faults
