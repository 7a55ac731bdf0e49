/**
 * When forms may be saved. The clock of the server decides `before`, `open` and `closed`, and staff may move both
 * ends; `sealed` is the end in the order of the journal, the same for every process, and for good.
 */
export interface SavingWindow {
  /** ISO instants. */
  readonly opens: string
  readonly closes: string
}

export type WindowState = 'before' | 'open' | 'closed' | 'sealed'

/** `opens` belongs to the window, `closes` does not. */
export function windowState(window: SavingWindow, sealed: boolean, nowMs: number): WindowState {
  if (sealed) return 'sealed'
  if (nowMs < Date.parse(window.opens)) return 'before'
  return nowMs < Date.parse(window.closes) ? 'open' : 'closed'
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/

/** A window from two instants with their zones; a sentence where it is none. */
export function savingWindow(opens: unknown, closes: unknown): SavingWindow | string {
  for (const [name, value] of [
    ['opens', opens],
    ['closes', closes],
  ] as const) {
    if (typeof value !== 'string' || !INSTANT.test(value) || Number.isNaN(Date.parse(value)))
      return `${name} must be an instant with its zone, such as 2026-06-28T17:00:00+08:00.`
  }
  const window = {
    opens: new Date(opens as string).toISOString(),
    closes: new Date(closes as string).toISOString(),
  }
  return window.opens < window.closes ? window : 'The window must open before it closes.'
}
