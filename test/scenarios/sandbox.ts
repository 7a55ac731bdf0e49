/**
 * A folder for one test, and what is needed around it; everything is undone by `close`.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { endAll } from './served.ts'

export const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Calls `check` until it is true; fails by name when it never is. */
export async function until(
  what: string,
  check: () => Promise<boolean> | boolean,
  ms = 15_000,
): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`Never came: ${what}`)
    await wait(25)
  }
}

export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), 'spillway-scenario-'))
  readonly #mounts: string[] = []
  readonly #locks: DatabaseSync[] = []

  constructor() {
    // Servers of other users have to get in.
    chmodSync(this.folder, 0o755)
  }

  path(...names: string[]): string {
    return join(this.folder, ...names)
  }

  make(name: string): string {
    mkdirSync(this.path(name), { recursive: true })
    return this.path(name)
  }

  copy(from: string, to: string): string {
    cpSync(this.path(from), this.path(to), { recursive: true })
    return this.path(to)
  }

  /** A file system in memory of so many bytes. Needs root. */
  smallDisk(name: string, bytes: number): { readonly folder: string; resize(bytes: number): void } {
    const folder = this.make(name)
    run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder])
    this.#mounts.push(folder)
    return { folder, resize: (size) => run('mount', ['-o', `remount,size=${size}`, folder]) }
  }

  /** Holds the write lock of a SQLite file, as a long transaction of another program would. */
  lock(file: string): { release(): void } {
    const connection = new DatabaseSync(file, { timeout: 5_000 })
    connection.exec('BEGIN IMMEDIATE')
    this.#locks.push(connection)
    return {
      release: () => {
        connection.exec('ROLLBACK')
        connection.close()
        this.#locks.splice(this.#locks.indexOf(connection), 1)
      },
    }
  }

  async close(): Promise<void> {
    await endAll()
    for (const connection of this.#locks) connection.close()
    for (const folder of this.#mounts) run('umount', [folder])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function run(command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8' })
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${result.stderr || String(result.error)}`)
}

export interface StatusBody {
  readonly ready: boolean
  readonly generation: number
  readonly totals: {
    readonly accepted: number
    readonly landed: number
    readonly superseded: number
    readonly refused: number
    readonly parked: number
    readonly pending: number
  }
}

export async function statusOf(url: string): Promise<StatusBody> {
  return (await (await fetch(`${url}/v1/status`)).json()) as StatusBody
}

export async function drained(url: string, ms = 20_000): Promise<void> {
  await until('everything landed', async () => (await statusOf(url)).totals.pending === 0, ms)
}
