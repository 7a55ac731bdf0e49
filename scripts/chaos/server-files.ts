/** The files of stores, as an operator handles them: copies, restores, new disks and cut tails. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '../services/redis-server.ts'

const REWRITE_MS_MAX = 20_000
const POLL_MS = 20

/**
 * A copy of a server's folder as it is at one moment, which the server is stopped for: what a power cut then would
 * have left. Both stores start from such a folder.
 */
export async function copyFolder(
  server: { kill(signal: NodeJS.Signals): Promise<void> },
  folder: string,
  copy: string,
): Promise<void> {
  await server.kill('SIGSTOP')
  try {
    const made = spawnSync('cp', ['-a', '--sparse=always', folder, copy])
    if (made.status !== 0) cpSync(folder, copy, { recursive: true })
  } finally {
    await server.kill('SIGCONT')
  }
}

/** Puts the copy in the folder's place. */
export function restoreFolder(copy: string, folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  cpSync(copy, folder, { recursive: true })
}

/** As a new disk. */
export function emptyFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
}

/** The append-only file that is being written. */
export function aofOf(redis: RedisServer): string {
  const folder = join(redis.folder, 'appendonlydir')
  const file = readdirSync(folder)
    .filter((name) => name.endsWith('.incr.aof'))
    .sort()
    .at(-1)
  if (file === undefined) throw new Error(`No append-only file in ${folder}`)
  return join(folder, file)
}

export function sizeOf(file: string): number {
  return statSync(file).size
}

export function cutTail(file: string, bytes: number): void {
  truncateSync(file, Math.min(bytes, sizeOf(file)))
}

/** A dump.rdb as it is now. */
export async function takeDump(redis: RedisServer, file: string): Promise<void> {
  const answer = await redis.ask('SAVE')
  if (!answer.startsWith('+OK')) throw new Error(`SAVE was answered with ${answer}`)
  copyFileSync(join(redis.folder, 'dump.rdb'), file)
}

/**
 * The way that Redis's own manual has it: with an append-only file asked for and none there, a dump is not read, so
 * Redis is started without one, and begins it once the dump is loaded. Nobody should be let in before.
 */
export async function restoreDump(redis: RedisServer, file: string): Promise<void> {
  emptyFolder(redis.folder)
  copyFileSync(file, join(redis.folder, 'dump.rdb'))
  await redis.restart({ appendfsync: 'none' })
  await redis.ask('CONFIG SET appendfsync always')
  await redis.ask('CONFIG SET appendonly yes')
  const deadline = performance.now() + REWRITE_MS_MAX
  for (;;) {
    const info = await redis.ask('INFO persistence')
    const begun = info.includes('aof_enabled:1') && info.includes('aof_last_bgrewrite_status:ok')
    if (begun && /aof_rewrite_in_progress:0\r[^]*aof_rewrite_scheduled:0\r/.test(info)) return
    if (performance.now() > deadline) throw new Error(`The append-only file never began:\n${info}`)
    await sleep(POLL_MS)
  }
}
