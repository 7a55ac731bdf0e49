/**
 * What a verb is: its line in the help, its arguments and options, and what it does.
 */
import { Command, Option as Flag } from 'commander'
import { defaultText, flagOf, variableOf } from '../options/declare.ts'
import type { Environment } from '../options/environment.ts'
import type { Option, OptionTable } from '../options/declare.ts'
import type { Terminal } from './terminal/terminal.ts'

/** As commander parsed them: texts, or true for a flag without a value. */
export type Flags = Readonly<Record<string, string | boolean | undefined>>

export interface Invocation {
  readonly terminal: Terminal
  readonly environment: Environment
  readonly args: readonly string[]
  readonly flags: Flags
  /** What followed the name of the program, to start the same again. */
  readonly argv: readonly string[]
}

/** Does the work and returns the exit code; what it throws becomes a message and an exit code. */
export type Run = (invocation: Invocation) => Promise<number>

export interface Verb {
  readonly name: string
  readonly summary: string
  /** As in `<collection> <key> [value]`. */
  readonly args?: string
  readonly description?: string
  readonly options?: OptionTable
  /** Flags that are no options of a store or server: `--if-version <version>`. */
  readonly flags?: readonly (readonly [flags: string, meaning: string])[]
  /** Examples, one a line. */
  readonly examples?: readonly string[]
  readonly hidden?: true
  readonly verbs?: readonly Verb[]
  readonly run?: Run
}

function flagFor(name: string, option: Option): Flag {
  const notes = [
    ...(defaultText(option) === '' || option.kind === 'boolean' ? [] : [`default: ${defaultText(option)}`]),
    ...(option.hidden === true ? [] : [variableOf(name)]),
  ]
  const value = option.kind === 'boolean' ? '' : ` <${option.placeholder ?? option.kind}>`
  const flag = new Flag(`${flagOf(name)}${value}`, `${option.meaning} (${notes.join(', ')})`)
  return option.hidden === true ? flag.hideHelp() : flag
}

/** Builds the command; `act` is called with what was parsed. */
export function commandOf(
  verb: Verb,
  act: (verb: Verb, args: string[], flags: Flags) => Promise<void>,
): Command {
  const command = new Command(verb.name).summary(verb.summary).description(verb.description ?? verb.summary)
  command.helpOption('-h, --help', 'Show this help.')
  if (verb.args !== undefined) command.arguments(verb.args)
  for (const [flags, meaning] of verb.flags ?? []) command.addOption(new Flag(flags, meaning))
  for (const [name, option] of Object.entries(verb.options ?? {})) {
    if (option.onCommandLine !== false) command.addOption(flagFor(name, option))
  }
  for (const inner of verb.verbs ?? [])
    command.addCommand(commandOf(inner, act), { hidden: inner.hidden === true })
  if (verb.run !== undefined) {
    command.option('--json', 'Machine-readable output.')
    command.action(async () => act(verb, command.args, command.opts<Flags>()))
  }
  if (verb.examples !== undefined)
    command.addHelpText('after', `\nExamples:\n${verb.examples.map((line) => `  ${line}`).join('\n')}`)
  return command
}
