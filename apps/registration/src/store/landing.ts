/** How far the tables are behind, and waiting for them: for what reads them by SQL after something was written. */
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import type { Store } from './store.ts'

const POLL_MS = 20

/** Age of the oldest write that is not in the database yet, by the partition that is furthest behind. */
export async function lagOf({ tier }: Store): Promise<number> {
  const { partitions } = await tier.status()
  return Math.max(0, ...partitions.map((one) => one.lagMs))
}

/** Whether all that was written before this call came to be in the tables in time, whatever is written meanwhile. */
export async function writtenLanded({ tier }: Store, clock: Clock, timeoutMs: number): Promise<boolean> {
  const startedMs = clock.now()
  for (;;) {
    const { partitions } = await tier.status()
    const waitedMs = clock.now() - startedMs
    const isYounger = (lagMs: number): boolean => lagMs > 0 && lagMs < waitedMs
    if (partitions.every((one) => one.pending === 0 || isYounger(one.lagMs))) return true
    if (waitedMs > timeoutMs) return false
    await sleep(POLL_MS)
  }
}
