/**
 * A random run of one fused front-journal beside a store that forgets nothing: writes of all kinds, control entries,
 * raises that keep and raises that empty, fills from old copies of the database, releases and trims in whatever order.
 * Every verdict is the truth's, every read the truth or a miss, and the stream is what was applied, entry for entry.
 */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import { isSpillwayError } from '../../src/errors.ts'
import type { ControlEntry, Mark, PlacedEntry, RecordRef, WriteEntry } from '../../src/model/entry.ts'
import {
  advanceControl,
  copyControlState,
  judgeConditions,
  judgeControl,
  markAfter,
  newControlState,
  place,
} from '../../src/model/fold.ts'
import type { ControlState, Verdict } from '../../src/model/fold.ts'
import { ABSENT, ORIGIN, countOf, plus, position } from '../../src/model/position.ts'
import type { Position, Version } from '../../src/model/position.ts'
import type { FoldSnapshot, FrontSeen, Held } from '../../src/ports/front.ts'
import { HELD_ABSENT } from '../../src/ports/front.ts'
import { fusedJournalName, fusedOpening } from '../../src/ports/fused.ts'
import type { FusedFront, FusedVerdict } from '../../src/ports/fused.ts'
import { AGE_MAX } from './front-under-test.ts'
import { ALL, newId, NOTHING, Speaker, writeBatch } from './fused-under-test.ts'
import type { FusedUnderTest } from './fused-under-test.ts'
import { plain } from './journal-suite.ts'
import { ref, shown, write } from './line.ts'

const COLLECTIONS = ['forms', 'exams'] as const
const KEYS = ['a', 'b', '__proto__', 'key\0nul', 'né 😀'] as const
const CONDITIONS = ['none', 'none', 'none', 'present', 'past', 'absent'] as const

interface AnyWrite {
  readonly key: number
  readonly collection: number
  readonly remove: boolean
  readonly condition: (typeof CONDITIONS)[number]
  /** How far behind the end its known end is. */
  readonly back: number
  /** Another key in the same frame, where it is one. */
  readonly also: number
  /** Its id is one that an earlier void may have named. */
  readonly named: boolean
}

export type FusedStep =
  | { readonly do: 'write'; readonly writes: readonly AnyWrite[] }
  | {
      readonly do:
        | 'void'
        | 'seal'
        | 'marker'
        | 'raise-keep'
        | 'raise-empty'
        | 'old-writer'
        | 'read'
        | 'squeeze'
    }
  | {
      readonly do: 'land' | 'trim' | 'release' | 'fill' | 'hold' | 'invalidate'
      readonly n: number
      readonly key: number
      readonly collection: number
    }

const key = fc.nat(KEYS.length - 1)
const collection = fc.nat(COLLECTIONS.length - 1)
const anyWrite: fc.Arbitrary<AnyWrite> = fc.record({
  key,
  collection,
  remove: fc.boolean(),
  condition: fc.constantFrom(...CONDITIONS),
  back: fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(80) }),
  also: fc.nat(KEYS.length * 4),
  named: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
})

export const fusedStep: fc.Arbitrary<FusedStep> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      writes: fc.array(anyWrite, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('void' as const, 'void' as const, 'marker' as const, 'seal' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('raise-keep' as const, 'raise-empty' as const, 'old-writer' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'squeeze' as const) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'land' as const,
        'land' as const,
        'trim' as const,
        'release' as const,
        'fill' as const,
        'hold' as const,
        'invalidate' as const,
      ),
      n: fc.nat(10),
      key,
      collection,
    }),
  },
)

/** The truth right after one entry of the stream. */
interface Truth {
  readonly placed: PlacedEntry | undefined
  readonly mark: Mark
  readonly rows: ReadonlyMap<string, Held>
  readonly control: ControlState
}

export class FusedComparison {
  readonly #tested: FusedUnderTest
  readonly #one: Speaker
  #truths: Truth[] = []
  /** Entries before it were cut off when a raise emptied the partition. */
  #landed = 0
  #trimmed: Position = ORIGIN
  #seals = 0
  #steps = 0

  constructor(tested: FusedUnderTest) {
    this.#tested = tested
    this.#one = new Speaker(tested.fused)
  }

  async start(): Promise<void> {
    const control = newControlState(AGE_MAX)
    this.#truths = [{ placed: undefined, mark: NOTHING.mark, rows: new Map(), control }]
    await this.#raise(false)
  }

  get #fused(): FusedFront {
    return this.#one.fused
  }

  get #now(): Truth {
    return this.#truths.at(-1) as Truth
  }

  get #end(): Position {
    return this.#now.mark.position
  }

  #held(truth: Truth, of: RecordRef): Held {
    return truth.rows.get(nameOf(of)) ?? HELD_ABSENT
  }

  /** Where the database stands, as of `back` entries before its newest state. */
  #database(back = 0): Truth {
    return this.#truths[Math.max(0, this.#landed - back)] as Truth
  }

  async step(what: FusedStep): Promise<void> {
    this.#steps += 1
    switch (what.do) {
      case 'write':
        await this.#write(what.writes)
        break
      case 'void':
        await this.#control({ kind: 'void', id: newId(), target: this.#named(this.#steps % 3) })
        break
      case 'seal':
        if (this.#steps > 30 && this.#seals === 0) {
          this.#seals += 1
          await this.#control({ kind: 'seal', id: newId(), collection: 'exams' })
        }
        break
      case 'marker':
        await this.#control({ kind: 'marker', id: newId() })
        break
      case 'raise-keep':
        await this.#raise(true)
        break
      case 'raise-empty':
        await this.#raise(false)
        break
      case 'old-writer':
        await this.#oldWriter()
        break
      case 'land':
        this.#landed = Math.min(this.#truths.length - 1, this.#landed + what.n)
        break
      case 'trim':
        await this.#trim(what.n)
        break
      case 'release':
        this.#look(await this.#fused.front.release(0, this.#one.identity, this.#database().mark.position))
        break
      case 'fill':
        await this.#fill(this.#database(what.n), refAt(what))
        break
      case 'hold':
        await this.#fused.front.hold(0, [refAt(what)], 20)
        if (what.n > 8) await this.#tested.elapse(40)
        break
      case 'invalidate':
        await this.#fused.front.invalidate(0, this.#one.identity, refAt(what), this.#database().mark.position)
        break
      case 'squeeze':
        await this.#tested.squeeze?.()
        break
      case 'read':
        await this.#check()
        break
    }
  }

  /** Never the name of an entry whose void is old enough to be forgotten: such entries are void by age. */
  #named(n: number): string {
    return `named-${n}-of-${this.#one.generation}-${Math.floor(countOf(this.#end) / AGE_MAX)}`
  }

  async #write(writes: readonly AnyWrite[]): Promise<void> {
    const entries = writes.map((what, i) => this.#entry(what, i))
    const verdicts = await this.#one.send(...entries)
    const unknown: RecordRef[] = []
    for (const [i, entry] of entries.entries()) {
      const verdict = verdicts[i] as FusedVerdict
      if (verdict.kind === 'needs-fill') {
        this.#mayNeedFill(entry, verdict.missing)
        unknown.push(...verdict.missing)
      } else this.#judged(entry, verdict)
    }
    expect((await this.#one.state()).mark).toEqual(this.#now.mark)
    for (const of of unknown) await this.#fill(this.#database(), of)
  }

  #entry(what: AnyWrite, index: number): WriteEntry {
    const main = refAt(what)
    const now = this.#held(this.#now, main).version
    const ifVersion: Version | undefined = {
      none: undefined,
      present: now,
      past: plus(now, 1),
      absent: ABSENT,
    }[what.condition]
    const json = what.remove ? undefined : `"${this.#steps} ${index}"`
    const condition = ifVersion === undefined ? {} : { ifVersion }
    const writes = [write(main.key, json, { collection: main.collection, ...condition })]
    const other = KEYS[what.also]
    if (other !== undefined && other !== main.key)
      writes.push(write(other, `"also ${this.#steps} ${index}"`, { collection: main.collection }))
    const known = this.#truths[Math.max(0, this.#truths.length - 1 - what.back)] as Truth
    const id = what.named ? this.#named(what.key % 3) : newId()
    return this.#one.entry(writes, { knownEnd: known.mark.position, id })
  }

  #judge(entry: WriteEntry): { readonly verdict: Verdict; readonly placed: PlacedEntry } {
    const { last } = place(this.#end, { offset: 0, entry })
    const placed = place(this.#end, { offset: last, entry })
    const { control } = this.#now
    const verdict =
      judgeControl(control, placed) ?? judgeConditions(entry, (of) => this.#held(this.#now, of).version)
    return { verdict, placed }
  }

  #judged(entry: WriteEntry, found: FusedVerdict): void {
    const { verdict, placed } = this.#judge(entry)
    if (verdict.kind === 'applied') {
      expect(found).toEqual({ kind: 'applied', first: placed.first, last: placed.last })
      this.#follow(placed)
    } else if (verdict.kind === 'void') expect(found).toEqual({ kind: 'void' })
    else expect(found).toEqual(verdict)
  }

  /** Only what is neither void nor sealed is asked for, and only keys with a condition. */
  #mayNeedFill(entry: WriteEntry, missing: readonly RecordRef[]): void {
    const { placed } = this.#judge(entry)
    expect(judgeControl(this.#now.control, placed)).toBeUndefined()
    const conditional = entry.writes.filter((one) => one.ifVersion !== undefined).map(nameOf)
    expect(missing.length).toBeGreaterThan(0)
    for (const one of missing) expect(conditional).toContain(nameOf(one))
  }

  #follow(placed: PlacedEntry): void {
    const rows = new Map(this.#now.rows)
    const { entry } = placed
    if (entry.kind === 'write')
      entry.writes.forEach((one, i) => {
        const held =
          one.value === undefined ? HELD_ABSENT : { version: plus(placed.first, i), value: one.value }
        rows.set(nameOf(one), held)
      })
    const control = copyControlState(this.#now.control)
    advanceControl(control, placed)
    const mark = markAfter(fusedJournalName(this.#one.generation), placed)
    this.#truths.push({ placed, mark, rows, control })
  }

  async #control(entry: ControlEntry): Promise<void> {
    const { last } = place(this.#end, { offset: 0, entry })
    const placed = place(this.#end, { offset: last, entry })
    expect(await this.#one.control(entry)).toEqual(placed)
    this.#follow(placed)
  }

  async #raise(keep: boolean): Promise<void> {
    const database = this.#database()
    const fold: FoldSnapshot = {
      mark: database.mark,
      voids: [...database.control.voids],
      seals: [...database.control.seals],
      refused: [],
      refusedFrom: ORIGIN,
    }
    const generation = this.#one.generation + 1
    const seen = await this.#one.raise(generation, keep, fold)
    // What the stream had and the database has not is thrown away with it.
    if (!keep) this.#truths.splice(this.#landed + 1)
    if (!keep && this.#truths.every(({ control }) => control.seals.size === 0)) this.#seals = 0
    const entry = fusedOpening(generation)
    const { last } = place(this.#end, { offset: 0, entry })
    this.#follow(place(this.#end, { offset: last, entry }))
    expect(seen.mark).toEqual(this.#now.mark)
    if (keep) return
    expect(seen.floor).toBe(this.#end)
    this.#trimmed = plus(this.#end, -1)
    this.#landed = this.#truths.length - 1
  }

  async #oldWriter(): Promise<void> {
    const { identity, generation } = this.#one
    const entry = this.#one.put('a', '"old"')
    const before = await this.#one.state()
    expect(await writeBatch(this.#fused, 0, identity, generation - 1, [entry])).toEqual({
      kind: 'fenced',
      seen: before,
    })
    expect((await writeBatch(this.#fused, 0, 'another', generation, [entry])).kind).toBe('fenced')
    expect(before.mark).toEqual(this.#now.mark)
  }

  async #trim(behind: number): Promise<void> {
    const at = this.#database(behind).mark.position
    await this.#fused.journal.trim(0, at)
    this.#trimmed = at > this.#trimmed ? at : this.#trimmed
  }

  async #fill(from: Truth, of: RecordRef): Promise<void> {
    const at = from.mark.position
    const rows = [{ ...of, held: this.#held(from, of) }]
    const { held, seen } = await this.#fused.front.fill(0, this.#one.identity, at, rows)
    this.#look(seen)
    if (held[0] !== undefined) expect(shown(held[0])).toBe(shown(this.#held(this.#now, of)))
    else expect(at < seen.floor || at > this.#end).toBe(true)
  }

  #look(seen: FrontSeen): void {
    expect(seen.mark).toEqual(this.#now.mark)
    expect(seen.floor).toBeLessThanOrEqual(this.#end)
  }

  async #check(): Promise<void> {
    const refs = COLLECTIONS.flatMap((name) => KEYS.map((one) => ref(one, name)))
    const { held, seen } = await this.#fused.front.read(0, refs)
    this.#look(seen)
    // Never above what has landed: only landed values were released.
    expect(seen.floor).toBeLessThanOrEqual(this.#database().mark.position)
    held.forEach((one, i) => {
      const truth = this.#held(this.#now, refs[i] as RecordRef)
      if (one !== undefined) expect(shown(one)).toBe(shown(truth))
      // Missing is allowed only where the database can say it: at or below the floor.
      else expect(truth.version).toBeLessThanOrEqual(seen.floor)
    })
  }

  async finish(): Promise<void> {
    await this.#check()
    const kept = this.#truths.filter(({ mark }) => mark.position > this.#trimmed)
    const { entries, atEnd } = await this.#fused.journal.read(0, this.#trimmed, ALL)
    expect(atEnd).toBe(true)
    expect(entries.map(({ offset, entry }) => [offset, plain(entry)])).toEqual(
      kept.map(({ placed }) => [placed?.offset, placed && plain(placed.entry)]),
    )
    const info = await this.#fused.journal.info(0)
    expect(info.end).toBe(this.#end)
    expect(info.first).toBeLessThanOrEqual(this.#trimmed + 1)
    const before = await this.#fused.journal.read(0, 0, ALL).catch((error: unknown) => error)
    if (info.first > position(1, 0)) expect(isSpillwayError(before, 'journal-mismatch')).toBe(true)
    const { fold } = await this.#fused.front.snapshot(0)
    expect(fold).toMatchObject({ mark: this.#now.mark, refused: [], refusedFrom: ORIGIN })
    expect(fold?.seals).toEqual([...this.#now.control.seals])
    for (const known of this.#now.control.voids) expect(fold?.voids).toContainEqual(known)
  }
}

function refAt(what: { readonly key: number; readonly collection: number }): RecordRef {
  return ref(KEYS[what.key] as string, COLLECTIONS[what.collection])
}

function nameOf(of: RecordRef): string {
  return `${of.collection}\0${of.key}`
}
