/** What an examination says about one thing: as it should be, worth a look, or wrong; and what to do about it. */
export interface Finding {
  readonly about: string
  readonly state: 'ok' | 'warning' | 'bad'
  readonly found: string
  /** Always there when the state is not ok. */
  readonly fix?: string
}

export function ok(about: string, found: string): Finding {
  return { about, state: 'ok', found }
}

export function warning(about: string, found: string, fix: string): Finding {
  return { about, state: 'warning', found, fix }
}

export function bad(about: string, found: string, fix: string): Finding {
  return { about, state: 'bad', found, fix }
}
