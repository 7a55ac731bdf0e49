/**
 * What a verb that serves or opens stores was told, from all four places.
 */
import { flagOf, parseValue, variableOf } from '../options/declare.ts'
import { PROCESS_OPTIONS, resolveServeOptions } from '../options/serve-options.ts'
import { loadConfig } from './config-module.ts'
import type { ServeSettings } from '../options/serve-options.ts'
import type { Invocation } from './verb.ts'

/** An option that decides before the config file is read. */
export function earlyOption(invocation: Invocation, name: 'config' | 'runtime'): string | undefined {
  const flag = invocation.flags[name]
  if (typeof flag === 'string') return parseValue(PROCESS_OPTIONS[name], flag, flagOf(name)) as string
  const variable = invocation.environment[variableOf(name)]
  return variable === undefined || variable === ''
    ? undefined
    : (parseValue(PROCESS_OPTIONS[name], variable, `Variable ${variableOf(name)}`) as string)
}

/** `preset` stands in for flags that were not given. */
export async function settingsOf(
  invocation: Invocation,
  preset: Readonly<Record<string, string>> = {},
): Promise<ServeSettings> {
  const config = earlyOption(invocation, 'config')
  const file = config === undefined ? undefined : await loadConfig(config)
  return resolveServeOptions({
    flags: { ...preset, ...invocation.flags },
    environment: invocation.environment,
    file,
  })
}
