import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVE_OPTIONS } from '../../options/serve-options.ts'
import { onChosenRuntime } from '../chosen-runtime.ts'
import { settingsOf } from '../settings.ts'
import type { Verb } from '../verb.ts'

const { data: _, ...DEV_OPTIONS } = SERVE_OPTIONS

export const dev: Verb = {
  name: 'dev',
  summary: 'Serve from an empty folder that is removed at the end, with a line to try it.',
  options: DEV_OPTIONS,
  run: (invocation) =>
    onChosenRuntime(invocation, async () => {
      const { serveUntilStopped } = await import('../serving.ts')
      const folder = await mkdtemp(join(tmpdir(), 'spillway-dev-'))
      try {
        return await serveUntilStopped(invocation, await settingsOf(invocation, { data: folder }), true)
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    }),
}
