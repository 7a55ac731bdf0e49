/**
 * The one file that reads the environment.
 *
 * Every option that has a flag has a variable: `--front-bytes-max` is `SPILLWAY_FRONT_BYTES_MAX`. A variable with
 * our prefix that nobody declared is a warning, not an error: container platforms put variables of their own there
 * (Kubernetes names them after a service called `spillway`), and a start must not fail for those.
 */
import { CLIENT_OPTIONS } from './client-options.ts'
import { variableOf } from './declare.ts'
import { didYouMean } from '../kit/nearest.ts'
import { SERVE_OPTIONS } from './serve-options.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What Spillway reads of it apart from its options. */
export interface TerminalEnvironment {
  /** NO_COLOR is set to anything but nothing: no colour, no moving lines. */
  readonly noColor: boolean
  /** FORCE_COLOR: colour although nobody seems to look. */
  readonly forceColor: boolean
  /** COLUMNS, where a terminal does not tell its width. */
  readonly columns: number | undefined
}

export function readEnvironment(): Environment {
  return process.env
}

export function terminalEnvironment(environment: Environment): TerminalEnvironment {
  const set = (name: string): boolean => environment[name] !== undefined && environment[name] !== ''
  const columns = Number(environment.COLUMNS)
  return {
    noColor: set('NO_COLOR') || environment.TERM === 'dumb',
    forceColor: set('FORCE_COLOR') && environment.FORCE_COLOR !== '0',
    columns: Number.isInteger(columns) && columns >= 20 ? columns : undefined,
  }
}

const KNOWN = new Set(
  Object.entries({ ...SERVE_OPTIONS, ...CLIENT_OPTIONS })
    .filter(([, option]) => !('hidden' in option) && !('onCommandLine' in option))
    .map(([name]) => variableOf(name)),
)

/** One sentence for each variable that looks like ours and is not. */
export function environmentWarnings(environment: Environment): string[] {
  return Object.keys(environment)
    .filter((name) => name.startsWith('SPILLWAY_') && !KNOWN.has(name))
    .sort()
    .map((name) => `Variable ${name} is not known and is ignored.${didYouMean(name, KNOWN)}`)
}
