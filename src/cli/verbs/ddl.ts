import { STORE_OPTIONS } from '../../options/serve-options.ts'
import { prepareDataFolder } from '../data-folder.ts'
import { EXIT } from '../exit-code.ts'
import { conflictIfInUse } from '../open-stores.ts'
import { settingsOf } from '../settings.ts'
import type { Verb } from '../verb.ts'

export const ddl: Verb = {
  name: 'ddl',
  summary: 'Print the SQL that the tables of the collections lack; --apply executes it.',
  description:
    'Print the SQL that the database lacks for the collections of the config file; --apply executes it, in one transaction. What no statement can mend is named with its fix, exit 1. Stop the server first (a folder in use is refused with the pid of its owner, exit 5).',
  options: STORE_OPTIONS,
  flags: [['--apply', 'Execute the statements.']],
  examples: ['spillway ddl --config spillway.config.ts', 'spillway ddl --config spillway.config.ts --apply'],
  run: async (invocation) => {
    const { terminal, flags } = invocation
    const { tier, data } = await settingsOf(invocation)
    const apply = flags.apply === true
    if (apply && data !== undefined) prepareDataFolder(data)
    const { ddl: planDdl } = await import('../../index.ts')
    const plan = await planDdl(tier, { apply }).catch((error: unknown) => {
      throw conflictIfInUse(error)
    })
    if (flags.json === true) {
      terminal.out(JSON.stringify({ ...plan, applied: apply }))
    } else {
      for (const statement of plan.statements) terminal.out(`${statement};`)
      for (const problem of plan.problems) terminal.say(`${terminal.errPaint.bad('problem:')} ${problem}`)
      if (plan.statements.length === 0) terminal.say('Nothing is missing.')
      else
        terminal.say(
          apply
            ? `${plan.statements.length} statements were executed.`
            : 'Nothing was executed: --apply does.',
        )
    }
    return plan.problems.length === 0 ? EXIT.ok : EXIT.failed
  },
}
