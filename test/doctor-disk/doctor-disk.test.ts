import { expect, test, vi } from 'vitest'
import { due, examined } from '../doctor/examined.ts'
import { HEALTHY_REDIS, Stores } from '../doctor/stores.ts'
import { privateMariadb, privateRedis } from '../servers/private-servers.ts'
import { faults } from './faults.ts'

vi.setConfig({ testTimeout: 60_000 })

const stores = new Stores(await privateRedis(HEALTHY_REDIS), await privateMariadb())

test.each(Object.keys(faults) as (keyof typeof faults)[])(
  '%s: its finding, its fix, its exit code',
  async (id) => {
    expect(await examined(id, faults[id], stores)).toEqual(due(id, faults[id]))
  },
)
