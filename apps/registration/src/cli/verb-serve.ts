/**
 * `serve`: the application. Embedded and empty, it is filled with generated people first, so that there is
 * something to look at after one command.
 */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { candidateId, generatedCode, teacherLogin } from '../generate/people.ts'
import { logMemory } from '../load/memory-log.ts'
import { makeApp } from '../server/app.ts'
import { listen } from '../server/listen.ts'
import { StaticFiles } from '../server/static-files.ts'
import { fill, firstStaff } from './first-data.ts'
import { placesOf } from './options.ts'
import type { CommandLine, Places } from './options.ts'
import { openServices } from './opened.ts'
import type { Opened } from './opened.ts'
import { data, tell } from './output.ts'

const PEOPLE = 5_000
const STOP_DRAIN_MS = 10_000
const MEMORY_LOG_MS = 5_000
const PAGES = fileURLToPath(new URL('../../web', import.meta.url))

export async function serveVerb(line: CommandLine): Promise<number> {
  const places = placesOf(line)
  const opened = await openServices(places)
  const { services } = opened
  const { store } = services
  try {
    const people = line.whole('people', places.isEmbedded ? PEOPLE : 0)
    if (people > 0) await fill(opened, people)
    // Nobody reads what a lander says: the code of the first member of staff would be lost there.
    if (places.store.role !== 'lander') await firstStaff(opened)
    const app = makeApp(services, await StaticFiles.of(PAGES), (error) =>
      tell(JSON.stringify({ level: 'error', defect: error instanceof Error ? error.stack : String(error) })),
    )
    const listening = await listen(app, {
      host: line.text('host') ?? '127.0.0.1',
      port: line.whole('port', 7_080),
      trustProxy: line.flag('trust-proxy'),
    })
    const stopped = stopSignal()
    const stopping = new AbortController()
    const logged = memoryLogged(line, opened, stopping.signal)
    tell(await welcome(opened, listening.url, listening.runtime, places, people))
    data({ ready: true, url: listening.url, pid: process.pid, role: places.store.role })
    const signal = await stopped
    tell(`${signal}: taking no more requests, landing what is pending …`)
    stopping.abort()
    await logged
    await listening.close()
  } finally {
    const { pending, where } = await store.close({ drainMs: STOP_DRAIN_MS })
    tell(
      pending === 0
        ? 'Everything has landed.'
        : `${pending} writes are safe in ${where} and land at the next start.`,
    )
  }
  return 0
}

async function welcome(
  { services, keys }: Opened,
  url: string,
  runtime: string,
  places: Places,
  people: number,
): Promise<string> {
  const status = await services.store.tier.status()
  const { window } = await services.settings.refresh()
  const samples = [0, 1, 2].map((n) => `candidate/${candidateId(n)}`)
  const codes = [...samples, `teacher/${teacherLogin(0)}`].map((person) => {
    const [role, id] = person.split('/') as [string, string]
    return `    ${role.padEnd(10)} ${id.padEnd(19)} one-time code ${generatedCode(keys.oneTimeCode, person)}`
  })
  return [
    '',
    `  registration  ${url}  (teachers: ${url}/teacher)`,
    `  runs on ${runtime}, profile ${status.profile}: ${status.promise}`,
    `  data in ${places.folder}`,
    `  forms can be saved from ${window.opens} to ${window.closes}`,
    ...(people > 0
      ? ['  sign in with (the code is good once, then the password that you choose):', ...codes]
      : []),
    '',
  ].join('\n')
}

/** Nothing where no log is asked for. */
async function memoryLogged(line: CommandLine, { services }: Opened, signal: AbortSignal): Promise<void> {
  const path = line.text('memory-log')
  if (path === undefined) return
  const frontBytes = async (): Promise<number> => (await services.store.tier.status()).usage.frontBytes
  const everyMs = line.whole('memory-every', MEMORY_LOG_MS)
  await logMemory({ path, everyMs, frontBytes, leaks: line.text('sabotage') === 'leak' }, signal)
}

async function stopSignal(): Promise<string> {
  const [signal] = await Promise.race([
    once(process, 'SIGTERM').then(() => ['SIGTERM']),
    once(process, 'SIGINT').then(() => ['SIGINT']),
  ])
  return signal as string
}
