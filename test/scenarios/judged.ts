/**
 * The verdict on the histories of some clients: here in this process, and, at the end of the kill suite, by the
 * program alone.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeFile, start } from './served.ts'
import { countUnlanded, judge, judgeSql, readNow } from './verdict.ts'
import type { Clients } from './load.ts'
import type { Verdict } from './verdict.ts'

export interface Against {
  /** A server that is asked for every key. */
  readonly url?: string
  /** The database file, once everything is landed. */
  readonly sql?: string
}

/** What is wrong with the history, with what the server says, and with what the tables have. */
export async function verdictOn(clients: Clients, against: Against = {}): Promise<Verdict> {
  const events = [...clients.events]
  if (against.url !== undefined) events.push(...(await readNow(against.url, events)))
  const verdict = judge(events)
  const rows = against.sql === undefined ? 0 : judgeSql(against.sql, events, verdict.breaches)
  return { breaches: verdict.breaches, checked: { ...verdict.checked, rows } }
}

/** How many acknowledged records SQL does not have yet; for when no server runs. */
export function unlandedIn(clients: Clients, sql: string): number {
  return countUnlanded(sql, clients.events)
}

/** The same verdict by the program, from the saved history. */
export async function verdictOfProgram(clients: Clients, folder: string, against: Against): Promise<Verdict> {
  const history = join(folder, 'history.jsonl')
  clients.save(history)
  const file = fileURLToPath(new URL('verdict.ts', import.meta.url))
  const args = Object.entries(against).flatMap(([name, value]) => [`--${name}`, value as string])
  const program = start([nodeFile(), '--no-warnings', file, history, ...args])
  const { code } = await program.ended
  if (program.out() === '') throw new Error(`The verdict itself failed (${code}):\n${program.err()}`)
  return JSON.parse(program.out()) as Verdict
}
