import { SERVE_OPTIONS } from '../../options/serve-options.ts'
import { settingsOf } from '../settings.ts'
import { onChosenRuntime } from '../chosen-runtime.ts'
import type { Verb } from '../verb.ts'

export const serve: Verb = {
  name: 'serve',
  summary: 'Serve records over HTTP until SIGTERM.',
  description:
    'Serve records over HTTP. When it serves, it prints one JSON line on stdout. SIGTERM: not ready, accept no more, journal what was admitted, land what fits in --drain-ms, exit 0; a second signal ends it at once.',
  options: SERVE_OPTIONS,
  examples: [
    'spillway serve --data ./data',
    'spillway serve --config spillway.config.ts --port 0',
    'SPILLWAY_TOKEN=… spillway serve --host 0.0.0.0',
  ],
  run: (invocation) =>
    onChosenRuntime(invocation, async () => {
      const { serveUntilStopped } = await import('../serving.ts')
      return serveUntilStopped(invocation, await settingsOf(invocation), false)
    }),
}
