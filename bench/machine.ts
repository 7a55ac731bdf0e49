/** Where and with what something was measured: without it a stored number says nothing. */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

export interface Machine {
  readonly cpus: number
  readonly cpu: string
  readonly memoryGiB: number
  readonly system: string
  /** Processes that wanted to run in the minute before: above `cpus`, others were served too. */
  readonly loadBefore: number
}

export interface Versions {
  readonly spillway: string
  readonly runtime: string
  readonly sqlite: string
}

export function machine(): Machine {
  return {
    cpus: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    loadBefore: Math.round((loadavg()[0] as number) * 10) / 10,
  }
}

export async function versions(): Promise<Versions> {
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(':memory:')
  const { version } = database.prepare('SELECT sqlite_version() AS version').get() as { version: string }
  database.close()
  const bun = process.versions['bun']
  const { version: spillway } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  return {
    spillway,
    runtime: bun === undefined ? `node ${process.versions.node}` : `bun ${bun}`,
    sqlite: version,
  }
}
