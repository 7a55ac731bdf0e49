/** `evening`: the last hour compressed, with what breaks in it, the close, the export and the proof. */
import { join } from 'node:path'
import { teacherCount } from '../generate/people.ts'
import { exported, playEvening } from '../load/evening.ts'
import { Generator } from '../load/generator.ts'
import { HistoryFile } from '../load/history-file.ts'
import { PUBLISHED_MIX } from '../load/mix.ts'
import type { RealServers } from '../load/real-servers.ts'
import { ServerChild } from '../load/server-child.ts'
import { StaffClient } from '../load/staff-client.ts'
import { STAFF_LOGIN, prepared } from './first-data.ts'
import type { CommandLine, Places } from './options.ts'
import { tell } from './output.ts'
import { inScratch } from './scratch.ts'
import { checkVerb } from './verb-check.ts'
import { checkArguments, storeArguments } from './verb-load.ts'

const PEOPLE = 5_000

export function eveningVerb(line: CommandLine): Promise<number> {
  return inScratch(line, (places, real) => play(line, places, real))
}

async function play(line: CommandLine, places: Places, real: RealServers | undefined): Promise<number> {
  const people = line.whole('people', PEOPLE)
  const { code, tokens } = await prepared(places, people)
  const runtime = line.text('runtime-path') ?? process.execPath
  const start = (port: string): Promise<ServerChild> =>
    ServerChild.start([...storeArguments(places), '--people', '0', '--port', port], undefined, runtime)
  // Several processes need stores that are not one process's own.
  const servers = await Promise.all(Array.from({ length: real === undefined ? 1 : 2 }, () => start('0')))
  const urls = servers.map((server) => server.url)
  const history = join(places.folder, 'history.jsonl')
  const file = new HistoryFile(history)
  const staff = new StaffClient(urls)
  try {
    await staff.signIn(STAFF_LOGIN, code)
    const generator = new Generator({
      urls,
      connections: line.whole('connections', 64),
      people,
      teachers: teacherCount(people),
      tokens,
      mix: PUBLISHED_MIX,
      seed: line.whole('seed', 1),
      history: file,
    })
    tell('                   reads  saves   exam  teach    p99  refused')
    await playEvening({
      generator,
      servers,
      revive: (index) => start(new URL(urls[index] as string).port),
      real,
      staff,
      seconds: line.whole('seconds', 120),
      pace: line.whole('pace', 1_500),
      tell,
    })
    file.close()
    const name = await exported(staff)
    tell(`Exported to ${name}. What clients were told against the database and the export:`)
    return await checkVerb([
      ...checkArguments(places, history),
      '--export',
      join(places.folder, 'exports', name),
    ])
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}
