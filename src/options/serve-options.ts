/**
 * The options of `spillway serve` around those of `open`, and how the four places they may come from are
 * combined: flag > environment > config file > default.
 *
 * A config module's default export is the options of `open` plus `{ server: { port, host, … }, data }`.
 */
import { resolve } from 'node:path'
import { SpillwayError } from '../errors.ts'
import { checkKnownKeys, checkValue, flagOf, parseValue, variableOf } from './declare.ts'
import { TIER_OPTIONS } from './tier-options.ts'
import type { Option, OptionTable, ValuesOf } from './declare.ts'
import type { TierOptions } from './tier-options.ts'

/** In a config file these are in `server: { … }`. */
export const SERVER_OPTIONS = {
  port: {
    kind: 'integer',
    min: 0,
    max: 65_535,
    default: 7070,
    placeholder: 'port',
    meaning: 'Port to listen on; 0 takes a free one, which the ready line names.',
  },
  host: {
    kind: 'text',
    default: '127.0.0.1',
    placeholder: 'address',
    meaning: 'Address to listen on. Any but a loopback address needs a token.',
  },
  token: {
    kind: 'text',
    placeholder: 'text',
    secret: true,
    meaning:
      'Bearer token that every request must then carry, on loopback too. Better given as variable or file: flags are visible in process lists.',
  },
  tokenFile: {
    kind: 'path',
    placeholder: 'file',
    meaning: 'File that holds the token; white space around it is ignored.',
  },
  drainMs: {
    kind: 'ms',
    min: 0,
    max: 3_600_000,
    default: 10_000,
    placeholder: 'ms',
    meaning:
      'At a stop: how long to land what is pending. What does not fit is safe in the journal and lands at the next start.',
  },
} as const satisfies OptionTable

/** Only on the command line and in the environment, except `data`, which a config file may have at its top. */
export const PROCESS_OPTIONS = {
  config: {
    kind: 'path',
    placeholder: 'file',
    meaning:
      'TypeScript or JavaScript module whose default export is the options of open plus { server, data }.',
  },
  data: {
    kind: 'path',
    default: './data',
    placeholder: 'folder',
    meaning: 'Folder of the embedded profile: holds journal.db and app.db. Made if it is missing.',
  },
  runtime: {
    kind: 'choice',
    choices: ['node', 'bun'],
    defaultMeaning: 'bun where it is found, else node',
    placeholder: 'name',
    meaning: 'JavaScript runtime to serve on.',
  },
} as const satisfies OptionTable

/** Names of the options that `doctor`, `verify` and `ddl` take as well: those that say which stores. */
export const STORE_OPTIONS = { ...PROCESS_OPTIONS, ...TIER_OPTIONS } as const satisfies OptionTable
export const SERVE_OPTIONS = { ...STORE_OPTIONS, ...SERVER_OPTIONS } as const satisfies OptionTable

export type OptionSource = 'flag' | 'environment' | 'file' | 'default'

export interface OptionPlaces {
  /** As parsed from the command line: texts, or true for a flag without a value. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The config module's default export, and where it was, for messages and relative paths. */
  readonly file?: { readonly path: string; readonly options: object } | undefined
}

export interface ServeSettings {
  readonly tier: TierOptions
  readonly server: Required<Pick<ValuesOf<typeof SERVER_OPTIONS>, 'port' | 'host' | 'drainMs'>> &
    Pick<ValuesOf<typeof SERVER_OPTIONS>, 'token' | 'tokenFile'>
  /** Undefined when both stores are named by URL. */
  readonly data: string | undefined
  readonly source: Readonly<Record<string, OptionSource>>
}

function fileValues(file: NonNullable<OptionPlaces['file']>): Record<string, unknown> {
  const options = file.options as Record<string, unknown>
  const where = `Config file ${file.path}`
  checkKnownKeys(
    options,
    [...Object.keys(TIER_OPTIONS), 'collections', 'logger', 'clients', 'data', 'server'],
    where,
  )
  const server = options.server ?? {}
  if (typeof server !== 'object' || Array.isArray(server))
    throw new SpillwayError('invalid', `${where}: server must be an object.`)
  checkKnownKeys(server, Object.keys(SERVER_OPTIONS), `${where}: server`)
  // Checked also where a flag or variable goes before it: a mistake in the file must not wait for its day.
  const checked = (table: OptionTable, given: object): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(given).map(([name, value]) => {
        const option = table[name]
        return [
          name,
          option === undefined || value === undefined
            ? value
            : checkValue(option, value, `${where}: ${name}`),
        ]
      }),
    )
  return {
    ...checked({ ...TIER_OPTIONS, data: PROCESS_OPTIONS.data }, options),
    ...checked(SERVER_OPTIONS, server),
  }
}

/** The value of one option and where it came from. */
function resolveOption(
  name: string,
  option: Option,
  places: OptionPlaces,
  file: Record<string, unknown>,
): [unknown, OptionSource] {
  const flag = places.flags[name]
  if (flag !== undefined)
    return [typeof flag === 'string' ? parseValue(option, flag, flagOf(name)) : flag, 'flag']
  const variable =
    option.hidden === true || option.onCommandLine === false
      ? undefined
      : places.environment[variableOf(name)]
  // A variable set to nothing counts as not set: that is how container files switch one off.
  if (variable !== undefined && variable !== '')
    return [parseValue(option, variable, `Variable ${variableOf(name)}`), 'environment']
  if (file[name] !== undefined) return [file[name], 'file']
  return [option.default, 'default']
}

/** Combines all places; anything unknown or wrong in any of them is `invalid` and names the place. */
export function resolveServeOptions(places: OptionPlaces): ServeSettings {
  const file = places.file === undefined ? {} : fileValues(places.file)
  const source: Record<string, OptionSource> = {}
  const values: Record<string, unknown> = {}
  for (const [name, option] of Object.entries<Option>(SERVE_OPTIONS)) {
    const [value, from] = resolveOption(name, option, places, file)
    values[name] = value
    source[name] = from
  }
  const data = values.data as string
  const inData = (name: string): string => `sqlite:${resolve(data, name)}`
  const usesData = values.journal === undefined || values.database === undefined
  values.journal ??= inData('journal.db')
  values.database ??= inData('app.db')
  const tier: Record<string, unknown> = {}
  for (const name of Object.keys(TIER_OPTIONS)) {
    if (
      values[name] !== undefined &&
      (source[name] !== 'default' || ['front', 'journal', 'database'].includes(name))
    )
      tier[name] = values[name]
  }
  for (const name of ['collections', 'logger', 'clients'])
    if (file[name] !== undefined) tier[name] = file[name]
  const server: Record<string, unknown> = {}
  for (const name of Object.keys(SERVER_OPTIONS)) if (values[name] !== undefined) server[name] = values[name]
  return {
    tier: tier as unknown as TierOptions,
    server: server as ServeSettings['server'],
    data: usesData ? data : undefined,
    source,
  }
}
