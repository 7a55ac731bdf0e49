/** The command line of registration: one verb a file in cli/. */
import { isSpillwayError } from 'spillway'
import { UsageError, commandLine, usage } from './cli/options.ts'
import type { CommandLine } from './cli/options.ts'
import { tell } from './cli/output.ts'
import { checkVerb } from './cli/verb-check.ts'
import { backlogVerb } from './cli/verb-backlog.ts'
import { demoVerb } from './cli/verb-demo.ts'
import { eveningVerb } from './cli/verb-evening.ts'
import { generateVerb, sessionsVerb } from './cli/verb-generate.ts'
import { importVerb } from './cli/verb-import.ts'
import { loadVerb } from './cli/verb-load.ts'
import { recoveryVerb } from './cli/verb-recovery.ts'
import { serveVerb } from './cli/verb-serve.ts'
import { soakVerb } from './cli/verb-soak.ts'
import { closeVerb, exportVerb, resetPasswordVerb, windowVerb } from './cli/verb-staff.ts'
import { Problem } from './problem.ts'

const VERBS: Readonly<
  Record<string, readonly [meaning: string, run: (line: CommandLine) => Promise<number>]>
> = {
  serve: ['the application (also without a verb)', serveVerb],
  import: [
    'KIND FILE, or FILE… named KIND.csv: candidates, results, classes, teachers, schools, majors',
    importVerb,
  ],
  window: ['--opens INSTANT --closes INSTANT: when forms can be saved', windowVerb],
  close: ['closes the window for good (a seal in the journal)', closeVerb],
  export: ['all forms as CSV with a proof, once closed', exportVerb],
  'reset-password': ['--login ID [--as ROLE]: prints a one-time code', resetPasswordVerb],
  generate: ['CSV files of made-up people', generateVerb],
  load: ['the mix of a deadline evening, with rates, percentiles and a proof', loadVerb],
  demo: ['an evening in twenty seconds: spike, kill -9, close, export, proof; nothing to install', demoVerb],
  evening: ['the last hour in two minutes: spike, kills, close, export, proof', eveningVerb],
  recovery: [
    'a restart while a million saves have not landed: until it serves, until all landed, proof',
    recoveryVerb,
  ],
  soak: ['the mix for long, and whether the memory of the server grows with what it answered', soakVerb],
  backlog: ['saves of made-up people that do not land, until it is killed, for recovery', backlogVerb],
  sessions: ['session tokens of made-up people, for load', sessionsVerb],
}

/** Its options are its own. */
const CHECK =
  'what clients were told against SQL and an export: --data DIR or --database URL, --history FILE …'

const EXIT = { ok: 0, failed: 1, usage: 2, conflict: 5, unreachable: 7 } as const

async function main(args: readonly string[]): Promise<number> {
  try {
    if (args[0] === 'check') return await checkVerb(args.slice(1))
    const line = commandLine(args)
    const verb = VERBS[line.verb]
    if (line.flag('help')) {
      const meanings = Object.entries(VERBS).map(([name, [meaning]]) => [name, meaning] as const)
      process.stdout.write(usage(Object.fromEntries([...meanings, ['check', CHECK]])))
      return EXIT.ok
    }
    if (verb === undefined)
      throw new UsageError(`There is no verb ${line.verb}: ${Object.keys(VERBS).join(', ')}.`)
    return await verb[1](line)
  } catch (error) {
    tell(error instanceof Error ? (error.message === '' ? String(error) : error.message) : String(error))
    if (error instanceof UsageError) return EXIT.usage
    if (error instanceof Problem) return error.status === 409 ? EXIT.conflict : EXIT.failed
    if (isSpillwayError(error, 'unavailable')) return EXIT.unreachable
    if (!isSpillwayError(error) && error instanceof Error) tell(error.stack ?? '')
    return EXIT.failed
  }
}

process.exitCode = await main(process.argv.slice(2))
