/**
 * The demo: spike, kill -9, restart, proof.
 *
 *   load ──┄ locked ┄──✖ kill -9            ready ── read every key back ── load again ── drain ── stop ── verify
 *                      │                      │
 *                      acknowledged,          nothing acknowledged may be
 *                      not yet in SQL         lost or older than it was
 *
 * For the last second another program holds the database locked, so that what is acknowledged then is only in the
 * journal. The kill counts only if at that moment requests were in flight and acknowledged writes were not in SQL; both are
 * counted (the second from the database file, while no server runs). A kill that does not count is tried again.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { SpillwayError } from '../../errors.ts'
import { systemClock } from '../../kit/clock.ts'
import { History } from './history.ts'
import { landedVersions, lockDatabase } from './database-file.ts'
import { Load, readBack } from './load.ts'
import { programFile } from '../program-file.ts'
import { startServer } from './server-child.ts'
import { Timeline } from './timeline.ts'
import type { LedgerTotals, VerifyReport } from '../../index.ts'
import type { LoadShape } from './load.ts'
import type { ServerChild } from './server-child.ts'
import type { Marks } from './timeline.ts'

export const SHAPE: LoadShape = { writers: 64, readers: 16, keysPerWriter: 100 }

const SPIKE_MS = 4_000
/** The last part of the spike, in which another program holds the database locked: nothing lands any more. */
const LOCKED_MS = 1_000
/** A further kill, where the first did not count, need not wait so long. */
const SPIKE_AGAIN_MS = 1_500
const AGAIN_MS = 2_000
const STATUS_EVERY_MS = 100
const KILLS_MAX = 5
const DRAIN_MS_MAX = 15_000
/** A kill waits so long at most for a moment at which it would count. */
const MOMENT_MS_MAX = 3_000

export interface DemoOptions {
  readonly folder: string
  /** More arguments for the server: runtime, sabotage. */
  readonly serverArgs: readonly string[]
  readonly signal: AbortSignal
  /** What is going on, for a moving line. */
  onStep(step: string): void
}

export interface DemoReport {
  readonly ok: boolean
  readonly history: History
  readonly timeline: Timeline
  readonly marks: Marks
  readonly kills: number
  readonly inFlightAtKill: number
  readonly unlandedAtKill: number
  readonly keysReadBack: number
  readonly totals: LedgerTotals
  readonly ledgerBalances: boolean
  readonly stopCode: number | string
  readonly rowsBehind: number
  readonly verify: Pick<VerifyReport, 'ok' | 'mismatches'>
  readonly surprises: readonly string[]
  readonly seconds: number
}

interface StatusBody {
  readonly totals: LedgerTotals
}

async function statusOf(url: string): Promise<StatusBody> {
  const response = await fetch(`${url}/v1/status`)
  if (!response.ok) throw new Error(`Status was answered with ${response.status}.`)
  return (await response.json()) as StatusBody
}

/** `spillway verify --json` on the stopped stores, as its own process. */
async function verifyFolder(folder: string): Promise<Pick<VerifyReport, 'ok' | 'mismatches'>> {
  const child = spawn(process.execPath, [programFile(), 'verify', '--json', '--data', folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-4_096)))
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve())
  })
  if (out === '') throw new SpillwayError('internal', `verify printed nothing: ${said}`)
  return JSON.parse(out) as VerifyReport
}

interface Kill {
  readonly killedMs: number
  readonly inFlight: number
  readonly unlanded: number
}

export class Demo {
  readonly #options: DemoOptions
  readonly #history = new History()
  readonly #timeline = new Timeline()
  readonly #startedMs = systemClock.monotonic()
  /** The timeline begins when the first server is ready. */
  #zeroMs = systemClock.monotonic()
  readonly #surprises: string[] = []
  #server: ServerChild | undefined

  constructor(options: DemoOptions) {
    this.#options = options
  }

  get #databaseFile(): string {
    return join(this.#options.folder, 'app.db')
  }

  get #ms(): number {
    return systemClock.monotonic() - this.#zeroMs
  }

  /** Ends the server whatever state the demo is in. */
  async abandon(): Promise<void> {
    this.#server?.signal('SIGKILL')
    await this.#server?.ended.catch(() => undefined)
  }

  async run(): Promise<DemoReport> {
    const { folder, onStep } = this.#options
    onStep('starting the server')
    let server = await this.#start()
    this.#zeroMs = systemClock.monotonic()
    let kill: Kill = { killedMs: 0, inFlight: 0, unlanded: 0 }
    let readyMs = 0
    let kills = 0
    let keysReadBack = 0
    while (kills < KILLS_MAX && (kills === 0 || kill.inFlight === 0 || kill.unlanded === 0)) {
      onStep(`${SHAPE.writers} writers, ${SHAPE.readers} readers`)
      kill = await this.#spikeAndKill(server, kills === 0 ? SPIKE_MS : SPIKE_AGAIN_MS)
      kills += 1
      onStep('kill -9; starting again')
      server = await this.#start()
      readyMs = this.#ms
      onStep('reading every key back')
      keysReadBack = await readBack(server.url, this.#history, () => this.#timeline.read(this.#ms))
    }
    onStep('saving again')
    await this.#load(server, AGAIN_MS)
    onStep('landing what is left')
    const totals = await this.#drained(server)
    await readBack(server.url, this.#history, () => this.#timeline.read(this.#ms))
    onStep('stopping')
    server.signal('SIGTERM')
    const stopCode = await server.ended
    const landed = landedVersions(this.#databaseFile)
    onStep('verifying journal against tables')
    const verify = await verifyFolder(folder)
    const { acknowledgedCount, unansweredCount } = this.#history
    const ledgerBalances =
      totals.accepted ===
        totals.landed + totals.superseded + totals.refused + totals.parked + totals.pending &&
      totals.accepted >= acknowledgedCount &&
      totals.accepted <= acknowledgedCount + unansweredCount
    const rowsBehind = this.#behind(landed)
    const counted = kill.inFlight > 0 && kill.unlanded > 0
    return {
      ok:
        counted &&
        ledgerBalances &&
        verify.ok &&
        rowsBehind === 0 &&
        stopCode === 0 &&
        this.#history.findingsCount === 0 &&
        this.#surprises.length === 0,
      history: this.#history,
      timeline: this.#timeline,
      marks: { killedMs: kill.killedMs, readyMs },
      kills,
      inFlightAtKill: kill.inFlight,
      unlandedAtKill: kill.unlanded,
      keysReadBack,
      totals,
      ledgerBalances,
      stopCode,
      rowsBehind,
      verify,
      surprises: this.#surprises,
      seconds: (systemClock.monotonic() - this.#startedMs) / 1_000,
    }
  }

  async #start(): Promise<ServerChild> {
    this.#options.signal.throwIfAborted()
    this.#server = await startServer(['--data', this.#options.folder, ...this.#options.serverArgs])
    return this.#server
  }

  #begin(server: ServerChild): Load {
    return new Load(server.url, SHAPE, this.#history, {
      onSave: () => this.#timeline.save(this.#ms),
      onRead: () => this.#timeline.read(this.#ms),
    })
  }

  async #load(server: ServerChild, forMs: number): Promise<void> {
    const load = this.#begin(server)
    const until = this.#ms + forMs
    while (this.#ms < until) {
      await systemClock.sleep(STATUS_EVERY_MS, this.#options.signal)
      await this.#pending(server)
    }
    load.stop()
    await load.done
    this.#surprises.push(...load.surprises)
  }

  async #spikeAndKill(server: ServerChild, spikeMs: number): Promise<Kill> {
    const load = this.#begin(server)
    const from = this.#ms
    let unlock: (() => void) | undefined
    try {
      let pending = 0
      while (
        this.#ms - from < spikeMs ||
        ((pending === 0 || load.inFlight === 0) && this.#ms - from < spikeMs + MOMENT_MS_MAX)
      ) {
        if (this.#ms - from >= spikeMs - LOCKED_MS) unlock ??= lockDatabase(this.#databaseFile)
        await systemClock.sleep(STATUS_EVERY_MS, this.#options.signal)
        pending = await this.#pending(server)
      }
      const inFlight = load.inFlight
      server.signal('SIGKILL')
      const killedMs = this.#ms
      await server.ended
      // Answers that were on their way still arrive; then every worker finds the connection broken and ends.
      await load.done
      this.#surprises.push(...load.surprises)
      return { killedMs, inFlight, unlanded: this.#behind(landedVersions(this.#databaseFile)) }
    } finally {
      unlock?.()
    }
  }

  /** How many keys SQL has at an older version than the client was acknowledged. */
  #behind(landed: ReadonlyMap<string, number>): number {
    let behind = 0
    for (const key of this.#history.keys()) {
      const acknowledged = this.#history.acknowledgedOf(key)
      if (acknowledged !== undefined && (landed.get(key) ?? 0) < acknowledged.version) behind += 1
    }
    return behind
  }

  async #pending(server: ServerChild): Promise<number> {
    const { totals } = await statusOf(server.url)
    this.#timeline.pending(this.#ms, totals.pending)
    return totals.pending
  }

  async #drained(server: ServerChild): Promise<LedgerTotals> {
    const until = this.#ms + DRAIN_MS_MAX
    let totals = (await statusOf(server.url)).totals
    while (totals.pending > 0 && this.#ms < until) {
      await systemClock.sleep(STATUS_EVERY_MS, this.#options.signal)
      totals = (await statusOf(server.url)).totals
      this.#timeline.pending(this.#ms, totals.pending)
    }
    return totals
  }
}
