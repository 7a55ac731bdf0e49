import { FINDINGS } from '../findings.ts'
import type { FindingId, FindingRow } from '../findings.ts'

/** What an examination says about one thing: as it should be, worth a look, or wrong; and what to do about it. */
export interface Finding {
  readonly about: string
  readonly state: 'ok' | 'warning' | 'bad'
  readonly found: string
  /** Of what is not ok: its name in the catalogue and on the page docs/reference/doctor.md. */
  readonly id?: FindingId
  /** Always there when the state is not ok. */
  readonly fix?: string
}

export function ok(about: string, found: string): Finding {
  return { about, state: 'ok', found }
}

/** What is not as it should be; `fix` where it depends on what was found. */
export function wrong(id: FindingId, found: string, more: { about?: string; fix?: string } = {}): Finding {
  const row: FindingRow = FINDINGS[id]
  return { id, about: more.about ?? row.about, state: row.state, found, fix: more.fix ?? row.fix }
}
