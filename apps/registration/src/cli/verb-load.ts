/**
 * `load`: the mix of a deadline evening against a server of its own, and the proof at the end.
 *
 *   ceiling (empty server, same generator) ─▶ server, filled ─▶ warm-up ─▶ measured ─▶ stopped, landed ─▶ check
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sleep } from '../clock.ts'
import { teacherCount } from '../generate/people.ts'
import { Generator } from '../load/generator.ts'
import type { Figures, GeneratorOptions } from '../load/generator.ts'
import { HistoryFile } from '../load/history-file.ts'
import { PUBLISHED_MIX } from '../load/mix.ts'
import { CostMeter } from '../load/process-cost.ts'
import type { RealServers } from '../load/real-servers.ts'
import { allPerSecond, figuresTable, worstP99Ms } from '../load/report.ts'
import { ServerChild } from '../load/server-child.ts'
import { keysOf, secretFromFile } from '../people/keys.ts'
import { SessionTokens } from '../people/session-token.ts'
import type { CommandLine, Places } from './options.ts'
import { data, tell } from './output.ts'
import { inScratch } from './scratch.ts'
import { checkVerb } from './verb-check.ts'

const EMPTY = fileURLToPath(new URL('../load/empty-server.ts', import.meta.url))
const CEILING_SECONDS = 4
const WARM_UP_SECONDS = 3

export function loadVerb(line: CommandLine): Promise<number> {
  return inScratch(line, (places, real) => loadIn(line, places, real))
}

async function loadIn(line: CommandLine, places: Places, real: RealServers | undefined): Promise<number> {
  const seconds = line.whole('seconds', 20)
  const people = line.whole('people', 20_000)
  const history = join(places.folder, 'history.jsonl')
  const runtime = line.text('runtime-path') ?? process.execPath
  const options = mixOptions(line, places, people)
  const empty = await ServerChild.start([], EMPTY, runtime)
  const emptyCost = new CostMeter([{ name: 'Empty handler', pid: empty.pid }])
  const ceiling = await measured(
    { ...options, urls: [empty.url], history: undefined },
    CEILING_SECONDS,
    emptyCost,
  )
  await empty.stop()
  tell(`An empty handler answers ${allPerSecond(ceiling).toFixed(0)} requests/s to the same generator.`)
  for (const text of emptyCost.lines(allPerSecond(ceiling) * CEILING_SECONDS)) tell(text)

  tell(`Starting a server with ${people} candidates …`)
  const server = await ServerChild.start(
    [...storeArguments(places), '--port', '0', '--people', String(people)],
    undefined,
    runtime,
  )
  const file = new HistoryFile(history)
  const watched = [{ name: 'Server, landing included', pid: server.pid }]
  if (real !== undefined) watched.push({ name: 'Redis', pid: real.redis.pid })
  if (real !== undefined) watched.push({ name: 'MariaDB', pid: real.database.pid })
  const cost = new CostMeter(watched)
  let figures: Figures
  try {
    figures = await measured({ ...options, urls: [server.url], history: file }, seconds, cost)
  } finally {
    file.close()
    await server.stop()
  }
  const share = allPerSecond(figures) / allPerSecond(ceiling)
  tell(figuresTable(figures))
  tell(
    `${(share * 100).toFixed(0)} % of the empty handler; the slowest p99 is ${worstP99Ms(figures).toFixed(0)} ms.`,
  )
  for (const text of cost.lines(allPerSecond(figures) * seconds)) tell(text)
  tell(server.told.trim().split('\n').at(-1) ?? '')
  tell('What clients were told against what is in the database:')
  const code = await checkVerb(checkArguments(places, history))
  if (line.flag('json')) data({ ceiling, figures, share, checked: code === 0 })
  return code
}

/** The published mix by so many people, as the command line wants it. */
export function mixOptions(
  line: CommandLine,
  { secretFile }: Places,
  people: number,
): Omit<GeneratorOptions, 'urls' | 'history'> {
  return {
    connections: line.whole('connections', 64),
    people,
    teachers: teacherCount(people),
    tokens: new SessionTokens(keysOf(secretFromFile(secretFile)).session),
    mix: PUBLISHED_MIX,
    seed: line.whole('seed', 1),
  }
}

export async function measured(
  options: GeneratorOptions,
  seconds: number,
  cost?: CostMeter,
): Promise<Figures> {
  const generator = new Generator(options)
  generator.start()
  await sleep(WARM_UP_SECONDS * 1_000)
  generator.takeFigures()
  cost?.begin()
  await sleep(seconds * 1_000)
  const figures = generator.takeFigures()
  cost?.end()
  await generator.stop()
  return figures
}

/** The same stores for a child. */
export function storeArguments({ folder, secretFile, store }: Places): string[] {
  const { front, journal, database } = store
  return [
    '--data',
    folder,
    '--secret-file',
    secretFile,
    '--front',
    front,
    '--journal',
    journal,
    '--database',
    database,
  ]
}

export function checkArguments({ secretFile, store }: Places, history: string): string[] {
  return ['--database', store.database, '--secret-file', secretFile, '--history', history]
}
