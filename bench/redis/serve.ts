/** `spillway serve` on the stores of a bench, on the runtime that runs this. */
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export function serveArgs(flags: readonly string[]): string[] {
  const runtime = process.versions['bun'] === undefined ? 'node' : 'bun'
  return [CLI, 'serve', '--port', '0', '--runtime', runtime, ...flags]
}
