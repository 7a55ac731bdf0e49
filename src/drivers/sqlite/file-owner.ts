/**
 * Who has a SQLite file open. The lock is SQLite's own (a kernel lock, gone with its process, kill -9 included); a
 * file beside it only names the owner for the message to whoever is turned away, and may be stale.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { SpillwayError } from '../../errors.ts'

function besides(path: string): string {
  return `${path}.owner`
}

/** Names this process; to be called by whoever holds the lock. */
export function nameOwner(path: string): void {
  writeFileSync(besides(path), `${process.pid}\n`)
}

export function forgetOwner(path: string): void {
  rmSync(besides(path), { force: true })
}

/** For whoever found the lock taken. */
export function inUse(path: string, cause: unknown): SpillwayError {
  const pid = ownerOf(path)
  const who = pid === undefined ? 'another process' : `process ${pid}`
  return new SpillwayError(
    'unavailable',
    `${path} is in use by ${who}: only one process may have it open. Stop that one, or ask it through its HTTP API.`,
    { cause },
  )
}

function ownerOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(besides(path), 'utf8').trim())
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
