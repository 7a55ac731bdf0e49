/**
 * `npm test`: every suite of test/suites.json, one after another, on each runtime it names.
 *
 * Nothing can be skipped into green: a suite that runs fewer tests than its checked-in least number fails, a
 * need that is missing is named with how to get it, and with CI=true it is a failure. Whatever goes wrong counts
 * at least one failed test, so the last line, `N passed, N failed`, and the exit code always agree.
 */
import { parseArgs } from 'node:util'
import { seconds } from './repo.ts'
import { missingNeeds, needs } from './suites/needs.ts'
import { raiseMinimums, readSuites, runtimesOf, suitesFile } from './suites/suite-list.ts'
import type { Runtime, Suite } from './suites/suite-list.ts'
import { runSuite } from './suites/vitest-run.ts'

const usage = `Usage: npm test -- [options]

  --suite NAME     only this suite (may be given several times)
  --runtime NAME   only on node, or only on bun
  --fast           only the suites marked fast: unit tests, properties, the short simulator
  --raise          raise the least numbers in test/suites.json to what ran, for suites that passed
  --list           print the suites
  --suites FILE    another list than test/suites.json`

const refuse = (why: string): never => {
  console.error(`test: ${why}\n\n${usage}`)
  process.exit(2)
}

const options = (() => {
  try {
    return parseArgs({
      options: {
        suite: { type: 'string', multiple: true, default: [] },
        runtime: { type: 'string' },
        fast: { type: 'boolean', default: false },
        raise: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        suites: { type: 'string', default: suitesFile },
      },
    }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
})()

const all = readSuites(options.suites)
const unknown = options.suite.filter((name) => !all.some((suite) => suite.name === name))
if (unknown.length > 0) {
  refuse(`no suite is called ${unknown.join(', ')}; the suites are ${all.map(({ name }) => name).join(', ')}`)
}
if (options.runtime !== undefined && !['node', 'bun'].includes(options.runtime)) {
  refuse(`--runtime is node or bun, not "${options.runtime}"`)
}

if (options.list) {
  for (const suite of all) {
    const least = runtimesOf(suite).map((runtime) => `${runtime} ≥ ${suite.testsMin[runtime]}`)
    console.log(`${suite.name.padEnd(14)}${least.join(', ').padEnd(24)}${suite.proves}`)
  }
  process.exit(0)
}

// An interrupted run ends through 'exit', where the running suite's processes are ended too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const inCi = process.env['CI'] === 'true'
const total = { passed: 0, failed: 0, skipped: 0 }
const leftOut: string[] = []
const ranFully: { suite: Suite; runtime: Runtime; ran: number }[] = []

const report = (word: string, suite: Suite, runtime: Runtime, text: string) =>
  console.log(`${word.padEnd(9)} ${suite.name.padEnd(12)} ${runtime.padEnd(5)} ${text}`)

const runOne = async (suite: Suite, runtime: Runtime) => {
  const wanted = [...(runtime === 'bun' ? ['bun'] : []), ...(suite.needs ?? [])]
  const missing = missingNeeds(wanted, (line) => report('', suite, runtime, line))
  if (missing.length > 0) {
    const why = missing.map((name) => `needs ${name}: ${needs[name]?.howToGet}`).join('; ')
    report(inCi ? 'FAIL' : 'LEFT OUT', suite, runtime, why)
    if (inCi) total.failed += 1
    else leftOut.push(`${suite.name} on ${runtime}`)
    return
  }
  const run = await runSuite(suite, runtime)
  const least = suite.testsMin[runtime] ?? 0
  const ran = run.passed + run.failed
  const tooFew = run.failed === 0 && ran < least
  total.passed += run.passed
  total.failed += run.failed + (tooFew ? 1 : 0)
  total.skipped += run.skipped

  const counts = `${String(run.passed).padStart(4)} passed${run.failed > 0 ? `, ${run.failed} failed` : ''}${run.skipped > 0 ? `, ${run.skipped} skipped` : ''}`
  report(run.failed > 0 || tooFew ? 'FAIL' : 'ok', suite, runtime, `${seconds(run.tookMs)}  ${counts}`)
  if (run.failed > 0) {
    console.log(run.output.trimEnd().replace(/^/gm, '          '))
    if (run.problem !== undefined) console.log(`          ${run.problem}`)
    console.log(`          Again: npm test -- --suite ${suite.name} --runtime ${runtime}`)
  } else if (tooFew) {
    console.log(`          ran ${ran} tests, but owes at least ${least} (test/suites.json)`)
  } else ranFully.push({ suite, runtime, ran })
}

for (const suite of all) {
  if (options.suite.length > 0 && !options.suite.includes(suite.name)) continue
  if (options.fast && !suite.fast) continue
  for (const runtime of runtimesOf(suite)) {
    if (options.fast && runtime !== 'node') continue
    if (options.runtime === undefined || options.runtime === runtime) await runOne(suite, runtime)
  }
}

if (options.raise) {
  for (const line of raiseMinimums(ranFully)) console.log(`raised    ${line}`)
}
if (leftOut.length > 0)
  console.log(`Left out for want of what they need (a failure with CI=true): ${leftOut.join(', ')}`)
if (total.passed + total.failed === 0) total.failed = leftOut.length > 0 ? 0 : 1
console.log(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`,
)
process.exit(total.failed > 0 ? 1 : 0)
