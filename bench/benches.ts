/** All benches, in the order in which a write meets what they measure. */
import { land } from './benches/land.ts'
import { memory } from './benches/memory.ts'
import { put } from './benches/put.ts'
import { read } from './benches/read.ts'
import { recover } from './benches/recover.ts'
import { save } from './benches/save.ts'
import type { Bench } from './result.ts'

export const benches: readonly Bench[] = [save, read, put, land, recover, memory]
