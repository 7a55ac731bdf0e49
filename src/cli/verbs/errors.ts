import { ERRORS, SpillwayError } from '../../errors.ts'
import { didYouMean } from '../../kit/nearest.ts'
import { EXIT, exitCodeOfCode } from '../exit-code.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Verb } from '../verb.ts'

/** What the caller does next, in words. */
const NEXT = {
  'fix-the-call': 'Change the call: the same again fails again.',
  missing: 'It is not there.',
  conflict: 'Read the present state, decide, call again.',
  'over-limit': 'Wait as long as retryAfter says, then send the same again.',
  retry: 'Nothing has happened: send the same again later.',
  unknown: 'Settle the entry that the error names, then decide.',
  operator: 'Somebody has to look at the stores: run spillway doctor.',
  closed: 'Use another process, or wait for the restart.',
  bug: 'Report it.',
} as const

export const errors: Verb = {
  name: 'errors',
  summary: 'Print the catalogue of error codes.',
  args: '[code]',
  examples: ['spillway errors', 'spillway errors outcome-unknown'],
  run: ({ terminal, args, flags }) => {
    const wanted = args[0]
    if (wanted !== undefined && !Object.hasOwn(ERRORS, wanted)) {
      throw new SpillwayError(
        'not-found',
        `There is no error code ${wanted}.${didYouMean(wanted, Object.keys(ERRORS))}`,
      )
    }
    const rows = (Object.keys(ERRORS) as ErrorCode[])
      .filter((code) => wanted === undefined || code === wanted)
      .map((code) => ({
        code,
        status: ERRORS[code].status,
        exit: exitCodeOfCode(code),
        meaning: ERRORS[code].meaning,
        next: NEXT[ERRORS[code].kind],
      }))
    if (flags.json === true) {
      terminal.out(JSON.stringify(rows))
      return Promise.resolve(EXIT.ok)
    }
    const paint = terminal.outPaint
    for (const row of rows) {
      terminal.out(
        `${paint.strong(row.code.padEnd(23))} ${paint.dim(`HTTP ${row.status}  exit ${row.exit}`)}`,
      )
      terminal.out(`    ${row.meaning}`)
      terminal.out(`    ${paint.dim(row.next)}`)
    }
    return Promise.resolve(EXIT.ok)
  },
}
