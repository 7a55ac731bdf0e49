/**
 * The memory of this process over time, as lines of JSON: what is alive after a full collection, so that garbage
 * does not count, and what the system has given it.
 */
import { appendFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { sleep, systemClock } from '../clock.ts'

export interface MemorySample {
  readonly atMs: number
  /** Of JavaScript, with buffers. */
  readonly liveBytes: number
  readonly residentBytes: number
  /** What the front says it holds, within its bound. */
  readonly frontBytes: number
}

export interface MemoryLogOptions {
  readonly path: string
  readonly everyMs: number
  readonly frontBytes: () => Promise<number>
  /** For a test of the soak only: keeps a mebibyte each time. */
  readonly leaks: boolean
}

/** Until it is aborted. A collection stops the world: not for a server that is measured for its answers. */
export async function logMemory(options: MemoryLogOptions, signal: AbortSignal): Promise<void> {
  const { path, everyMs, frontBytes, leaks } = options
  const collect = collector()
  const kept: Buffer[] = []
  while (!signal.aborted) {
    await sleep(everyMs, signal).catch(() => undefined)
    if (leaks) kept.push(Buffer.alloc(2 ** 20, kept.length))
    collect()
    const { heapUsed, external, rss } = process.memoryUsage()
    const sample: MemorySample = {
      atMs: systemClock.now(),
      liveBytes: heapUsed + external,
      residentBytes: rss,
      frontBytes: await frontBytes(),
    }
    appendFileSync(path, `${JSON.stringify(sample)}\n`)
  }
}

/** Of either runtime, without a flag at its start. */
function collector(): () => void {
  const { Bun } = globalThis as unknown as { Bun?: { gc(now: boolean): void } }
  if (Bun !== undefined) return () => Bun.gc(true)
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
