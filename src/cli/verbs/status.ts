import { CLIENT_OPTIONS } from '../../options/client-options.ts'
import { clientOf } from '../client.ts'
import { EXIT } from '../exit-code.ts'
import { count, columns } from '../terminal/columns.ts'
import type { Verb } from '../verb.ts'

const LEDGER = ['accepted', 'landed', 'superseded', 'refused', 'parked', 'pending'] as const

export const status: Verb = {
  name: 'status',
  summary: 'The ledger of a running server, per partition.',
  options: CLIENT_OPTIONS,
  run: async (invocation) => {
    const { terminal, flags } = invocation
    const now = await clientOf(invocation).status()
    if (flags.json === true) {
      terminal.out(JSON.stringify(now))
      return EXIT.ok
    }
    const paint = terminal.outPaint
    terminal.out(
      `${paint.strong(now.profile)}  ${now.ready ? paint.good('ready') : paint.bad('not ready')}  generation ${now.generation}`,
    )
    terminal.out(paint.dim(now.promise))
    terminal.out('')
    const header = ['partition', ...LEDGER, 'lag ms']
    const rows = now.partitions.map((row) => [
      String(row.partition),
      ...LEDGER.map((name) => row[name]),
      Math.round(row.lagMs),
    ])
    for (const line of columns([header, ...rows, ['all', ...LEDGER.map((name) => now.totals[name]), '']]))
      terminal.out(line)
    if (now.totals.pending > 0) {
      const drain =
        now.drainSeconds === null
          ? 'nothing lands at the moment'
          : `about ${count(now.drainSeconds)} s to drain`
      terminal.out(`${count(now.totals.pending)} pending: ${drain}`)
    }
    for (const note of now.notes ?? []) terminal.out(paint.warn(note))
    return EXIT.ok
  },
}
