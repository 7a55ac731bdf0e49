/**
 * The time of the server, whatever the clock of this computer says: an instant of the server, taken in the middle of
 * the request that asked for it, plus what the page has counted since (a counter that nobody can set).
 *
 *   asked ──── server says T ──── answered        now = T + counted since the middle
 */
import { api } from './api.js'

/**
 * @typedef {{ opens: string, closes: string, state: 'before' | 'open' | 'closed' | 'sealed' }} SavingWindow
 */

let serverAtMs = 0
let countedAtMs = 0
/** @type {{ window: SavingWindow, choicesMax: number } | undefined} */
let known

/** Asks the server. Throws ApiProblem; what was known stays. */
export async function syncClock() {
  const askedMs = performance.now()
  const { now, window, choicesMax } = await api('GET', '/api/clock')
  serverAtMs = Date.parse(now)
  countedAtMs = (askedMs + performance.now()) / 2
  known = { window, choicesMax }
}

export function serverNow() {
  return serverAtMs + performance.now() - countedAtMs
}

export function choicesMax() {
  return known?.choicesMax ?? 1
}

/** The window as it is now by the server's time. @returns {SavingWindow | undefined} before the first answer */
export function savingWindow() {
  if (known === undefined) return undefined
  const { window } = known
  if (window.state === 'sealed') return window
  const now = serverNow()
  const state =
    now < Date.parse(window.opens) ? 'before' : now < Date.parse(window.closes) ? 'open' : 'closed'
  return { ...window, state }
}
