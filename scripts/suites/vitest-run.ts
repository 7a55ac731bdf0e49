/**
 * One vitest run of one suite on one runtime, counted from vitest's own JSON report.
 *
 * A file that fails to load, an unhandled error, a crash of the runtime and a missing report are failures too,
 * although vitest counts no failed test for them: whatever ends badly counts at least one.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bunPath, cacheFolder, repoRoot } from '../repo.ts'
import type { Runtime, Suite } from './suite-list.ts'

const deadlineSecondsDefault = 240
const outputBytesMax = 4_000_000

export type Counts = { passed: number; failed: number; skipped: number }
export type SuiteRun = Counts & { tookMs: number; output: string; problem?: string }

type VitestReport = {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: { status: string; assertionResults: { status: string }[] }[]
}

const readReport = (file: string): Counts | undefined => {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport
    const brokenFiles = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((result) => result.status === 'failed'),
    )
    return {
      passed: report.numPassedTests,
      failed: report.numFailedTests + brokenFiles.length,
      skipped: report.numPendingTests + report.numTodoTests,
    }
  } catch {
    return undefined
  }
}

/**
 * The settings of Spillway that a person may have exported must not change what the tests see; only the servers that
 * tests are told to use are passed on. Node keeps what it compiled, or every worker thread strips the types of the
 * same files again (measured: 20 s of CPU become 8).
 */
const cleanEnvironment = (): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^SPILLWAY_(?!TEST_)/.test(name))),
  PATH: `${join(repoRoot, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`,
  NODE_COMPILE_CACHE: join(cacheFolder, 'compile'),
  NO_COLOR: '1',
})

const commandFor = (runtime: Runtime, args: string[]): [string, string[]] => {
  const vitest = join(repoRoot, 'node_modules', 'vitest', 'vitest.mjs')
  if (runtime === 'node') return [process.execPath, [vitest, ...args]]
  // Vitest's forked workers crash under Bun; threads do not.
  return [bunPath() ?? 'bun', ['--bun', vitest, ...args, '--pool=threads']]
}

export const runSuite = async (suite: Suite, runtime: Runtime): Promise<SuiteRun> => {
  const folder = join(cacheFolder, 'test')
  mkdirSync(folder, { recursive: true })
  const reportFile = join(folder, `${suite.name}-${runtime}-${process.pid}.json`)
  rmSync(reportFile, { force: true })
  const [program, args] = commandFor(runtime, [
    'run',
    `${suite.folder}/`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
    ...(suite.serial ? ['--no-file-parallelism'] : []),
  ])

  const startedAt = performance.now()
  const { output, problem } = await runBounded(program, args, suite.deadlineSeconds ?? deadlineSecondsDefault)
  const tookMs = performance.now() - startedAt
  const counts = readReport(reportFile)
  rmSync(reportFile, { force: true })

  if (counts === undefined)
    return { passed: 0, failed: 1, skipped: 0, tookMs, output, problem: problem ?? 'no report' }
  if (problem === undefined || counts.failed > 0) return { ...counts, tookMs, output }
  return { ...counts, failed: 1, tookMs, output, problem }
}

const runBounded = (program: string, args: string[], deadlineSeconds: number) =>
  new Promise<{ output: string; problem?: string }>((resolve) => {
    let output = ''
    let late = false
    const child = spawn(program, args, {
      cwd: repoRoot,
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    // The whole group, or a server that a test started would outlive the run.
    const endGroup = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It has ended already.
      }
    }
    const deadline = setTimeout(() => {
      late = true
      endGroup()
    }, deadlineSeconds * 1_000)
    process.once('exit', endGroup)
    const keep = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-outputBytesMax)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    const finish = (problem?: string) => {
      clearTimeout(deadline)
      process.off('exit', endGroup)
      resolve(problem === undefined ? { output } : { output, problem })
    }
    child.once('error', (error) => finish(error.message))
    child.once('exit', (code, signal) => {
      endGroup()
      if (late) finish(`not done after its ${deadlineSeconds} s; ended`)
      else if (signal) finish(`vitest was ended by ${signal}`)
      else finish(code === 0 ? undefined : `vitest ended with exit code ${code}`)
    })
  })
