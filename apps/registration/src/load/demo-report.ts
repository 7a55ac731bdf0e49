/** The report of the demo: the picture first, then what was proved. */
import { DEMO_CONNECTIONS } from './demo.ts'
import type { DemoReport, Ledger } from './demo.ts'
import type { Paint } from './paint.ts'

const PROBLEMS_SHOWN = 5
const TERMS = ['accepted', 'landed', 'superseded', 'refused', 'parked', 'pending'] as const

/** Everything that has to be so, and what is said where it is not; the demo passes if all of it is. */
export function demoChecks(report: DemoReport): { readonly isGood: boolean; readonly text: string }[] {
  const { inFlightAtKill, unlandedAtKill, refusedAfterClose, ledger, verdict } = report
  const check = (isGood: boolean, good: string, bad: string) => ({ isGood, text: isGood ? good : bad })
  const keeps = (...rules: string[]): boolean =>
    !verdict.first.some((problem) => rules.includes(problem.rule))
  return [
    check(
      inFlightAtKill > 0 && unlandedAtKill > 0,
      `at the kill ${count(inFlightAtKill)} requests were in flight, and forms of ${count(unlandedAtKill)} candidates acknowledged but not in SQL (which another program had locked for a second)`,
      'the kill hit no moment with requests in flight and un-landed saves: nothing is proved',
    ),
    check(
      keeps('told', 'chain', 'standing'),
      `${count(verdict.told)} saves were acknowledged: each is in SQL as it was told, in order; ${count(verdict.unknown)} had no answer`,
      `${count(verdict.told)} saves were acknowledged, and some are not in SQL as they were told`,
    ),
    check(
      keeps('reads'),
      `${count(verdict.reads)} forms were read: none went back`,
      `${count(verdict.reads)} forms were read, and some went back`,
    ),
    check(
      refusedAfterClose > 0,
      `${count(refusedAfterClose)} saves came after the close and were refused, in the order of the journal`,
      'no save came after the close',
    ),
    check(
      keeps('export', 'receipts', 'unasked'),
      `${count(verdict.forms)} forms exported: the file is the table, every receipt fits its row, nobody else wrote`,
      'the export, the receipts or the rows are not what they should be',
    ),
    check(balances(ledger), 'the ledger balances, and nothing is pending', 'the ledger does not balance'),
    check(verdict.ok, 'the independent checker agrees', 'the independent checker does not agree'),
  ]
}

export function demoLines(report: DemoReport, width: number, paint: Paint): string[] {
  const checks = demoChecks(report)
  const isGood = checks.every((check) => check.isGood)
  const problems = report.verdict.first.slice(0, PROBLEMS_SHOWN)
  return [
    '',
    `  ${paint.strong('Registration on Spillway')}  the last evening: ${DEMO_CONNECTIONS} connections, reads 40 : saves 20 : exam info 40 : teachers 4`,
    '',
    ...report.timeline.draw(width, paint, report.marks),
    '',
    ...checks.map((check) => checkLine(check.isGood, check.text, width, paint)),
    ...ledgerLines(report.ledger).map((line) => `      ${paint.dim(line)}`),
    ...problems.map((problem) => `      ${problem.candidate} ${problem.rule}: ${problem.detail}`),
    '',
    isGood
      ? `  ${paint.good(paint.strong('PASS'))}  nothing that was acknowledged was lost or went back  ${paint.dim(`(${report.seconds.toFixed(1)} s)`)}`
      : `  ${paint.bad(paint.strong('FAIL'))}  ${report.verdict.problems > 0 ? `${count(report.verdict.problems)} promises were broken` : 'see above'}`,
    '',
  ]
}

function balances({ accepted, landed, superseded, refused, parked, pending }: Ledger): boolean {
  return accepted === landed + superseded + refused + parked && pending === 0
}

function ledgerLines(ledger: Ledger): [string, string] {
  const cells = TERMS.map((term) => ({ term, value: count(ledger[term]) }))
  const line = (of: (cell: (typeof cells)[number]) => string): string =>
    cells
      .map((cell, index) => {
        const sign = index === 0 ? '' : index === 1 ? '  =  ' : '  +  '
        return sign + of(cell).padStart(Math.max(cell.term.length, cell.value.length))
      })
      .join('')
  return [line((cell) => cell.term), line((cell) => cell.value)]
}

/** With its mark, wrapped below its own beginning. */
function checkLine(good: boolean, text: string, width: number, paint: Paint): string {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) as string
    if (last !== '' && 4 + last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return `  ${good ? paint.good('✓') : paint.bad('✗')} ${lines.join('\n    ')}`
}

function count(value: number): string {
  return value.toLocaleString('en')
}
