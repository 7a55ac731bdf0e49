/** All benches, in the order in which a write meets what they measure. */
import { land } from './benches/land.ts'
import { memory } from './benches/memory.ts'
import { put } from './benches/put.ts'
import { read } from './benches/read.ts'
import { recover } from './benches/recover.ts'
import { save } from './benches/save.ts'
import { redisLand } from './redis/land.ts'
import { redisMemory } from './redis/memory.ts'
import { redisPut } from './redis/put.ts'
import { redisRead } from './redis/read.ts'
import { redisRecover } from './redis/recover.ts'
import { redisSave } from './redis/save.ts'
import { redisScale } from './redis/scale.ts'
import type { Bench } from './result.ts'

/** Of the embedded profile: nothing else has to be there. */
export const embeddedBenches: readonly Bench[] = [save, read, put, land, recover, memory]

/** Of the profile redis with MariaDB, on servers that they start themselves. */
export const redisBenches: readonly Bench[] = [
  redisSave,
  redisRead,
  redisPut,
  redisLand,
  redisRecover,
  redisMemory,
  redisScale,
]

export const benches: readonly Bench[] = [...embeddedBenches, ...redisBenches]
