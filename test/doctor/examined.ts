import { expect } from 'vitest'
import { FINDINGS } from '../../src/findings.ts'
import type { FindingId } from '../../src/index.ts'
import type { Fault } from './faults.ts'
import { doctor } from './stores.ts'
import type { Stores } from './stores.ts'

interface Told {
  readonly ids: readonly FindingId[]
  readonly code: number | null
}

/** Sets a fault, looks, and checks what is said about it; all that was found, and the exit code. */
export async function examined(id: FindingId, fault: Fault, stores: Stores): Promise<Told> {
  const report = await doctor(await fault.set(stores))
  const row = FINDINGS[id]
  const own = report.findings.filter((one) => one.id === id)
  for (const one of own)
    expect(one).toMatchObject({
      about: expect.stringMatching(row.about === 'journal' ? /journal|database/ : row.about),
      state: row.state,
      found: expect.stringMatching(fault.found),
      fix: fault.fix === undefined ? row.fix : expect.stringMatching(fault.fix),
    })
  const ids = new Set([...own, ...report.wrong].flatMap((one) => one.id ?? []))
  return { ids: [...ids].sort(), code: report.code }
}

/** That finding, those that come with it and no other; 7 for a server that does not answer, else 1 for what is bad. */
export function due(id: FindingId, { also = [] }: Fault): Told {
  const ids = [id, ...also].sort()
  if (id.endsWith('-unreachable')) return { ids, code: 7 }
  return { ids, code: ids.some((one) => FINDINGS[one].state === 'bad') ? 1 : 0 }
}
