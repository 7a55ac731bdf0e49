/** Which runtimes are on this machine, and becoming one of them. */
import { spawn } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function onPath(command: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, command))
    .find(isProgram)
}

export function findBun(): string | undefined {
  if (process.versions.bun !== undefined) return process.execPath
  const found = onPath('bun')
  if (found !== undefined) return found
  const require = createRequire(import.meta.url)
  const platform = `${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`
  try {
    const file = join(dirname(require.resolve(`@oven/bun-${platform}/package.json`)), 'bin', 'bun')
    return isProgram(file) ? file : undefined
  } catch {
    return undefined
  }
}

export function findNode(): string | undefined {
  return process.versions.bun === undefined ? process.execPath : onPath('node')
}

export async function execInto(file: string, args: readonly string[]): Promise<number> {
  if (process.execve !== undefined)
    process.execve(file, [file, ...args], process.env as Record<string, string>)
  const child = spawn(file, args, { stdio: 'inherit' })
  const forward = (name: NodeJS.Signals): boolean => child.kill(name)
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, forward)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 1)))
  })
}
