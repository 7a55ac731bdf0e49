/**
 * What `put` and `delete` have in common: the condition, waiting, and how a receipt is printed.
 */
import { SpillwayError } from '../errors.ts'
import { timeoutMs, wholeNumber } from './client.ts'
import type { Receipt, Stage, WriteOptions } from '../index.ts'
import type { Invocation } from './verb.ts'

export const WRITE_FLAGS = [
  ['--if-version <version>', 'Only if the record has this version; 0 = only if it is absent.'],
  ['--wait <stage>', 'Answer only once the write is landed (in SQL), or at the deadline.'],
  ['--timeout-ms <ms>', 'Bound on --wait, at most 60000. (default: 5000)'],
] as const

export function writeOptions(invocation: Invocation): WriteOptions {
  const ifVersion = wholeNumber(invocation, '--if-version', 'ifVersion')
  return ifVersion === undefined ? {} : { ifVersion }
}

/** Refuses a wrong --wait before anything is sent. */
export function checkWait(invocation: Invocation): void {
  const { wait } = invocation.flags
  if (wait !== undefined && wait !== 'landed') throw new SpillwayError('invalid', '--wait takes only landed.')
}

export async function printReceipt(invocation: Invocation, receipt: Receipt): Promise<void> {
  const { terminal, flags } = invocation
  const timeout = timeoutMs(invocation)
  let stage: Stage = receipt.stage
  if (flags.wait === 'landed')
    stage = await receipt.landed(timeout === undefined ? {} : { timeoutMs: timeout })
  const { collection, key, version } = receipt
  if (flags.json === true) {
    terminal.out(JSON.stringify({ collection, key, version, stage }))
    return
  }
  terminal.out(`${version}`)
  terminal.say(
    terminal.errPaint.dim(`${collection}/${JSON.stringify(key).slice(1, -1)} version ${version}, ${stage}`),
  )
}
