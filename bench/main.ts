/**
 * `npm run bench`: the canonical workload, durable saves and reads over HTTP, on every runtime that is here.
 * `npm run bench -- save|read|…|redis-scale|all [--runtime node|bun] [--tiny]`: others; `--help` names them.
 *
 * Each bench runs in a process of its own, one at a time. What a full run finds goes into `bench/results/`; `--tiny`
 * only shows that the benches work, and keeps nothing.
 */
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { findBun, findNode } from '../src/runtime/process.ts'
import type { RuntimeName } from '../src/runtime/process.ts'
import { benches } from './benches.ts'
import type { Machine, Versions } from './machine.ts'
import type { Finding } from './result.ts'

interface Found extends Finding {
  readonly machine: Machine
  readonly versions: Versions
}

const CANONICAL = ['save', 'read']
const RESULTS = new URL('results/', import.meta.url)
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url))
const names = benches.map((bench) => bench.name)

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const USAGE = `Usage: npm run bench -- [${names.join('|')}|all …] [--runtime node|bun] [--tiny]`

function refuse(why: string): never {
  process.stderr.write(`bench: ${why}\n\n${USAGE}\n`)
  process.exit(2)
}

function given() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        runtime: { type: 'string' },
        tiny: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    return refuse((error as Error).message)
  }
}

async function measured(file: string, name: string, size: string): Promise<Found> {
  const child = spawn(file, [CHILD, name, size], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`The bench ${name} ended with ${String(code)}`)
  return JSON.parse(text) as Found
}

const { positionals, values } = given()
if (values.help) {
  for (const { name, measures } of benches) say(`${name.padEnd(16)} ${measures}`)
  say(`\n${USAGE}`)
  process.exit(0)
}
const wanted = positionals.length === 0 ? CANONICAL : positionals.includes('all') ? names : positionals
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) refuse(`there is no bench ${unknown.join(', ')}`)
if (values.runtime !== undefined && values.runtime !== 'node' && values.runtime !== 'bun') {
  refuse(`--runtime is node or bun, not ${JSON.stringify(values.runtime)}`)
}
const found = { node: findNode(), bun: findBun() }
const asked: readonly RuntimeName[] = values.runtime === undefined ? ['node', 'bun'] : [values.runtime]
const runtimes = asked.filter((runtime) => {
  if (found[runtime] !== undefined) return true
  say(`${runtime} was not found: its part is left out`)
  return false
})
const size = values.tiny ? 'tiny' : 'full'
let missed = 0

for (const name of wanted) {
  for (const runtime of runtimes) {
    const result = await measured(found[runtime] as string, name, size)
    const { machine } = result
    const about = `${result.versions.runtime}, SQLite ${result.versions.sqlite}, ${machine.cpus} × ${machine.cpu}, load before ${machine.loadBefore}`
    say(`\n${name} on ${about}`)
    for (const [what, value] of Object.entries(result.headline)) say(`  ${what.padEnd(46)} ${value}`)
    if (values.tiny) continue
    for (const { text, met } of result.goals) {
      say(`  ${met ? 'reached' : 'MISSED '}  ${text}`)
      if (!met) missed += 1
    }
    await mkdir(RESULTS, { recursive: true })
    await writeFile(new URL(`${name}-${runtime}.json`, RESULTS), `${JSON.stringify(result, null, 2)}\n`)
  }
}
if (values.tiny) say('\nTiny runs: the benches work; their numbers mean nothing.')
else if (missed > 0)
  say(`\n${missed} ${missed === 1 ? 'goal' : 'goals'} missed; bench/README.md says what to make of it.`)
