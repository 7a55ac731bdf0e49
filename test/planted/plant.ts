/** Plants a bug: copies the source, patches the copy, and runs the ordinary simulator over it in a process of its own. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Shape } from '../../src/testing/index.ts'
import type { Patch, PlantedBug } from './bugs.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CACHE = join(ROOT, '.cache', 'planted')
/** What the simulator and the engine consist of. */
const PARTS = [
  'errors.ts',
  'events.ts',
  'kit',
  'model',
  'ports',
  'options',
  'engine',
  'testing',
  'drivers/memory',
]

export interface Catch {
  readonly seed: number
  readonly violations: readonly string[]
}

/** The root of a patched copy of `src`; the caller removes it. */
export async function plant(bug: PlantedBug): Promise<string> {
  const to = join(CACHE, bug.name.replaceAll(/[^a-z]+/gi, '-'))
  await rm(to, { recursive: true, force: true })
  await mkdir(to, { recursive: true })
  for (const part of PARTS) await cp(join(ROOT, 'src', part), join(to, part), { recursive: true })
  for (const patch of bug.patches) await applyPatch(to, patch)
  return to
}

export async function unplant(root: string): Promise<void> {
  await rm(root, { recursive: true, force: true })
}

export async function applyPatch(root: string, { file, find, replace }: Patch): Promise<void> {
  const path = join(root, file)
  const before = await readFile(path, 'utf8')
  const pattern = asWritten(find)
  const times = [...before.matchAll(pattern)].length
  if (times !== 1) throw new Error(`The patch of ${file} fits ${times} times, not once: ${find}`)
  await writeFile(
    path,
    before.replace(pattern, () => replace),
  )
}

/** The text, wherever lines are broken: a formatter must not dig up what was planted. */
function asWritten(find: string): RegExp {
  const words = find
    .trim()
    .split(/\s+/)
    .map((word) => word.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(words.join(String.raw`\s*`), 'g')
}

export interface Hunt {
  readonly shape: Shape
  readonly from: number
  readonly count: number
  /** Instead of seeds. */
  readonly trace?: string | undefined
}

/** The first of these runs on which the checkers find something; undefined when all are clean. */
export async function hunt(root: string, { shape, from, count, trace }: Hunt): Promise<Catch | undefined> {
  const script = fileURLToPath(new URL('hunt.ts', import.meta.url))
  const args = [script, root, shape, String(from), String(count), ...(trace === undefined ? [] : [trace])]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 300_000 })
  return (JSON.parse(stdout) as Catch | null) ?? undefined
}

export const UNPATCHED = join(ROOT, 'src')
