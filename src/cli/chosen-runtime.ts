/**
 * Servers run on Bun where it is found, else on Node; `--runtime` decides otherwise. A process that was started on
 * the other one becomes it (same pid), before anything is opened.
 */
import { SpillwayError } from '../errors.ts'
import { execInto, findBun, findNode, runtimeName } from '../runtime/process.ts'
import { programFile } from './program-file.ts'
import { earlyOption } from './settings.ts'
import type { Invocation } from './verb.ts'

function otherRuntime(wanted: 'node' | 'bun'): string | undefined {
  return wanted === 'bun' ? findBun() : findNode()
}

/** Runs `work` on the chosen runtime, in this process or in the one that it becomes. */
export async function onChosenRuntime(invocation: Invocation, work: () => Promise<number>): Promise<number> {
  const asked = earlyOption(invocation, 'runtime') as 'node' | 'bun' | undefined
  const wanted = asked ?? 'bun'
  if (wanted === runtimeName) return work()
  const file = otherRuntime(wanted)
  if (file === undefined) {
    if (asked === undefined) return work()
    throw new SpillwayError(
      'invalid',
      wanted === 'bun'
        ? 'Bun was not found: install it (https://bun.sh) so that it is on the PATH, or leave --runtime out.'
        : 'No Node of a version that Spillway runs on was found on the PATH.',
    )
  }
  // Named in the arguments, so that the other process does not choose again.
  return execInto(file, [
    programFile(),
    ...invocation.argv,
    ...(asked === undefined ? ['--runtime', wanted] : []),
  ])
}
