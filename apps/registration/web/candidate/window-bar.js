/** Whether forms can be saved, and until when: counted down by the server's time. */
import { announce, byId, fill, h, icon } from '../shared/dom.js'
import { dateAndTime, say, timeLeft } from '../shared/language.js'
import { savingWindow, serverNow, syncClock } from '../shared/server-time.js'

const SYNC_MS = 60_000
/** Told to those who listen, as it nears. */
const WARNINGS_MS = [60 * 60_000, 10 * 60_000, 60_000]

export class WindowBar {
  #place
  #onTurn
  #shown = ''
  #leftMs = Infinity
  #syncedMs = performance.now()

  /** @param {Element} place @param {() => void} onTurn when it opens or closes */
  constructor(place, onTurn) {
    this.#place = place
    this.#onTurn = onTurn
    const tick = () => {
      this.#tick()
      setTimeout(tick, 1_000 - (serverNow() % 1_000))
    }
    tick()
  }

  /** @param {Element} place */
  showIn(place) {
    this.#place = place
    this.render()
  }

  /** Asks the server again, as after it refused a save. */
  async sync() {
    this.#syncedMs = performance.now()
    await syncClock().catch(() => undefined)
    this.#tick()
  }

  /** All of it: the language or the window has changed. */
  render() {
    const window = savingWindow()
    if (window === undefined) return
    const { state, opens, closes } = window
    this.#shown = JSON.stringify(window)
    this.#place.className = `window ${state}`
    const left = h('span.left', { id: 'time-left' })
    fill(
      this.#place,
      h(
        'p.window-state',
        {},
        icon(state === 'open' ? 'clock' : 'lock'),
        h('span', {}, say(`window-${state}`)),
        (state === 'open' || state === 'before') &&
          h('span.countdown', { role: 'timer', 'aria-live': 'off' }, left),
      ),
      h(
        'p.window-times',
        {},
        state === 'before'
          ? say('window-from-to', { from: dateAndTime(opens), to: dateAndTime(closes) })
          : say(state === 'open' ? 'window-until' : 'window-was-until', { to: dateAndTime(closes) }),
      ),
    )
    this.#count(window)
  }

  #tick() {
    if (performance.now() - this.#syncedMs >= SYNC_MS) void this.sync()
    const window = savingWindow()
    if (window === undefined || !this.#place.isConnected) return
    if (JSON.stringify(window) === this.#shown) {
      this.#count(window)
      return
    }
    const isFirst = this.#shown === ''
    this.render()
    if (isFirst) return
    announce(say(`window-${window.state}`))
    this.#onTurn()
  }

  /** @param {import('../shared/server-time.js').SavingWindow} window */
  #count({ state, opens, closes }) {
    if (state !== 'open' && state !== 'before') return
    const leftMs = Date.parse(state === 'open' ? closes : opens) - serverNow()
    byId('time-left').textContent = timeLeft(leftMs)
    this.#place.classList.toggle('soon', state === 'open' && leftMs < 10 * 60_000)
    const warning = WARNINGS_MS.find((at) => this.#leftMs > at && leftMs <= at && this.#leftMs !== Infinity)
    this.#leftMs = leftMs
    if (warning !== undefined && state === 'open') announce(say('closes-in-minutes', { n: warning / 60_000 }))
  }
}
