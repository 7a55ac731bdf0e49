import { STORE_OPTIONS } from '../../options/serve-options.ts'
import { EXIT } from '../exit-code.ts'
import { interruption } from '../interruption.ts'
import { existingStores, openTier } from '../open-stores.ts'
import { columns, count } from '../terminal/columns.ts'
import { withProgress } from '../terminal/progress.ts'
import type { VerifyReport } from '../../index.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { Verb } from '../verb.ts'

const MISMATCHES_SHOWN = 50
const LEDGER = ['accepted', 'landed', 'superseded', 'refused', 'parked', 'pending'] as const

function print(terminal: Terminal, report: VerifyReport): void {
  const paint = terminal.outPaint
  const rows = report.ledger.map((row) => [
    String(row.partition),
    ...LEDGER.map((name) => row[name]),
    row.problem ?? '',
  ])
  for (const line of columns([['partition', ...LEDGER, 'problem'], ...rows])) terminal.out(line)
  for (const found of report.mismatches.slice(0, MISMATCHES_SHOWN)) {
    terminal.out(
      `${paint.bad('mismatch')} ${found.collection}/${JSON.stringify(found.key).slice(1, -1)} in ${found.store}: expected ${found.expected}, found ${found.found}`,
    )
  }
  if (report.mismatches.length > MISMATCHES_SHOWN)
    terminal.out(`… and ${count(report.mismatches.length - MISMATCHES_SHOWN)} more (--json has all)`)
  for (const reason of report.unchecked) terminal.out(`${paint.warn('unchecked')} ${reason}`)
  terminal.out(report.ok ? paint.good('ok: ledger and stores agree') : paint.bad('NOT ok'))
}

export const verify: Verb = {
  name: 'verify',
  summary: 'Prove ledger, journal and tables against each other; finds rows that somebody changed by hand.',
  description:
    'Prove ledger, journal and tables against each other. Opens the stores itself: stop the server first (a folder in use is refused with the pid of its owner, exit 5). Exit 6 on a difference.',
  options: STORE_OPTIONS,
  run: async (invocation) => {
    const { terminal, flags } = invocation
    const settings = await existingStores(invocation)
    using interrupted = interruption()
    // Looking must not change what is looked at: nothing lands while this runs.
    await using tier = await openTier(invocation, { ...settings.tier, role: 'api' })
    let rows = 0
    const report = await withProgress(
      terminal,
      () => `verifying, ${count(rows)} rows`,
      () =>
        tier.verify({
          signal: interrupted.signal,
          onProgress: (seen) => {
            rows = seen
          },
        }),
    )
    if (flags.json === true)
      terminal.out(
        JSON.stringify({
          ok: report.ok,
          ledger: report.ledger,
          mismatches: report.mismatches,
          unchecked: report.unchecked,
        }),
      )
    else print(terminal, report)
    return report.ok ? EXIT.ok : EXIT.mismatch
  },
}
