import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PROCESS_OPTIONS } from '../../options/serve-options.ts'
import { runtimeName, runtimeVersion } from '../../runtime/process.ts'
import { onChosenRuntime } from '../chosen-runtime.ts'
import { wholeNumber } from '../client.ts'
import { EXIT } from '../exit-code.ts'
import { interruption } from '../interruption.ts'
import { count } from '../terminal/columns.ts'
import { withProgress } from '../terminal/progress.ts'
import type { Invocation, Verb } from '../verb.ts'

async function run(invocation: Invocation): Promise<number> {
  const { IN_FLIGHT, ROWS_OF_A_COMMIT, measure, valueOf } = await import('../bench/measure.ts')
  const { terminal, flags } = invocation
  const seconds = wholeNumber(invocation, '--seconds', 'seconds', 600) ?? 3
  const folder = await mkdtemp(join(tmpdir(), 'spillway-bench-'))
  using interrupted = interruption()
  let step = ''
  try {
    const numbers = await withProgress(
      terminal,
      () => step,
      () => measure(folder, Math.max(1, seconds) * 1_000, interrupted.signal, (next) => (step = next)),
    )
    if (flags.json === true) {
      terminal.out(
        JSON.stringify({
          runtime: runtimeName,
          runtimeVersion,
          inFlight: IN_FLIGHT,
          valueBytes: valueOf(0).byteLength,
          ...numbers,
        }),
      )
      return EXIT.ok
    }
    const { strong, dim } = terminal.outPaint
    const share = Math.round((numbers.putsPerSecond / numbers.sqliteRowsPerSecond) * 100)
    terminal.out(
      dim(
        `${runtimeName} ${runtimeVersion}, values of ${valueOf(0).byteLength} B, ${IN_FLIGHT} in flight, embedded, ${tmpdir()}`,
      ),
    )
    terminal.out(
      `durable puts  ${strong(count(numbers.putsPerSecond).padStart(11))}/s  ${dim(`${share} % of bare SQLite commits of ${ROWS_OF_A_COMMIT} rows (${count(numbers.sqliteRowsPerSecond)} rows/s)`)}`,
    )
    terminal.out(`reads         ${strong(count(numbers.readsPerSecond).padStart(11))}/s`)
    return EXIT.ok
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export const bench: Verb = {
  name: 'bench',
  summary: 'Durable puts and reads of the library on this machine, beside bare SQLite.',
  options: { runtime: PROCESS_OPTIONS.runtime },
  flags: [['--seconds <count>', 'Of each measurement. (default: 3)']],
  run: (invocation) => onChosenRuntime(invocation, () => run(invocation)),
}
