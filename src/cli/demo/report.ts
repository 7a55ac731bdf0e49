/**
 * The report of the demo, as lines: the picture first, then what was proved.
 */
import { columns, count } from '../terminal/columns.ts'
import { SHAPE } from './run.ts'
import type { Paint } from '../terminal/paint.ts'
import type { DemoReport } from './run.ts'

const FINDINGS_SHOWN = 5

/** A line with its mark, wrapped below its own beginning. */
function check(good: boolean, text: string, { paint, width }: { paint: Paint; width: number }): string {
  const indent = 4
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string
    if (line !== '' && indent + line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return `  ${good ? paint.good('✓') : paint.bad('✗')} ${lines.join(`\n${' '.repeat(indent)}`)}`
}

export function reportLines(report: DemoReport, width: number, paint: Paint): string[] {
  const { history, totals } = report
  const at = { paint, width }
  const lost = history.count('lost')
  const back = history.count('went back')
  const other = history.findingsCount - lost - back
  const counted = report.inFlightAtKill > 0 && report.unlandedAtKill > 0
  const ledger = columns([
    ['accepted', '=', 'landed', '+', 'superseded', '+', 'refused', '+', 'parked', '+', 'pending'],
    [
      totals.accepted,
      '=',
      totals.landed,
      '+',
      totals.superseded,
      '+',
      totals.refused,
      '+',
      totals.parked,
      '+',
      totals.pending,
    ],
  ])
  return [
    '',
    `  ${paint.strong('Spillway demo')}  ${SHAPE.writers} writers and ${SHAPE.readers} readers over HTTP, and one kill -9 while they are at it`,
    '',
    ...report.timeline.draw(width, paint, report.marks),
    '',
    check(
      counted,
      `at the kill: ${count(report.inFlightAtKill)} requests in flight, ${count(report.unlandedAtKill)} records acknowledged but not in SQL (which another program had locked for a second)`,
      at,
    ),
    check(
      lost === 0,
      `${count(history.acknowledgedCount)} saves acknowledged, ${count(report.keysReadBack)} keys read back after the restart: ${count(lost)} lost`,
      at,
    ),
    check(back === 0, `${count(history.readsCount)} reads: ${count(back)} went back`, at),
    ...(other === 0
      ? []
      : [check(false, `${count(other)} reads showed what was never acknowledged or sent`, at)]),
    check(
      report.rowsBehind === 0,
      report.rowsBehind === 0
        ? 'in SQL every record is at its last acknowledged version or newer'
        : `${count(report.rowsBehind)} records are older in SQL than acknowledged`,
      at,
    ),
    check(
      report.ledgerBalances,
      report.ledgerBalances
        ? 'the ledger balances, and with the list of the client'
        : 'the ledger does not balance with the list of the client',
      at,
    ),
    ...ledger.map((line) => `      ${paint.dim(line)}`),
    check(
      report.verify.ok,
      report.verify.ok
        ? 'verify: journal and tables say the same'
        : `verify: ${report.verify.mismatches.length} mismatches`,
      at,
    ),
    ...(report.stopCode === 0
      ? []
      : [check(false, `the server ended with ${report.stopCode} when it was asked to stop`, at)]),
    ...history.findings
      .slice(0, FINDINGS_SHOWN)
      .map(
        (finding) =>
          `      ${finding.key}: ${finding.breach}: expected ${finding.expected}, found ${finding.found}`,
      ),
    ...report.surprises.map((surprise) => `      ${surprise}`),
    '',
    report.ok
      ? `  ${paint.good(paint.strong('PASS'))}  nothing that was acknowledged was lost or went back  ${paint.dim(`(${report.seconds.toFixed(1)} s)`)}`
      : `  ${paint.bad(paint.strong('FAIL'))}  ${verdict(report, counted)}`,
    '',
  ]
}

function verdict(report: DemoReport, counted: boolean): string {
  if (report.history.findingsCount > 0 || report.rowsBehind > 0)
    return 'acknowledged saves were lost or went back'
  if (!counted)
    return `none of ${report.kills} kills hit a moment with requests in flight and un-landed writes: nothing is proved`
  return 'see above'
}

/** The same for programs. */
export function reportJson(report: DemoReport): string {
  const { history } = report
  return JSON.stringify({
    ok: report.ok,
    kills: report.kills,
    atKill: { inFlight: report.inFlightAtKill, unlanded: report.unlandedAtKill },
    acknowledged: history.acknowledgedCount,
    unanswered: history.unansweredCount,
    keysReadBack: report.keysReadBack,
    reads: history.readsCount,
    findings: history.findings,
    findingsCount: history.findingsCount,
    rowsBehind: report.rowsBehind,
    ledger: report.totals,
    ledgerBalances: report.ledgerBalances,
    verify: report.verify,
    recoveryMs: Math.round(report.marks.readyMs - report.marks.killedMs),
    seconds: Number(report.seconds.toFixed(2)),
  })
}
