/**
 * The Lua scripts, one a file in `scripts/`. Each is put together once: its own first line (`#!lua` and flags), then
 * shared.lua, then the rest. They are called by hash, and by text where a server does not know the hash.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

const NAMES = [
  'write',
  'control',
  'claim',
  'fence',
  'open-generation',
  'read',
  'fill',
  'fill-full',
  'hold',
  'release',
  'invalidate',
  'refused',
  'forget-refused',
  'snapshot',
  'trim',
  'collect',
  'start',
  'apply',
  'discard',
] as const

export type ScriptName = (typeof NAMES)[number]

export interface Script {
  readonly name: string
  readonly source: string
  /** What EVALSHA takes. */
  readonly sha: string
}

export type Scripts = Readonly<Record<ScriptName, Script>>

export async function loadScripts(): Promise<Scripts> {
  const shared = await read('shared')
  const all = await Promise.all(NAMES.map(async (name) => [name, compose(name, shared, await read(name))]))
  return Object.fromEntries(all) as Scripts
}

function compose(name: string, shared: string, own: string): Script {
  const end = own.indexOf('\n')
  const source = `${own.slice(0, end)}\n${shared}${own.slice(end)}`
  return { name, source, sha: createHash('sha1').update(source).digest('hex') }
}

function read(name: string): Promise<string> {
  return readFile(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
}
