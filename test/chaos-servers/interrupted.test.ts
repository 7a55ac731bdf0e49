/** `npm run chaos`, stopped half way: nothing of it runs on, nothing of it stays, and what it had is printed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { repoRoot } from '../../scripts/repo.ts'

const TEST_MS = 60_000
const LONG_AGO = new Date(2020, 1, 1)

/** Whatever runs with this temporary folder: it is in the environment of all that a run starts. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
        return environment.includes(`TMPDIR=${folder}\0`)
          ? [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`]
          : []
      } catch {
        // It has ended meanwhile, or is somebody else's.
        return []
      }
    })
}

async function until(what: string, check: () => boolean, ms = 30_000): Promise<void> {
  for (const deadline = performance.now() + ms; !check(); await sleep(20))
    if (performance.now() > deadline) throw new Error(`Never came: ${what}`)
}

/** A folder for what a run leaves behind, which has to be nothing. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-interrupted-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function chaos(folder: string) {
  const child = spawn(
    process.execPath,
    [join(repoRoot, 'scripts', 'chaos.ts'), '--fault', 'redis away', '--profile', 'redis+sqlite'],
    { env: { ...process.env, TMPDIR: folder }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const roundFolder = (): string | undefined =>
    readdirSync(folder).find((name) => name.startsWith('spillway-chaos-'))
  return {
    child,
    ended,
    out: () => out,
    roundFolder,
    /** Servers start. */
    begun: () => until('the folder of the round', () => roundFolder() !== undefined),
    /** All servers run, and the process of the round has opened its journal. */
    serving: () =>
      until('the process of the round', () =>
        existsSync(join(folder, roundFolder() ?? '', 'all-a', 'journal.db')),
      ),
  }
}

const nothingRuns = (folder: string): Promise<void> =>
  until('the end of everything that the run had started', () => processesOf(folder).length === 0, 10_000)

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s under load: servers and folder are gone, and the table says what was not run',
  { timeout: TEST_MS },
  async (signal, code) => {
    const folder = temporaryFolder()
    const run = chaos(folder)
    await run.serving()
    expect(processesOf(folder).length).toBeGreaterThanOrEqual(4)
    run.child.kill(signal)
    expect(await run.ended).toBe(code)
    expect(readdirSync(folder)).toEqual([])
    await nothingRuns(folder)
    expect(run.out()).toContain('NOT RUN: redis away on redis+sqlite')
    expect(run.out()).toContain('0 of 1 cells kept their promise, 0 failed, 0 did not count, 1 not run')
  },
)

test(
  'SIGINT while the servers start leaves nothing, and neither does a second one',
  { timeout: TEST_MS },
  async () => {
    for (const times of [1, 2]) {
      const folder = temporaryFolder()
      const run = chaos(folder)
      await run.begun()
      for (let sent = 0; sent < times; sent += 1) {
        run.child.kill('SIGINT')
        await sleep(50)
      }
      expect(await run.ended).toBe(130)
      expect(readdirSync(folder)).toEqual([])
      await nothingRuns(folder)
    }
  },
)

test(
  'kill -9 ends servers and processes with it, and a later run removes the folder',
  { timeout: TEST_MS },
  async () => {
    const folder = temporaryFolder()
    const run = chaos(folder)
    await run.serving()
    // Redis, MariaDB and the process of the round each have somebody who ends them.
    await until(
      'the guards',
      () => processesOf(folder).filter((each) => / kill -9 \d+/.test(each)).length >= 3,
    )
    run.child.kill('SIGKILL')
    await run.ended
    await nothingRuns(folder)
    const left = run.roundFolder() ?? ''
    utimesSync(join(folder, left), LONG_AGO, LONG_AGO)
    const next = chaos(folder)
    await until('the next folder', () => ![undefined, left].includes(next.roundFolder()))
    next.child.kill('SIGINT')
    await next.ended
    expect(readdirSync(folder)).toEqual([])
  },
)
