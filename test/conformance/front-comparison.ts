/**
 * A random run of one front beside a store that forgets nothing: whatever is written, applied, landed, filled from
 * old copies of the database, released and evicted in whatever order, every answer is the truth at its own position
 * or a miss.
 */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import type { PlacedEntry, RecordRef } from '../../src/model/entry.ts'
import type { Verdict } from '../../src/model/fold.ts'
import { markAfter } from '../../src/model/fold.ts'
import { ABSENT, ORIGIN, plus } from '../../src/model/position.ts'
import type { Position, Version } from '../../src/model/position.ts'
import type { DropUpTo, Front, FrontSeen, Held } from '../../src/ports/front.ts'
import { HELD_ABSENT } from '../../src/ports/front.ts'
import { AGE_MAX } from './front-under-test.ts'
import type { FrontUnderTest } from './front-under-test.ts'
import { Line, WholeFold, emptyFold, ref, shown, write } from './line.ts'

const COLLECTIONS = ['forms', 'exams'] as const
const KEYS = ['a', 'b', '__proto__', 'key\0nul', 'né 😀'] as const

export type Step =
  | {
      readonly do: 'write'
      readonly key: number
      readonly collection: number
      readonly remove: boolean
      readonly condition: 'none' | 'present' | 'past' | 'absent'
      readonly back: number
      readonly also: number
    }
  | { readonly do: 'void'; readonly ahead: number }
  | { readonly do: 'seal' | 'opening' | 'marker' | 'read' | 'squeeze' | 'read-database' }
  | {
      readonly do: 'apply' | 'land' | 'release' | 'fill' | 'hold' | 'invalidate'
      readonly n: number
      readonly key: number
      readonly collection: number
    }

const small = fc.nat(20)
const key = fc.nat(KEYS.length - 1)
const collection = fc.nat(COLLECTIONS.length - 1)
const written = fc.record({
  do: fc.constant('write' as const),
  key,
  collection,
  remove: fc.boolean(),
  condition: fc.constantFrom(
    'none' as const,
    'none' as const,
    'present' as const,
    'past' as const,
    'absent' as const,
  ),
  back: fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(80) }),
  also: fc.nat(KEYS.length * 4),
})
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: written },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('void' as const), ahead: fc.nat(4) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('seal' as const, 'opening' as const, 'marker' as const, 'marker' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('read' as const, 'squeeze' as const, 'read-database' as const),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'apply' as const,
        'apply' as const,
        'land' as const,
        'release' as const,
        'fill' as const,
        'hold' as const,
        'invalidate' as const,
      ),
      n: small,
      key,
      collection,
    }),
  },
)

/** One line, one front, a database that lands some of it, and the truth after every entry. */
export class Comparison {
  readonly #tested: FrontUnderTest
  readonly #line = new Line()
  /** After each number of entries: the truth there. */
  readonly #truth: { readonly rows: ReadonlyMap<string, Held>; readonly verdict: Verdict | undefined }[] = []
  readonly #whole = new WholeFold(AGE_MAX)
  #applied = 0
  #landed = 0
  /** A position of the database that was read: entries up to it are dropped from now on. */
  #read = 0
  #seen: FrontSeen | undefined

  constructor(tested: FrontUnderTest) {
    this.#tested = tested
  }

  async start(): Promise<void> {
    this.#truth.push({ rows: new Map(), verdict: undefined })
    this.#fold()
    this.#seen = await this.#front.start(0, emptyFold(this.#line))
  }

  get #front(): Front {
    return this.#tested.front
  }

  get #identity(): string {
    return (this.#seen as FrontSeen).identity
  }

  #fold(): void {
    while (this.#whole.count < this.#line.placed.length) {
      const verdict = this.#whole.follow(this.#line.placed[this.#whole.count] as PlacedEntry)
      this.#truth.push({ rows: new Map(this.#whole.rows), verdict })
    }
  }

  #positionAt(count: number): Position {
    return count === 0 ? ORIGIN : (this.#line.placed[count - 1] as PlacedEntry).last
  }

  #held(count: number, of: RecordRef): Held {
    return this.#truth[count]?.rows.get(`${of.collection}\0${of.key}`) ?? HELD_ABSENT
  }

  #drop(): DropUpTo | undefined {
    if (this.#read === 0) return undefined
    const at = this.#positionAt(this.#read)
    return { position: at, refused: this.#whole.refused.filter((one) => one <= at), refusedFrom: ORIGIN }
  }

  async step(what: Step): Promise<void> {
    switch (what.do) {
      case 'write':
        this.#write(what)
        break
      case 'void':
        // Names an entry that may come soon, as a settler does, or one that never comes.
        this.#line.void(`entry-${this.#line.placed.length + what.ahead}`)
        break
      case 'seal':
        if (this.#line.placed.length > 30) this.#line.seal('exams')
        break
      case 'opening':
        this.#line.add({
          kind: 'opening',
          id: this.#line.newId(),
          generation: 1 + Math.floor(this.#line.placed.length / 20),
        })
        break
      case 'marker':
        this.#line.add({ kind: 'marker', id: this.#line.newId() })
        break
      case 'apply':
        await this.#apply(Math.min(this.#line.placed.length, this.#applied + 1 + what.n))
        break
      case 'land':
        this.#landed = Math.min(this.#line.placed.length, this.#landed + what.n)
        break
      case 'read-database':
        this.#read = this.#landed
        break
      case 'release':
        this.#seen = await this.#front.release(0, this.#identity, this.#positionAt(this.#landed))
        break
      case 'fill':
        await this.#fill(Math.max(0, this.#landed - what.n), refAt(what))
        break
      case 'hold':
        await this.#front.hold(0, [refAt(what)], 100)
        if (what.n > 10) await this.#tested.elapse(200)
        break
      case 'invalidate':
        await this.#front.invalidate(0, this.#identity, refAt(what), this.#positionAt(this.#landed))
        break
      case 'squeeze':
        await this.#tested.squeeze?.()
        break
      case 'read':
        await this.#check()
        break
    }
    this.#fold()
  }

  #write(what: Extract<Step, { do: 'write' }>): void {
    const count = this.#line.placed.length
    const main = refAt(what)
    const now = this.#held(count, main).version
    const ifVersion: Version | undefined = {
      none: undefined,
      present: now,
      past: plus(now, 1),
      absent: ABSENT,
    }[what.condition]
    const json = what.remove ? undefined : `"${count}"`
    const writes = [
      write(main.key, json, {
        collection: main.collection,
        ...(ifVersion === undefined ? {} : { ifVersion }),
      }),
    ]
    const other = KEYS[what.also]
    if (other !== undefined && other !== main.key)
      writes.push(write(other, `"also ${count}"`, { collection: main.collection }))
    this.#line.write(writes, { knownEnd: this.#positionAt(Math.max(0, count - what.back)) })
  }

  async #apply(to: number): Promise<void> {
    while (this.#applied < to) {
      const drop = this.#drop()
      const request = this.#line.request(this.#applied, to, drop)
      const result = await this.#front.apply({ partition: 0, identity: this.#identity, ...request })
      if (result.kind === 'turned-away')
        throw new Error(`turned away at ${this.#applied}: ${JSON.stringify(result.seen)}`)
      result.verdicts.forEach((verdict, i) => this.#judge(this.#applied + i, verdict, drop))
      this.#applied += result.verdicts.length
      this.#seen = result.seen
      expect(result.seen.mark).toEqual(this.#line.marks[this.#applied])
      if (result.kind === 'applied') return
      await this.#fillMissing(result.missing)
    }
  }

  #judge(index: number, verdict: Verdict | undefined, drop: DropUpTo | undefined): void {
    const placed = this.#line.placed[index] as PlacedEntry
    const dropped = placed.entry.kind === 'write' && drop !== undefined && placed.last <= drop.position
    expect(verdict).toEqual(dropped ? undefined : this.#truth[index + 1]?.verdict)
  }

  /** As the engine does: what the database says is filled in, or, if it is ahead, dropped up to. */
  async #fillMissing(missing: readonly RecordRef[]): Promise<void> {
    expect(missing.length).toBeGreaterThan(0)
    if (this.#landed > this.#applied) {
      this.#read = this.#landed
      return
    }
    const at = this.#positionAt(this.#landed)
    const rows = missing.map((of) => ({ ...of, held: this.#held(this.#landed, of) }))
    const { held, seen } = await this.#front.fill(0, this.#identity, at, rows)
    expect(seen.floor).toBeLessThanOrEqual(at)
    held.forEach((one, i) =>
      expect(shown(one)).toBe(shown(this.#held(this.#applied, missing[i] as RecordRef))),
    )
  }

  async #fill(count: number, of: RecordRef): Promise<void> {
    const rows = [{ ...of, held: this.#held(count, of) }]
    const { held } = await this.#front.fill(0, this.#identity, this.#positionAt(count), rows)
    if (held[0] !== undefined) expect(shown(held[0])).toBe(shown(this.#held(this.#applied, of)))
  }

  async #check(): Promise<void> {
    const refs = COLLECTIONS.flatMap((name) => KEYS.map((one) => ref(one, name)))
    const { held, seen } = await this.#front.read(0, refs)
    expect(seen.mark?.position).toBe(this.#positionAt(this.#applied))
    expect(seen.floor).toBeLessThanOrEqual(this.#positionAt(this.#applied))
    held.forEach((one, i) => {
      const truth = this.#held(this.#applied, refs[i] as RecordRef)
      if (one !== undefined) expect(shown(one)).toBe(shown(truth))
      // Missing is allowed only where the database can say it: at or below the floor.
      else expect(truth.version).toBeLessThanOrEqual(seen.floor)
    })
  }

  async finish(): Promise<void> {
    await this.#apply(this.#line.placed.length)
    await this.#check()
    const positions = this.#line.placed.map(({ first }) => first)
    const { refused } = await this.#front.refused(0, positions)
    expect(positions.filter((_, i) => refused[i])).toEqual(this.#whole.refused)
    const { fold } = await this.#front.snapshot(0)
    const last = this.#line.placed.at(-1) as PlacedEntry
    expect(fold).toEqual(this.#whole.snapshot(markAfter(this.#line.journal, last)))
  }
}

function refAt(what: { readonly key: number; readonly collection: number }): RecordRef {
  return ref(KEYS[what.key] as string, COLLECTIONS[what.collection])
}
