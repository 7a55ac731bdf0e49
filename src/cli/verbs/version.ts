import { readFileSync } from 'node:fs'
import { EXIT } from '../exit-code.ts'
import type { Verb } from '../verb.ts'

/** Of the package this file is part of, whether it runs from `src` or from `dist`. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return manifest.version
}

/** The runtime that executes this process. */
export function runtimeName(): { readonly name: 'node' | 'bun'; readonly version: string } {
  const bun = process.versions.bun
  return bun === undefined ? { name: 'node', version: process.versions.node } : { name: 'bun', version: bun }
}

export const version: Verb = {
  name: 'version',
  summary: 'Print the version of Spillway and of the runtime.',
  run: ({ terminal, flags }) => {
    const runtime = runtimeName()
    if (flags.json === true) {
      terminal.out(
        JSON.stringify({ version: packageVersion(), runtime: runtime.name, runtimeVersion: runtime.version }),
      )
    } else {
      terminal.out(`spillway ${packageVersion()} (${runtime.name} ${runtime.version})`)
    }
    return Promise.resolve(EXIT.ok)
  },
}
