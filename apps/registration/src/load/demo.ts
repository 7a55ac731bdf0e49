/**
 * The demo: the evening of the deadline in twenty seconds, on this machine alone.
 *
 *   spike ──────┄ locked ┄──✖ kill -9         ready ── goes on ── closed ── refused ── exported ── stopped ── checked
 *                           │ acknowledged,
 *                           │ not yet in SQL
 *
 * For the last second before the kill another program holds the database locked, so that what is acknowledged then
 * is in the journal only. A kill counts only if requests were in flight and acknowledged saves were not in SQL: the
 * second is counted in the database file while no server runs. The verdict is the independent checker's.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { sleep, systemClock } from '../clock.ts'
import type { SessionTokens } from '../people/session-token.ts'
import { exported } from './evening.ts'
import { Generator } from './generator.ts'
import type { History, Told } from './generator.ts'
import { HistoryFile } from './history-file.ts'
import { PUBLISHED_MIX } from './mix.ts'
import type { ServerChild } from './server-child.ts'
import type { StaffClient } from './staff-client.ts'
import { Timeline } from './timeline.ts'
import type { Mark } from './timeline.ts'

const SPIKE_MS = 5_000
const LOCKED_MS = 1_000
const AFTER_RESTART_MS = 2_500
const AFTER_CLOSE_MS = 800
const LOOK_MS = 150
/** A kill waits so long at most for a moment at which it counts. */
const MOMENT_MS_MAX = 5_000
const CHECKER = fileURLToPath(new URL('../../checker/check.ts', import.meta.url))

export const DEMO_CONNECTIONS = 64

export interface DemoOptions {
  readonly folder: string
  readonly people: number
  readonly teachers: number
  readonly tokens: SessionTokens
  readonly secretFile: string
  readonly start: (port: string) => Promise<ServerChild>
  readonly staff: (url: string) => Promise<StaffClient>
  readonly onStep: (step: string) => void
}

export interface Verdict {
  readonly ok: boolean
  readonly told: number
  readonly reads: number
  readonly unknown: number
  readonly forms: number
  readonly versions: number
  readonly problems: number
  readonly first: readonly { readonly candidate: string; readonly rule: string; readonly detail: string }[]
}

export interface Ledger {
  readonly accepted: number
  readonly landed: number
  readonly superseded: number
  readonly refused: number
  readonly parked: number
  readonly pending: number
}

export interface DemoReport {
  readonly timeline: Timeline
  readonly marks: readonly Mark[]
  readonly inFlightAtKill: number
  readonly unlandedAtKill: number
  readonly recoveryMs: number
  readonly refusedAfterClose: number
  readonly ledger: Ledger
  readonly verdict: Verdict
  readonly seconds: number
}

/** The file for the checker, and the newest version that each candidate was told. */
class Witness implements History {
  readonly told = new Map<string, number>()
  readonly #file: HistoryFile

  constructor(path: string) {
    this.#file = new HistoryFile(path)
  }

  add(line: Told): void {
    if (line.outcome === 'saved' && line.version !== undefined) this.told.set(line.candidate, line.version)
    this.#file.add(line)
  }

  close(): void {
    this.#file.close()
  }
}

export class Demo {
  readonly #options: DemoOptions
  readonly #timeline = new Timeline()
  readonly #marks: Mark[] = []
  readonly #startedMs = systemClock.now()
  #zeroMs = 0
  #server: ServerChild | undefined
  #refusedSaves = 0

  constructor(options: DemoOptions) {
    this.#options = options
  }

  /** Ends the server, whatever state the demo is in. */
  async abandon(): Promise<void> {
    await this.#server?.kill()
  }

  async run(): Promise<DemoReport> {
    const { folder, people, teachers, tokens, start, onStep } = this.#options
    onStep('starting the server')
    let server = (this.#server = await start('0'))
    const { url } = server
    const staff = await this.#options.staff(url)
    const history = join(folder, 'history.jsonl')
    const witness = new Witness(history)
    const generator = new Generator({
      urls: [url],
      connections: DEMO_CONNECTIONS,
      people,
      teachers,
      tokens,
      mix: PUBLISHED_MIX,
      seed: 1,
      history: witness,
      onAnswer: (kind, ok) => {
        if (kind === 'save' && !ok) this.#refusedSaves += 1
        this.#timeline.count(this.#ms, ok ? (kind === 'save' ? 'saves' : 'reads') : 'failed')
      },
    })
    this.#zeroMs = systemClock.now()
    generator.start()
    onStep('candidates save and read, teachers look')
    const killed = await this.#spikeAndKill(generator, staff, witness, server)
    onStep('killed; starting again')
    const killedMs = this.#ms
    server = this.#server = await start(new URL(url).port)
    const recoveryMs = this.#ms - killedMs
    this.#mark(`serves again, ${Math.round(recoveryMs)} ms later`)
    onStep('going on')
    await this.#watch(staff, AFTER_RESTART_MS)
    onStep('closing the window')
    await staff.call('POST', '/api/staff/close')
    this.#mark('window closed for good')
    const refusedBefore = this.#refusedSaves
    await this.#watch(staff, AFTER_CLOSE_MS)
    await generator.stop()
    witness.close()
    onStep('landing what is left, exporting')
    const name = await exported(staff)
    const ledger = await this.#ledger(staff)
    onStep('stopping')
    await server.stop()
    onStep('checking what was told against SQL and the export')
    return {
      timeline: this.#timeline,
      marks: this.#marks,
      ...killed,
      recoveryMs,
      refusedAfterClose: this.#refusedSaves - refusedBefore,
      ledger,
      verdict: await this.#check(history, join(folder, 'exports', name)),
      seconds: (systemClock.now() - this.#startedMs) / 1_000,
    }
  }

  get #ms(): number {
    return systemClock.now() - this.#zeroMs
  }

  #mark(text: string, isBad = false): void {
    this.#marks.push({ ms: this.#ms, text, isBad })
  }

  async #spikeAndKill(
    generator: Generator,
    staff: StaffClient,
    witness: Witness,
    server: ServerChild,
  ): Promise<{ inFlightAtKill: number; unlandedAtKill: number }> {
    await this.#watch(staff, SPIKE_MS - LOCKED_MS)
    const lock = new DatabaseSync(join(this.#options.folder, 'app.db'))
    try {
      lock.exec('PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE')
      const lockedMs = this.#ms
      while (
        this.#ms - lockedMs < LOCKED_MS ||
        (generator.inFlight === 0 && this.#ms - lockedMs < MOMENT_MS_MAX)
      )
        await this.#watch(staff, LOOK_MS)
      const inFlightAtKill = generator.inFlight
      await server.kill()
      this.#mark('kill -9', true)
      return { inFlightAtKill, unlandedAtKill: this.#unlanded(witness, lock) }
    } finally {
      lock.close()
    }
  }

  #unlanded(witness: Witness, database: DatabaseSync): number {
    const landed = database.prepare(
      'SELECT 1 AS one FROM form_history WHERE candidate = ? AND spillway_version = ?',
    )
    return [...witness.told].filter(([candidate, version]) => landed.get(candidate, version) === undefined)
      .length
  }

  async #watch(staff: StaffClient, forMs: number): Promise<void> {
    const until = this.#ms + forMs
    while (this.#ms < until) {
      await sleep(Math.max(1, Math.min(LOOK_MS, until - this.#ms)))
      const { pending } = await this.#ledger(staff)
      this.#timeline.pending(this.#ms, pending)
    }
  }

  async #ledger(staff: StaffClient): Promise<Ledger> {
    const status = await staff.call('GET', '/api/staff/status')
    return (status as { readonly tier: { readonly totals: Ledger } }).tier.totals
  }

  #check(history: string, exportFolder: string): Promise<Verdict> {
    const { folder, secretFile } = this.#options
    const args = [CHECKER, '--database', `sqlite:${join(folder, 'app.db')}`, '--history', history]
    args.push('--export', exportFolder, '--secret-file', secretFile)
    return new Promise((resolve, reject) => {
      execFile(process.execPath, args, { maxBuffer: 16 * 2 ** 20 }, (error, stdout) => {
        if (stdout === '') reject(error ?? new Error('The checker said nothing.'))
        else resolve(JSON.parse(stdout) as Verdict)
      })
    })
  }
}
