/** `demo`: the evening of the deadline in twenty seconds, with nothing installed; see load/demo.ts. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../clock.ts'
import { teacherCount } from '../generate/people.ts'
import { demoChecks, demoLines } from '../load/demo-report.ts'
import { Demo } from '../load/demo.ts'
import { paintFor } from '../load/paint.ts'
import { ServerChild } from '../load/server-child.ts'
import { StaffClient } from '../load/staff-client.ts'
import { STAFF_LOGIN, prepared } from './first-data.ts'
import { placesOf } from './options.ts'
import type { CommandLine } from './options.ts'
import { ProgressLine, data } from './output.ts'
import { storeArguments } from './verb-load.ts'

const PEOPLE = 2_000
const WIDTH_MAX = 100
const WIDTH_PIPED = 80
const INTERRUPTED = 130

export async function demoVerb(line: CommandLine): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'registration-demo-'))
  const progress = new ProgressLine()
  let demo: Demo | undefined
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(INTERRUPTED))
  })
  const say = (step: string): void => progress.show(`  ${step} …`, systemClock.now())
  const play = async (): Promise<number> => {
    const places = placesOf(line, folder)
    const people = line.whole('people', PEOPLE)
    say(`making ${people} candidates`)
    const { code, tokens } = await prepared({ ...places, folder }, people, true)
    const sabotage = line.text('sabotage')
    const server = [...storeArguments(places), '--people', '0']
    if (sabotage !== undefined) server.push('--sabotage', sabotage)
    demo = new Demo({
      folder,
      people,
      teachers: teacherCount(people),
      tokens,
      secretFile: places.secretFile,
      start: (port) => ServerChild.start([...server, '--port', port], undefined, line.text('runtime-path')),
      staff: async (url) => {
        const staff = new StaffClient([url])
        await staff.signIn(STAFF_LOGIN, code)
        return staff
      },
      onStep: say,
    })
    const report = await demo.run()
    progress.end()
    const width = Math.min(WIDTH_MAX, process.stdout.columns ?? WIDTH_PIPED)
    if (line.flag('json')) {
      const { timeline: _, marks: __, ...figures } = report
      data({ ok: demoChecks(report).every((check) => check.isGood), ...figures })
    } else for (const text of demoLines(report, width, paintFor(process.stdout))) data(text)
    return demoChecks(report).every((check) => check.isGood) ? 0 : 1
  }
  const played = play()
  try {
    return await Promise.race([played, interrupted])
  } finally {
    progress.end()
    // Whatever was under way fails once its server is gone; nobody waits for that any more.
    played.catch(() => undefined)
    await (demo as Demo | undefined)?.abandon()
    await rm(folder, { recursive: true, force: true })
  }
}
