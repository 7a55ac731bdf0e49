/** Puts load on a server from another process: with `wrk` where it is installed, else with the generator here. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface Load {
  readonly url: string
  readonly connections: number
  readonly warmUpMs: number
  readonly ms: number
  readonly method: 'GET' | 'PUT' | 'POST'
  /** Asked for in turn. */
  readonly paths: readonly string[]
  readonly body?: string
}

export interface LoadAnswer {
  readonly perSecond: number
  readonly p99Ms: number
  /** Answers with another status than 2xx; a measurement that has any is worth nothing. */
  readonly refused: number
}

const run = promisify(execFile)
const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url))

export function wrkPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, 'wrk')).find((file) => existsSync(file))
}

export const generatorName = (): string => (wrkPath() === undefined ? 'bench/load/generator.ts' : 'wrk')

export async function underLoad(load: Load): Promise<LoadAnswer> {
  const wrk = wrkPath()
  // wrk measures whole seconds; what is shorter is a test of the bench.
  const answer = wrk === undefined || load.ms < 1_000 ? await withGenerator(load) : await withWrk(wrk, load)
  if (answer.refused > 0)
    throw new Error(`${answer.refused} requests to ${load.url} were refused: nothing was measured`)
  return answer
}

async function withGenerator(load: Load): Promise<LoadAnswer> {
  const { stdout } = await run(process.execPath, [GENERATOR, JSON.stringify(load)])
  return JSON.parse(stdout) as LoadAnswer
}

async function withWrk(wrk: string, load: Load): Promise<LoadAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'spillway-wrk-'))
  try {
    const script = join(folder, 'load.lua')
    await writeFile(script, luaOf(load))
    const call = async (ms: number): Promise<string> => {
      const args = [
        '-t1',
        `-c${load.connections}`,
        `-d${Math.max(1, Math.round(ms / 1_000))}s`,
        '--latency',
        '-s',
        script,
        load.url,
      ]
      return (await run(wrk, args)).stdout
    }
    await call(load.warmUpMs)
    const said = await call(load.ms)
    const figure = (pattern: RegExp): string => pattern.exec(said)?.[1] ?? '0'
    const [, p99 = '0', unit = 'ms'] = /99%\s+([\d.]+)(us|ms|s)/.exec(said) ?? []
    return {
      perSecond: Number(figure(/Requests\/sec:\s+([\d.]+)/)),
      p99Ms: Number(p99) * ({ us: 0.001, ms: 1, s: 1_000 }[unit] ?? 1),
      refused:
        Number(figure(/Non-2xx or 3xx responses:\s+(\d+)/)) + Number(figure(/Socket errors: .*read (\d+)/)),
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function luaOf({ method, paths, body }: Load): string {
  const headers = body === undefined ? '{}' : '{["Content-Type"]="application/json"}'
  return `local requests = {}
local paths = {${paths.map((path) => JSON.stringify(path)).join(',')}}
local body = ${body === undefined ? 'nil' : `[==[${body}]==]`}
local at = 0
function init()
  for i, path in ipairs(paths) do requests[i] = wrk.format("${method}", path, ${headers}, body) end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
`
}
