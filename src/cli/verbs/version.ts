import { runtimeName, runtimeVersion } from '../../runtime/process.ts'
import { EXIT } from '../exit-code.ts'
import { packageVersion } from '../package-version.ts'
import type { Verb } from '../verb.ts'

export const version: Verb = {
  name: 'version',
  summary: 'Print the version of Spillway and of the runtime.',
  run: ({ terminal, flags }) => {
    const version_ = packageVersion()
    if (flags.json === true)
      terminal.out(JSON.stringify({ version: version_, runtime: runtimeName, runtimeVersion }))
    else terminal.out(`spillway ${version_} (${runtimeName} ${runtimeVersion})`)
    return Promise.resolve(EXIT.ok)
  },
}
