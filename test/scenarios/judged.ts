/**
 * Runs the verdict as a program of its own on a saved history.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeFile, start } from './served.ts'
import type { Clients } from './load.ts'

const verdictFile = fileURLToPath(new URL('verdict.ts', import.meta.url))

export interface Judged {
  readonly breaches: readonly string[]
  readonly breachesCount: number
  readonly checked: {
    readonly keys: number
    readonly reads: number
    readonly acknowledged: number
    readonly rows: number
  }
}

async function run(args: readonly string[]): Promise<string> {
  const program = start([nodeFile(), '--no-warnings', verdictFile, ...args])
  const { code } = await program.ended
  if (code === 0 || (code === 1 && program.out() !== '')) return program.out()
  throw new Error(`The verdict itself failed (${code}):\n${program.err()}`)
}

/** What is wrong with the history, with what the server at `url` says, and with what the tables in `sql` have. */
export async function verdictOn(
  clients: Clients,
  folder: string,
  against: { url?: string; sql?: string } = {},
): Promise<Judged> {
  const history = join(folder, 'history.jsonl')
  clients.save(history)
  const args = Object.entries(against).flatMap(([name, value]) => [`--${name}`, value])
  return JSON.parse(await run([history, ...args])) as Judged
}

/** How many acknowledged records SQL does not have yet; for when no server runs. */
export async function unlandedIn(clients: Clients, folder: string, sql: string): Promise<number> {
  const history = join(folder, 'history.jsonl')
  clients.save(history)
  return (JSON.parse(await run([history, '--unlanded', sql])) as { unlanded: number }).unlanded
}
