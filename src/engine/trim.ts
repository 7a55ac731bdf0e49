/**
 * Gives back what is landed: releases keys of the front, trims the journal, forgets refused positions.
 *
 *   journal   ──trimmed──┤◀── trimMargin ──▶│ landed
 *   front     ──may be released──┤◀─ releaseMargin ─▶│
 *
 * The margins are there for a database that goes back (a failover that lost the last commits): landing then
 * starts again from where it is, and the journal must still have it. But what has landed must never be why new writes
 * are turned away: where the journal takes more than half of its room, the trim margin shrinks, and at three quarters
 * nothing is kept that has landed. Refused positions are forgotten last, after
 * the journal was trimmed past them, and every store keeps from where on it knows them.
 *
 * Nothing here is needed for safety; a failure is reported and tried again after the next batch.
 */
import { withDeadline } from '../kit/clock.ts'
import type { Mark } from '../model/entry.ts'
import type { Position } from '../model/position.ts'
import { countOf, plus } from '../model/position.ts'
import type { FrontReads } from '../ports/front.ts'
import type { JournalReader } from '../ports/journal.ts'
import type { EngineContext } from './context.ts'

export interface TrimmerOptions {
  readonly context: EngineContext
  readonly partition: number
  readonly journal: JournalReader
  readonly front: FrontReads
  /** Refused entries that the database knows at start. */
  readonly refused: number
  /** Where the database is at start: a process before may have left the store full of what has landed. */
  readonly landed: Mark
  identity(): string | undefined
}

/** Landed marks that are remembered for trimming; more batches than this within the margin make it coarser. */
const MARKS_MAX = 4_096
/** Shares of the room from which on the margin shrinks, and at which nothing of it is left. */
const ROOM_WANTED = 0.5
const ROOM_NONE = 0.75
/** A process before may have left the journal full of what has landed: it is looked once, when all is open. */
const LOOK_MS = 1_000

/** How many positions behind what is landed are kept, by the share of the room that is taken. */
export function marginAt(used: number, trimMargin: number): number {
  const left = (ROOM_NONE - used) / (ROOM_NONE - ROOM_WANTED)
  return Math.floor(trimMargin * Math.min(1, Math.max(0, left)))
}

export class Trimmer {
  readonly #options: TrimmerOptions
  /** Landed marks that are not trimmed yet, oldest first. */
  #marks: Mark[] = []
  #highest = 0
  /** Refused entries that may still be forgotten, by the position of the batch that refused them. */
  readonly #refused: number[] = []
  #trimmed = 0
  #running: Promise<void> | undefined
  #stopped = false
  #cancelLook: (() => void) | undefined

  constructor(options: TrimmerOptions) {
    this.#options = options
    if (options.refused > 0) this.#refused.push(0)
    if (countOf(options.landed.position) === 0) return
    this.#highest = options.landed.position
    this.#marks.push(options.landed)
    this.#cancelLook = options.context.clock.after(
      LOOK_MS,
      () => {
        if (!this.#stopped) this.#running ??= this.#rounds()
      },
      { unref: true },
    )
  }

  /** The database has reached `mark`. Returns at once; works in the background, one round at a time. */
  landed(mark: Mark, refused: number): void {
    // After the database went back, its old marks come again: they are neither released nor trimmed twice.
    if (mark.position <= this.#highest) return
    this.#highest = mark.position
    this.#marks.push(mark)
    if (refused > 0) this.#refused.push(mark.position)
    if (this.#marks.length > MARKS_MAX) this.#marks = this.#marks.filter((_, index) => index % 2 === 1)
    if (!this.#stopped) this.#running ??= this.#rounds()
  }

  /** Begins nothing more; resolves when what is out has ended, or a call's deadline has passed. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelLook?.()
    const { clock, settings } = this.#options.context
    if (this.#running !== undefined)
      await withDeadline(clock, settings.callMs, this.#running).catch(() => undefined)
  }

  /** What lands while a round is out gets a round of its own: memory that could go must not wait for the next batch. */
  async #rounds(): Promise<void> {
    let done = 0
    while (done < this.#highest && !this.#stopped) {
      done = this.#highest
      await this.#round(done as Position)
    }
    this.#running = undefined
  }

  /** The share of its room that the journal takes. */
  async #used(): Promise<number> {
    const { journal, partition } = this.#options
    const { bytes, bytesMax } = await (journal.kept?.(partition) ?? journal.usage())
    return bytesMax > 0 ? bytes / bytesMax : 0
  }

  async #round(landed: Position): Promise<void> {
    const { context, partition, journal, front, identity } = this.#options
    const { trimMargin, releaseMargin } = context.settings
    try {
      const known = identity()
      if (known !== undefined) await front.release(partition, known, plus(landed, -releaseMargin))
      // Trimming costs the journal a transaction, so it goes in steps; a new generation keeps the old one's end first.
      const margin = marginAt(await this.#used(), trimMargin)
      if (countOf(landed) < margin || landed - margin - this.#trimmed < margin / 4) return
      // Until a whole margin has landed, a loss at its beginning is told by what is there of the one before it.
      if (countOf(landed) < trimMargin && margin > 0) return
      const mark = this.#newestUpTo(landed - margin)
      if (mark === undefined) return
      await journal.trim(partition, mark.offset)
      this.#trimmed = mark.position
      await this.#forgetRefused(mark.position, known)
    } catch (error) {
      context.report({ name: 'trim-failed', partition, error })
    }
  }

  async #forgetRefused(trimmed: Position, identity: string | undefined): Promise<void> {
    const { context, partition, front } = this.#options
    if (!(Number(this.#refused[0]) <= trimmed)) return
    await context.database.forgetRefused(partition, trimmed)
    if (identity !== undefined) await front.forgetRefused(partition, identity, trimmed)
    while (Number(this.#refused[0]) <= trimmed) this.#refused.shift()
  }

  #newestUpTo(position: number): Mark | undefined {
    let found: Mark | undefined
    while (this.#marks[0] !== undefined && this.#marks[0].position <= position) found = this.#marks.shift()
    return found
  }
}
