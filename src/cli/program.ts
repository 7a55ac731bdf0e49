/**
 * The program: its verbs, and what happens around each of them: parsing, warnings, failures, exit codes.
 */
import { Command, CommanderError } from 'commander'
import { environmentWarnings, readEnvironment } from '../options/environment.ts'
import { EXIT, exitCodeOf } from './exit-code.ts'
import { packageVersion } from './package-version.ts'
import { openTerminal } from './terminal/terminal.ts'
import { commandOf } from './verb.ts'
import { bench } from './verbs/bench.ts'
import { ddl } from './verbs/ddl.ts'
import { del } from './verbs/delete.ts'
import { demo } from './verbs/demo.ts'
import { dev } from './verbs/dev.ts'
import { doctor } from './verbs/doctor.ts'
import { errors } from './verbs/errors.ts'
import { get } from './verbs/get.ts'
import { intake, quota } from './verbs/not-here-yet.ts'
import { parked } from './verbs/parked.ts'
import { put } from './verbs/put.ts'
import { serve } from './verbs/serve.ts'
import { status } from './verbs/status.ts'
import { trace } from './verbs/trace.ts'
import { verify } from './verbs/verify.ts'
import { version } from './verbs/version.ts'
import type { Flags, Verb } from './verb.ts'

export const VERBS: readonly Verb[] = [
  demo,
  dev,
  serve,
  bench,
  put,
  get,
  del,
  trace,
  status,
  parked,
  verify,
  doctor,
  ddl,
  errors,
  version,
  quota,
  intake,
]

const EXIT_CODES = `
Exit codes: 0 ok · 1 failed · 2 usage · 3 not found · 5 conflict · 6 verification mismatch · 7 unreachable`

/** Parses `argv` (what follows the program's name), runs the verb and returns the exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const terminal = openTerminal()
  const environment = readEnvironment()
  let exitCode: number = EXIT.ok
  const act = async (verb: Verb, args: string[], flags: Flags): Promise<void> => {
    if (verb.run === undefined) return
    for (const warning of environmentWarnings(environment))
      terminal.say(`${terminal.errPaint.warn('warning:')} ${warning}`)
    try {
      exitCode = await verb.run({ terminal, environment, args, flags, argv })
    } catch (error) {
      terminal.failure(error, flags.json === true)
      exitCode = exitCodeOf(error)
    }
  }
  const program = new Command('spillway')
    .description(
      'A write-behind tier in front of SQL: acknowledges only what is durable, lands every acknowledged write.',
    )
    .version(packageVersion(), '-V, --version', 'Show the version.')
    .helpOption('-h, --help', 'Show this help.')
    .addHelpText('after', EXIT_CODES)
  for (const verb of VERBS) program.addCommand(commandOf(verb, act), { hidden: verb.hidden === true })
  const configure = (command: Command): void => {
    command.exitOverride()
    command.showSuggestionAfterError(true)
    command.configureOutput({
      writeOut: (text) => terminal.out(text.replace(/\n$/, '')),
      writeErr: (text) => terminal.say(text.replace(/\n$/, '')),
      getOutHelpWidth: () => terminal.width,
      getErrHelpWidth: () => terminal.width,
    })
    for (const inner of command.commands) configure(inner)
  }
  configure(program)
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // Help and version leave with 0; everything else that the parser throws is a wrong call.
    exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  await terminal.flush()
  return exitCode
}
