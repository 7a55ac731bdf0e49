/** All faults, in the order of the table. */
import type { Fault } from './fault.ts'
import { mariadbFaults } from './faults-mariadb.ts'
import { processFaults } from './faults-processes.ts'
import { redisFaults } from './faults-redis.ts'

export const FAULTS: readonly Fault[] = [...redisFaults, ...mariadbFaults, ...processFaults]
