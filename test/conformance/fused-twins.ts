/**
 * Two fused front-journals beside each other: a real one, to which several processes make calls at once, and the
 * simulator's, which gets the same calls afterwards, one by one, in the order in which the answers of the real one
 * say that they took effect. Every answer and all that is stored has to be the same.
 *
 *   round   p1 ── write ─────────┐          answers: p2 took 7-9, p1 took 10-12 and refused one, p3 was turned away
 *           p2 ──── write ───┐   ├─▶ real     │
 *           p3 ── read ──────┘───┘            └─▶ twin: p2's, p1's, p3's ─▶ the same verdicts, marks, values, entries
 *
 * The order is there to be read: an entry that was taken names its position, and whatever changed nothing says where
 * it found the partition. What brought no answer is looked for in the stream; what says that nothing happened must
 * not be there. So the simulator, which proves the engine, stands for what the real store does, races and all.
 */
import { expect } from 'vitest'
import { isSpillwayError } from '../../src/errors.ts'
import type { Entry, PlacedEntry, RecordRef, StoredEntry, WriteEntry } from '../../src/model/entry.ts'
import { spanOf } from '../../src/model/entry.ts'
import { ORIGIN, PREEXISTING, plus } from '../../src/model/position.ts'
import type { Position } from '../../src/model/position.ts'
import type { FoldSnapshot, FrontFillRow, FrontSeen, Held } from '../../src/ports/front.ts'
import { HELD_ABSENT } from '../../src/ports/front.ts'
import type { FusedFront, FusedVerdict, FusedWriteResult } from '../../src/ports/fused.ts'
import type { FakeFused } from '../../src/testing/fake-fused.ts'
import type { World } from '../../src/testing/index.ts'
import { REFS } from './fused-rounds.ts'
import type { Ask, Belief, Process } from './fused-rounds.ts'
import { ALL, NOTHING, writeBatch } from './fused-under-test.ts'
import { plain } from './journal-suite.ts'
import { valueOf } from './line.ts'

type Result =
  | FusedWriteResult
  | {
      readonly kind: 'control'
      readonly seen: FrontSeen
      readonly placed: Pick<PlacedEntry, 'first' | 'last'>
    }
  | { readonly kind: 'read'; readonly seen: FrontSeen; readonly held: readonly (Held | undefined)[] }

type AskedWrite = Extract<Ask, { kind: 'write' }>

type Said =
  | { readonly result: Result }
  /** Proven to have done nothing. */
  | { readonly nothing: string }
  | { readonly unknown: unknown }

export interface Told {
  readonly ask: Ask
  readonly said: Said
}

export interface Raised {
  readonly partition: number
  readonly generation: number
  readonly identity: string
  readonly keep: boolean
  readonly fold: FoldSnapshot
  readonly fence: number
  /** Where the partition stood behind the fence. */
  readonly end: Position
  readonly seen: FrontSeen
}

export interface TwinsOptions {
  readonly processes: readonly Process[]
  /** A process that takes no part; looks at what is there. */
  readonly observer: FusedFront
  readonly twin: FusedFront
  /** The same, to be looked into. */
  readonly fake: FakeFused
  /** Where the twin's calls take their time. */
  readonly world: World
}

/** What a run met, by name; a run that never met something proves nothing about it. */
export type Met = Map<string, number>

export class Twins {
  readonly met: Met = new Map()
  readonly #options: TwinsOptions
  readonly #partitions: number
  /** What the twin is called where the real store has a name. */
  readonly #names = new Map<string, string>()
  /** Up to where the streams of both were compared. */
  readonly #compared: number[]
  readonly #generations: number[]

  constructor(options: TwinsOptions) {
    this.#options = options
    this.#partitions = options.twin.partitions
    this.#compared = Array.from({ length: this.#partitions }, () => 0)
    this.#generations = Array.from({ length: this.#partitions }, () => 0)
  }

  /** Makes these calls of one process now, all its writes in one; no promise rejects. */
  static tell(asks: readonly Ask[]): Promise<Told>[] {
    const writes = asks.filter((ask) => ask.kind === 'write')
    const together = writes.length === 0 ? undefined : writeAll(writes)
    return asks.map((ask) => {
      const said =
        ask.kind === 'write'
          ? (together as ReturnType<typeof writeAll>).then(
              (results) => results[writes.indexOf(ask)] as Result,
            )
          : call(ask.process.fused, ask, ask.identity)
      return said.then(
        (result): Told => ({ ask, said: { result } }),
        (error: unknown): Told => {
          const nothing = isSpillwayError(error, 'overloaded') || isSpillwayError(error, 'unavailable')
          return { ask, said: nothing ? { nothing: error.code } : { unknown: error } }
        },
      )
    })
  }

  /** The store answers with another name, and both know it. */
  async renamed(): Promise<void> {
    const { identity } = await this.#patiently(() => this.#options.observer.front.state(0))
    this.#names.set(identity, this.#options.fake.server.identity)
  }

  fold(partition: number): FoldSnapshot {
    return this.#options.fake.server.at(partition).snapshot() ?? NOTHING
  }

  end(partition: number): Position {
    return this.#options.fake.server.at(partition).mark?.position ?? ORIGIN
  }

  heldOf(partition: number, of: RecordRef): Held | undefined {
    return this.#options.fake.server.at(partition).held(of)
  }

  /** Begins the next generation at the real store. */
  async raise(by: Process, partition: number, keep: boolean, fold: FoldSnapshot): Promise<Raised> {
    const generation = (this.#generations[partition] as number) + 1
    const { fused } = by
    const fence = await fused.fence(partition, generation)
    const { identity, mark } = await fused.front.state(partition)
    const seen = await fused.openGeneration(partition, identity, generation, keep, fold)
    this.#generations[partition] = generation
    return { partition, generation, identity, keep, fold, fence, end: mark?.position ?? ORIGIN, seen }
  }

  /** Processes learn what a raise has brought, those that are asked to. */
  static teach(process: Process, { partition, generation, seen }: Raised): void {
    const belief = process.beliefs[partition] as Belief
    belief.identity = seen.identity
    belief.generation = generation
    belief.known = seen.mark?.position ?? ORIGIN
  }

  /** Replays what happened since the last time, and compares. */
  async replay(told: readonly Told[], raised: Raised | undefined): Promise<void> {
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      const fresh = await this.#fresh(partition)
      const own = told.filter(({ ask }) => ask.partition === partition)
      const ordered = own
        .map((one) => ({ one, at: this.#placeOf(one, fresh) }))
        .filter(({ at }) => at !== undefined)
        .sort((a, b) => (a.at as number) - (b.at as number))
      const raise = raised?.partition === partition ? raised : undefined
      const opening = raise?.seen.mark?.position ?? Number.POSITIVE_INFINITY
      // Whoever spoke for what stood until then was turned away by the fence, after which nothing was written.
      const isClosedOut = ({ one, at }: (typeof ordered)[number]): boolean =>
        (at as number) < opening &&
        isFenced(one) &&
        one.ask.identity === raise?.identity &&
        one.ask.generation === raise.generation - 1
      for (const each of ordered)
        if ((each.at as number) < opening && !isClosedOut(each)) await this.#again(each.one, fresh)
      if (raise !== undefined) {
        expect(this.end(partition)).toBe(raise.end)
        expect(await this.#twin((twin) => twin.fence(partition, raise.generation))).toBe(raise.fence)
        for (const each of ordered) if (isClosedOut(each)) await this.#again(each.one, fresh)
        await this.#open(raise)
      }
      for (const each of ordered) if ((each.at as number) >= opening) await this.#again(each.one, fresh)
      await this.#sameStream(partition, fresh)
    }
  }

  async #open({ partition, generation, identity, keep, fold, seen }: Raised): Promise<void> {
    const opened = await this.#twin((twin) =>
      twin.openGeneration(partition, this.#named(identity), generation, keep, fold),
    )
    this.#sameSeen(seen, opened)
    this.#meet(keep ? 'raise that keeps' : 'raise that empties')
  }

  /** Entries of the real stream that were not compared yet. */
  async #fresh(partition: number): Promise<readonly StoredEntry[]> {
    const { observer } = this.#options
    return this.#patiently(async () => {
      const { first } = await observer.journal.info(partition)
      const from = Math.max(this.#compared[partition] as number, first - 1)
      const { entries, atEnd } = await observer.journal.read(partition, from, ALL)
      expect(atEnd).toBe(true)
      return entries
    })
  }

  /** Where in the order of effects a call stands; undefined: it had none. */
  #placeOf({ ask, said }: Told, fresh: readonly StoredEntry[]): number | undefined {
    if (!('result' in said)) {
      const found = ownEntries(ask, fresh)
      if ('nothing' in said) expect(found, 'entries of a call that did nothing').toEqual([])
      const [first] = found
      return first && first.offset - spanOf(first.entry) + 1
    }
    const { result } = said
    const here = (result.seen.mark?.position ?? 0) + 0.5
    if (result.kind === 'control') return result.placed.first
    if (result.kind !== 'written') return here
    return result.verdicts.find((verdict) => verdict.kind === 'applied')?.first ?? here
  }

  async #again({ ask, said }: Told, fresh: readonly StoredEntry[]): Promise<void> {
    const again = await this.#twin((twin) => call(twin, ask, this.#named(ask.identity)))
    if (!('result' in said)) {
      this.#meet('no answer, and done')
      expect(takenOf(ask, again)).toEqual(ownEntries(ask, fresh).map(({ offset }) => offset))
      return
    }
    const { result } = said
    this.#sameSeen(result.seen, again.seen)
    expect(shownResult(ask, result)).toEqual(shownResult(ask, again))
    if (result.kind === 'written' && ask.kind === 'write') this.#meetVerdicts(ask, result.verdicts)
    else this.#meet(result.kind)
  }

  #meetVerdicts({ partition, entries }: AskedWrite, verdicts: readonly FusedVerdict[]): void {
    const { voids } = this.#options.fake.server.at(partition).control
    for (const [index, verdict] of verdicts.entries()) {
      this.#meet(verdict.kind === 'refused' ? verdict.code : verdict.kind)
      if (verdict.kind === 'void' && voids.has(entries[index]?.id ?? '')) this.#meet('void by name')
    }
  }

  async #sameStream(partition: number, fresh: readonly StoredEntry[]): Promise<void> {
    const { first } = await this.#twin((twin) => twin.journal.info(partition))
    const from = Math.max(this.#compared[partition] as number, first - 1)
    const { entries } = await this.#twin((twin) => twin.journal.read(partition, from, ALL))
    const kept = fresh.filter(({ offset }) => offset > from)
    expect(kept.map(({ offset, entry }) => [offset, plain(entry)])).toEqual(
      entries.map(({ offset, entry }) => [offset, plain(entry)]),
    )
    this.#compared[partition] = Math.max(from, entries.at(-1)?.offset ?? 0)
  }

  /** What is stored, all of it. */
  async compare(): Promise<void> {
    const { observer } = this.#options
    for (let partition = 0; partition < this.#partitions; partition += 1) {
      const real = await this.#patiently(() => observer.front.read(partition, REFS))
      const same = await this.#twin((twin) => twin.front.read(partition, REFS))
      this.#sameSeen(real.seen, same.seen)
      expect(real.held.map(whole)).toEqual(same.held.map(whole))
      const { fold } = await this.#patiently(() => observer.front.snapshot(partition))
      const { fold: twinFold } = await this.#twin((twin) => twin.front.snapshot(partition))
      expect(fold).toEqual(twinFold)
      const info = await this.#patiently(() => observer.journal.info(partition))
      const { first, ...rest } = await this.#twin((twin) => twin.journal.info(partition))
      expect(info).toMatchObject(rest)
      expect(info.first).toBeLessThanOrEqual(first)
    }
  }

  /** What the database had where nothing is held. */
  async fill(by: Process, partition: number, refs: readonly RecordRef[], absent: boolean): Promise<void> {
    const at = this.end(partition)
    const { identity } = by.beliefs[partition] as Belief
    const held = absent ? HELD_ABSENT : { version: PREEXISTING, value: valueOf('"old"') }
    const rows = refs.map((one): FrontFillRow => ({ ...one, held }))
    const real = await by.fused.front.fill(partition, identity, at, rows)
    const same = await this.#twin((twin) => twin.front.fill(partition, this.#named(identity), at, rows))
    this.#sameSeen(real.seen, same.seen)
    expect(real.held.map(whole)).toEqual(same.held.map(whole))
    this.#meet('fill')
  }

  /** The database has it all, and the front and the stream may forget some of it. */
  async land(by: Process, partition: number, back: number): Promise<void> {
    const { identity } = by.beliefs[partition] as Belief
    const to = plus(this.end(partition), -back)
    await by.fused.front.release(partition, identity, to)
    await this.#twin((twin) => twin.front.release(partition, this.#named(identity), to))
    await by.fused.journal.trim(partition, to)
    await this.#twin((twin) => twin.journal.trim(partition, to))
  }

  async invalidate(by: Process, partition: number, of: RecordRef): Promise<void> {
    const { identity } = by.beliefs[partition] as Belief
    const at = this.end(partition)
    const real = await by.fused.front.invalidate(partition, identity, of, at)
    const same = await this.#twin((twin) => twin.front.invalidate(partition, this.#named(identity), of, at))
    expect(real).toBe(same)
  }

  async #twin<T>(act: (twin: FusedFront) => Promise<T>): Promise<T> {
    const { twin, world } = this.#options
    const acting = act(twin)
    await world.run(() => world.pending === 0)
    return acting
  }

  #named(identity: string): string {
    return this.#names.get(identity) ?? identity
  }

  /** The real floor may be higher: it lets go in blocks, and a raise that keeps makes all before it old. */
  #sameSeen(real: FrontSeen, twin: FrontSeen): void {
    expect({ ...real, identity: this.#named(real.identity), floor: twin.floor }).toEqual(twin)
    expect(real.floor).toBeGreaterThanOrEqual(twin.floor)
    expect(real.floor).toBeLessThanOrEqual(real.mark?.position ?? ORIGIN)
  }

  #meet(name: string): void {
    this.met.set(name, (this.met.get(name) ?? 0) + 1)
  }

  /** Connections may just have been cut. */
  async #patiently<T>(act: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await act()
      } catch (error) {
        if (!isSpillwayError(error, 'unavailable') || tries === 200) throw error
        await new Promise((resolve) => {
          setTimeout(resolve, 10)
        })
      }
    }
  }
}

async function call(fused: FusedFront, ask: Ask, identity: string): Promise<Result> {
  const { partition, generation } = ask
  if (ask.kind === 'write') return writeBatch(fused, partition, identity, generation, ask.entries)
  if (ask.kind === 'read') return { kind: 'read', ...(await fused.front.read(partition, ask.refs)) }
  const result = await fused.control(partition, identity, generation, ask.entry)
  return result.kind === 'fenced' ? result : { kind: 'control', seen: result.seen, placed: result.placed }
}

/** As the engine sends them. */
function writeAll(asks: readonly AskedWrite[]): Promise<readonly FusedWriteResult[]> {
  const { fused } = (asks[0] as Ask).process
  return fused.write(
    asks.map(({ partition, identity, generation, entries }) => ({
      partition,
      identity,
      generation,
      entries,
    })),
  )
}

function isFenced({ said }: Told): boolean {
  return 'result' in said && said.result.kind === 'fenced'
}

function idsOf(ask: Ask): Set<string> {
  if (ask.kind === 'read') return new Set()
  return new Set((ask.kind === 'write' ? ask.entries : [ask.entry]).map(({ id }: Entry) => id))
}

function ownEntries(ask: Ask, fresh: readonly StoredEntry[]): StoredEntry[] {
  const ids = idsOf(ask)
  return fresh.filter(({ entry }) => ids.has(entry.id))
}

/** Last positions of what a call's result says was taken. */
function takenOf(ask: Ask, result: Result): number[] {
  if (result.kind === 'control') return [result.placed.last]
  if (result.kind !== 'written' || ask.kind !== 'write') return []
  return result.verdicts.flatMap((verdict) => (verdict.kind === 'applied' ? [verdict.last] : []))
}

function shownResult(ask: Ask, result: Result): unknown {
  switch (result.kind) {
    case 'fenced':
      return result.kind
    case 'control':
      return { first: result.placed.first, last: result.placed.last }
    case 'read':
      return result.held.map(whole)
    case 'written':
      return result.verdicts.map((verdict, index) =>
        shownVerdict(verdict, (ask as { readonly entries: readonly WriteEntry[] }).entries[index]),
      )
  }
}

function shownVerdict(verdict: FusedVerdict, entry: WriteEntry | undefined): unknown {
  if (verdict.kind !== 'needs-fill') return { id: entry?.id, ...verdict }
  return { id: entry?.id, missing: verdict.missing.map(({ collection, key }) => `${collection}:${key}`) }
}

function whole(held: Held | undefined): string | undefined {
  if (held === undefined) return undefined
  const { version, value } = held
  if (value === undefined) return `${version} absent`
  return `${version} ${value.codec} ${value.rawBytes} ${Buffer.from(value.bytes).toString('latin1')}`
}
