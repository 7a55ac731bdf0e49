/** All benches, in the order in which a write meets what they measure. */
import { put } from './benches/put.ts'
import type { Bench } from './result.ts'

export const benches: readonly Bench[] = [put]
