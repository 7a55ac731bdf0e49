/**
 * The last hour before the deadline, in minutes.
 *
 *   share of the time   0 ──── 25 % ──── 40 % ───────── 55 % ──────────── 80 % ──── 90 % ── 100 %
 *                       ramp     busy      spike          spike             busy      after the close
 *                                          server killed  Redis killed                saves are refused
 *                                          at 45 %        at 60 %, 3 s               in order
 *
 * Everything goes on while something is dead; the history of what clients were told is the only witness.
 */
import { sleep, systemClock } from '../clock.ts'
import type { Figures, Generator } from './generator.ts'
import type { RealServers } from './real-servers.ts'
import type { ServerChild } from './server-child.ts'
import type { StaffClient } from './staff-client.ts'

export interface EveningParts {
  readonly generator: Generator
  readonly servers: ServerChild[]
  /** Starts the server again that was killed, on its port. */
  readonly revive: (index: number) => Promise<ServerChild>
  readonly real: RealServers | undefined
  readonly staff: StaffClient
  readonly seconds: number
  /** Asks a second when it is busy; in the spike it is as many as are answered. */
  readonly pace: number
  readonly tell: (line: string) => void
}

const STEPS = 50
const REDIS_AWAY_MS = 3_000
const PATIENCE_MS = 60_000

export async function playEvening(parts: EveningParts): Promise<void> {
  const { generator, seconds, pace, tell } = parts
  const stepMs = (seconds * 1_000) / STEPS
  const startedMs = systemClock.now()
  const underWay: Promise<unknown>[] = []
  generator.setPace(pace / 10)
  generator.start()
  for (let step = 1; step <= STEPS; step += 1) {
    await sleep(Math.max(0, startedMs + step * stepMs - systemClock.now()))
    const at = step / STEPS
    generator.setPace(at < 0.25 ? pace * Math.max(0.1, at / 0.25) : at >= 0.4 && at < 0.8 ? 0 : pace)
    const event = eventAt(step)
    if (event !== undefined) {
      const happening = happen(parts, event)
      // Its failure is told at the end, when all are waited for.
      happening.catch(() => undefined)
      underWay.push(happening)
    }
    tell(timelineLine((systemClock.now() - startedMs) / 1_000, phaseAt(at), generator.takeFigures()))
  }
  // What is late, such as a close that no server was there for, happens under load too.
  await Promise.all(underWay)
  await generator.stop()
}

type Event = 'kill-server' | 'kill-redis' | 'close'

function eventAt(step: number): Event | undefined {
  const events: Readonly<Record<number, Event>> = {
    [STEPS * 0.44]: 'kill-server',
    [STEPS * 0.6]: 'kill-redis',
    [STEPS * 0.9]: 'close',
  }
  return events[step]
}

async function happen(parts: EveningParts, event: Event): Promise<void> {
  const { servers, real, staff, tell } = parts
  if (event === 'kill-server') {
    tell('        a server is killed (SIGKILL) …')
    await servers[0]?.kill()
    servers[0] = await parts.revive(0)
    tell('        … and serves again')
  } else if (event === 'kill-redis' && real !== undefined) {
    tell('        Redis is killed (SIGKILL) …')
    await real.redis.kill('SIGKILL')
    await sleep(REDIS_AWAY_MS)
    await real.redis.restart({})
    tell('        … and is back')
  } else if (event === 'close') {
    await patiently(() => staff.call('POST', '/api/staff/close'))
    tell('        the window is closed for good: what comes later in order is refused')
  }
}

/** Exported once all has landed. */
export async function exported(staff: StaffClient): Promise<string> {
  const answer = await patiently(() => staff.call('POST', '/api/staff/exports'))
  return (answer as { readonly export: string }).export
}

/** A server may be away and the database behind: for a minute that is no failure. */
async function patiently(ask: () => Promise<unknown>): Promise<unknown> {
  const deadlineMs = systemClock.now() + PATIENCE_MS
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (systemClock.now() > deadlineMs) throw error
      await sleep(500)
    }
  }
}

function phaseAt(at: number): string {
  if (at < 0.25) return 'ramp'
  if (at > 0.9) return 'after'
  return at >= 0.4 && at < 0.8 ? 'spike' : 'busy'
}

function timelineLine(seconds: number, phase: string, figures: Figures): string {
  const { read, save, exam, teacher } = figures
  const refused = new Map<string, number>()
  for (const kind of [read, save, exam, teacher])
    for (const [code, count] of Object.entries(kind.refused))
      refused.set(code, (refused.get(code) ?? 0) + count)
  const no = [...refused].map(([code, count]) => `${count} ${code}`).join(', ')
  const cells = [read, save, exam, teacher].map((kind) => kind.perSecond.toFixed(0).padStart(7)).join('')
  const p99 = Math.max(read.p99Ms, save.p99Ms, exam.p99Ms).toFixed(0).padStart(6)
  return `${seconds.toFixed(0).padStart(5)} s  ${phase.padEnd(6)}${cells}${p99} ms  ${no}`
}
