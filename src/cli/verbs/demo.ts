import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SpillwayError } from '../../errors.ts'
import { PROCESS_OPTIONS } from '../../options/serve-options.ts'
import { EXIT } from '../exit-code.ts'
import { withProgress } from '../terminal/progress.ts'
import { interruption } from '../interruption.ts'
import type { Verb } from '../verb.ts'

export const demo: Verb = {
  name: 'demo',
  summary: 'Saves under load, a kill -9 in the middle, and the proof that nothing was lost.',
  description:
    'Start a server, save and read over HTTP, kill it with SIGKILL while writes are not yet in SQL, start it again, and prove from the list of the client that nothing acknowledged was lost or went back. Needs nothing else; takes about 15 s.',
  options: { runtime: PROCESS_OPTIONS.runtime },
  flags: [['--sabotage <how>', 'Make the server wrong, to see the demo fail: ack-before-journal.']],
  run: async ({ terminal, flags }) => {
    const serverArgs: string[] = []
    if (typeof flags.runtime === 'string') serverArgs.push('--runtime', flags.runtime)
    if (flags.sabotage !== undefined) {
      if (flags.sabotage !== 'ack-before-journal')
        throw new SpillwayError('invalid', '--sabotage takes only ack-before-journal.')
      serverArgs.push('--sabotage', flags.sabotage)
    }
    const { Demo } = await import('../demo/run.ts')
    const { reportJson, reportLines } = await import('../demo/report.ts')
    const folder = await mkdtemp(join(tmpdir(), 'spillway-demo-'))
    using interrupted = interruption()
    let step = 'starting'
    const run = new Demo({
      folder,
      serverArgs,
      signal: interrupted.signal,
      onStep: (next) => {
        step = next
      },
    })
    try {
      const report = await withProgress(
        terminal,
        () => step,
        () => run.run(),
      )
      if (flags.json === true) terminal.out(reportJson(report))
      else for (const line of reportLines(report, terminal.width, terminal.outPaint)) terminal.out(line)
      return report.ok ? EXIT.ok : EXIT.failed
    } finally {
      await run.abandon()
      await rm(folder, { recursive: true, force: true })
    }
  },
}
