/**
 * Progress of work that may take more than a second: one moving line where a person looks, else a plain line
 * every ten seconds, and nothing at all for work that is quick.
 */
import { systemClock } from '../../kit/clock.ts'
import type { Clock } from '../../kit/clock.ts'
import type { Terminal } from './terminal.ts'

const QUIET_MS = 1_000
const LIVE_EVERY_MS = 100
const PLAIN_EVERY_MS = 10_000
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** Runs `work`, showing what `describe` says while it goes on. */
export async function withProgress<T>(
  terminal: Terminal,
  describe: () => string,
  work: () => Promise<T>,
  clock: Clock = systemClock,
): Promise<T> {
  const from = clock.monotonic()
  let frame = 0
  let cancel = (): void => {}
  const everyMs = terminal.live ? LIVE_EVERY_MS : PLAIN_EVERY_MS
  const show = (): void => {
    const seconds = Math.round((clock.monotonic() - from) / 1_000)
    if (terminal.live) {
      frame = (frame + 1) % FRAMES.length
      terminal.liveLine(`${FRAMES[frame]} ${describe()} ${terminal.errPaint.dim(`${seconds} s`)}`)
    } else {
      terminal.say(`${describe()} (${seconds} s)`)
    }
    cancel = clock.after(everyMs, show, { unref: true })
  }
  cancel = clock.after(terminal.live ? QUIET_MS : PLAIN_EVERY_MS, show, { unref: true })
  try {
    return await work()
  } finally {
    cancel()
    terminal.liveLine('')
  }
}
