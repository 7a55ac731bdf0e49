/**
 * `npm run sim -- --seeds 2000 [--shape embedded|fused|separate] [--from N] [--seed N] [--jobs 2]`
 *
 * Runs the seeded simulator over many seeds and shapes on worker threads, prints the table fault × step and, for
 * the first failure, the one command that replays it. Exit code 1 on a violation, or on an empty cell of the
 * table once there were 500 seeds of a shape.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { FaultTable, SHAPES, simulate } from '../src/testing/index.ts'
import { parsed } from './usage.ts'
import type { Shape, SimResult } from '../src/testing/index.ts'

interface Task {
  readonly seed: number
  readonly shape: Shape
}

/** From so many seeds of a shape on, a cell that nothing ever hit is a failure of the simulator itself. */
const SEEDS_FOR_FULL_TABLE = 500
const CHUNK = 10
const FAILURES_SHOWN = 5

if (isMainThread) await main()
else serve()

function serve(): void {
  const port = parentPort
  if (port === null) return
  // Stacks are for the replay of one seed; over thousands of refusals they are a tenth of the time.
  Error.stackTraceLimit = 0
  port.on('message', (tasks: readonly Task[]) => {
    void (async () => {
      const results: SimResult[] = []
      for (const task of tasks) results.push(await simulate({ ...task, tailLines: workerData as number }))
      port.postMessage(results)
    })()
  })
}

async function main(): Promise<void> {
  const { values } = parsed(import.meta.url, () =>
    parseArgs({
      options: {
        seeds: { type: 'string', default: '200' },
        from: { type: 'string', default: '1' },
        seed: { type: 'string' },
        shape: { type: 'string' },
        jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
        lines: { type: 'string', default: '60' },
        stop: { type: 'boolean', default: false },
      },
    }),
  )
  const shapes = values.shape === undefined ? SHAPES : [shapeFrom(values.shape)]
  const lines = Number(values.lines)
  if (values.seed !== undefined) {
    process.exitCode = await replay(Number(values.seed), shapes, lines)
    return
  }
  const from = Number(values.from)
  const tasks = Array.from({ length: Number(values.seeds) }, (_, at): Task => ({
    seed: from + at,
    shape: shapes[(from + at) % shapes.length] as Shape,
  }))
  process.exitCode = await runAll(tasks, Number(values.jobs), lines, values.stop)
}

function shapeFrom(text: string): Shape {
  const found = SHAPES.find((shape) => shape === text)
  if (found === undefined) throw new Error(`--shape is one of ${SHAPES.join(', ')}, not ${text}`)
  return found
}

/** Twice, because a seed that does not replay to the same trace proves nothing. */
async function replay(seed: number, shapes: readonly Shape[], lines: number): Promise<number> {
  let failed = false
  for (const shape of shapes) {
    const first = await simulate({ seed, shape, tailLines: lines })
    const second = await simulate({ seed, shape, tailLines: lines })
    console.log(first.tail.join('\n'))
    console.log(
      `${shape} seed ${seed}: ${first.events} events, ${Math.round(first.virtualMs)} virtual ms, trace ${first.trace}`,
    )
    console.log(
      [...first.outcomes]
        .sort()
        .map(([name, count]) => `  ${name}: ${count}`)
        .join('\n'),
    )
    if (first.trace !== second.trace) {
      console.log(`NOT DETERMINISTIC: the second run has trace ${second.trace}`)
      failed = true
    }
    for (const violation of first.violations) console.log(`VIOLATION ${violation}`)
    failed ||= first.violations.length > 0
  }
  return failed ? 1 : 0
}

async function runAll(tasks: readonly Task[], jobs: number, lines: number, stop: boolean): Promise<number> {
  const started = performance.now()
  const tables = new Map<Shape, FaultTable>()
  const seeds = new Map<Shape, number>()
  const outcomes = new Map<string, number>()
  const failures: SimResult[] = []
  let events = 0
  let virtualMs = 0
  let next = 0
  let done = 0

  const take = (result: SimResult): void => {
    done += 1
    events += result.events
    virtualMs += result.virtualMs
    seeds.set(result.shape, (seeds.get(result.shape) ?? 0) + 1)
    const table = tables.get(result.shape) ?? new FaultTable(result.shape)
    tables.set(result.shape, table)
    table.add(result.cells)
    for (const [name, count] of result.outcomes) outcomes.set(name, (outcomes.get(name) ?? 0) + count)
    if (result.violations.length === 0) return
    failures.push(result)
    if (failures.length <= FAILURES_SHOWN) report(result)
  }

  await Promise.all(
    Array.from({ length: jobs }, async () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: lines })
      const ask = (chunk: readonly Task[]): Promise<readonly SimResult[]> =>
        new Promise((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('error', reject)
          worker.postMessage(chunk)
        })
      while (next < tasks.length && !(stop && failures.length > 0)) {
        const chunk = tasks.slice(next, next + CHUNK)
        next += chunk.length
        for (const result of await ask(chunk)) take(result)
        worker.removeAllListeners('error')
      }
      await worker.terminate()
    }),
  )

  const seconds = (performance.now() - started) / 1_000
  for (const table of tables.values()) console.log(`\n${table.format()}`)
  console.log(
    `\n${[...outcomes]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(' · ')}`,
  )
  let empty = 0
  for (const [shape, table] of tables) {
    if ((seeds.get(shape) ?? 0) < SEEDS_FOR_FULL_TABLE) continue
    for (const cell of table.empty()) {
      empty += 1
      console.log(`EMPTY CELL ${shape}: ${cell}`)
    }
  }
  console.log(
    `\n${done} seeds in ${seconds.toFixed(1)} s on ${jobs} threads (${Math.round((seconds * 1_000 * jobs) / Math.max(1, done))} ms a seed and thread): ` +
      `${events.toLocaleString('en')} events, ${Math.round(virtualMs / 1_000).toLocaleString('en')} s of virtual time, ${failures.length} failed` +
      (empty > 0 ? `, ${empty} empty cells` : ''),
  )
  if (failures.length > 0)
    console.log(
      `seeds that failed: ${failures
        .slice(0, 40)
        .map((one) => `${one.shape}:${one.seed}`)
        .join(' ')}`,
    )
  return failures.length > 0 || empty > 0 ? 1 : 0
}

function report(result: SimResult): void {
  console.log(`\nFAILED ${result.shape} seed ${result.seed}`)
  for (const violation of result.violations.slice(0, 10)) console.log(`  ${violation}`)
  if (result.violations.length > 10) console.log(`  … and ${result.violations.length - 10} more`)
  console.log(`  replay: npm run sim -- --shape ${result.shape} --seed ${result.seed}`)
}
