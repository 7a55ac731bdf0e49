/**
 * The config module: a TypeScript or JavaScript file whose default export is the options.
 */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { SpillwayError } from '../errors.ts'

export interface ConfigFile {
  readonly path: string
  readonly options: object
}

/** Node goes by the nearest package.json; `npm init` writes "type": "commonjs" there. */
function hintFor(reason: string): string {
  return /import statement outside a module|Unexpected token 'export'/.test(reason)
    ? '. Name it .mts (or .mjs), or set "type": "module" in its package.json.'
    : ''
}

/** Imports it; everything that is wrong with it is `invalid` and names the file. */
export async function loadConfig(path: string): Promise<ConfigFile> {
  const file = resolve(path)
  if (!existsSync(file)) throw new SpillwayError('invalid', `There is no config file ${file}.`)
  let module: { default?: unknown }
  try {
    module = (await import(pathToFileURL(file).href)) as { default?: unknown }
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    throw new SpillwayError(
      'invalid',
      `The config file ${file} could not be loaded: ${reason}${hintFor(reason)}`,
      {
        cause: error,
      },
    )
  }
  const options = module.default
  if (options === undefined) {
    throw new SpillwayError(
      'invalid',
      `The config file ${file} has no default export. Write: export default { data: './data', collections: [ … ] }`,
    )
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new SpillwayError(
      'invalid',
      `The default export of the config file ${file} must be an object of options.`,
    )
  }
  return { path, options }
}
