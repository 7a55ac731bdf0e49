/** `check`: runs the independent checker in a process of its own; `--data DIR` names the embedded database and secret. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const CHECKER = fileURLToPath(new URL('../../checker/check.ts', import.meta.url))

export async function checkVerb(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [CHECKER, ...withPlaces(args)], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

function withPlaces(args: readonly string[]): string[] {
  const at = args.indexOf('--data')
  if (at < 0) return [...args]
  const folder = resolve(args[at + 1] ?? '.')
  const places = [
    `--database=sqlite:${join(folder, 'app.db')}`,
    `--secret-file=${join(folder, 'secret.key')}`,
  ]
  return [...args.slice(0, at), ...places, ...args.slice(at + 2)]
}
