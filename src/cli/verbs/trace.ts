import { CLIENT_OPTIONS } from '../../options/client-options.ts'
import { clientOf } from '../client.ts'
import { EXIT } from '../exit-code.ts'
import type { Verb } from '../verb.ts'

export const trace: Verb = {
  name: 'trace',
  summary: 'Where is this key now: front, journal, database, parked.',
  args: '<collection> <key>',
  options: CLIENT_OPTIONS,
  run: async (invocation) => {
    const { terminal, args, flags } = invocation
    const [collection = '', key = ''] = args
    const at = await clientOf(invocation).records(collection).trace(key)
    if (flags.json === true) {
      terminal.out(JSON.stringify(at))
      return EXIT.ok
    }
    const paint = terminal.outPaint
    const pending =
      at.journal.pending === 0 ? 'nothing pending' : `${at.journal.pending} pending in its partition`
    terminal.out(`partition  ${at.partition}`)
    terminal.out(
      `front      ${at.front.state}${at.front.version === null ? '' : ` version ${at.front.version}`}`,
    )
    terminal.out(`journal    end ${at.journal.end}, landed ${at.journal.landed}, ${pending}`)
    terminal.out(`database   ${at.database.version === null ? 'no row' : `version ${at.database.version}`}`)
    terminal.out(
      `parked     ${at.parked === null ? 'no' : paint.warn(`version ${at.parked.version}: ${at.parked.cause}`)}`,
    )
    return EXIT.ok
  },
}
