/**
 * One partition of a process front: records, the control state of the fold, and where it stands.
 *
 *   missing ── start(fold) ──▶ standing at a mark ── apply(from = mark) ──▶ standing at the next one
 *      ▲                              │
 *      └──────────── discard ─────────┘
 *
 * What must stay true, and why a fill is exact: the last write of a key that is *not* held is at or below `floor`.
 * `start` sets floor = through; eviction, invalidation and dropped entries raise it to what they take away. So a
 * database that has reached the floor has the last write of every key that is not held, and one that has not
 * passed `through` has nothing that is still to be applied here.
 *
 * What collapses here: all calls are synchronous, so nothing comes between a comparison and an advance, and an
 * answer is one snapshot.
 */
import { invariant } from '../../errors.ts'
import type { Mark, PlacedEntry, RecordRef, Write, WriteEntry } from '../../model/entry.ts'
import {
  APPLIED,
  CONTROL,
  advanceControl,
  isConditional,
  judgeConditions,
  judgeControl,
  markAfter,
  newControlState,
} from '../../model/fold.ts'
import type { ControlState, Verdict } from '../../model/fold.ts'
import { ABSENT, ORIGIN, laterOf, plus } from '../../model/position.ts'
import type { Position, Version } from '../../model/position.ts'
import type {
  ApplyRequest,
  ApplyResult,
  DropUpTo,
  FoldSnapshot,
  FrontFillRow,
  FrontSeen,
  Held,
  HeldCopy,
} from '../../ports/front.ts'
import { REFUSED_BYTES } from './budget.ts'
import type { Budget } from './budget.ts'
import { versionOf } from './front-record.ts'
import type { FrontRecord } from './front-record.ts'
import { RefusedPositions, firstFrom } from './refused-positions.ts'
import { Shelves } from './shelves.ts'

/** Keys named at once when an apply needs fills: those of the entry it stopped at, and what is seen coming. */
const MISSING_MAX = 1_000

export class PartitionStore {
  readonly #budget: Budget
  readonly #shelves: Shelves
  readonly #refused = new RefusedPositions()
  readonly #versionOf = (ref: RecordRef): Version => {
    const record = this.#shelves.find(ref)
    return record === undefined ? ABSENT : versionOf(record)
  }
  readonly #identity: string
  readonly #ageMax: number
  #control: ControlState | undefined
  #mark: Mark | undefined
  #floor: Position = ORIGIN
  /** The answer to "where do you stand", kept until it changes. */
  #seen: FrontSeen | undefined

  constructor(budget: Budget, identity: string, ageMax: number) {
    this.#budget = budget
    this.#identity = identity
    this.#ageMax = ageMax
    this.#shelves = new Shelves(budget, this)
  }

  seen(): FrontSeen {
    this.#seen ??= {
      identity: this.#identity,
      mark: this.#mark,
      floor: this.#floor,
      refusedFrom: this.#refused.from,
    }
    return this.#seen
  }

  is(identity: string): boolean {
    return identity === this.#identity
  }

  start(fold: FoldSnapshot): void {
    if (this.#control !== undefined) return
    const at = fold.mark.position
    this.#control = {
      ...newControlState(this.#ageMax),
      through: at,
      voids: new Map(fold.voids),
      seals: new Map(fold.seals),
    }
    this.#mark = fold.mark
    this.#floor = at
    this.#refused.reset(fold.refused, fold.refusedFrom)
    this.#budget.count(fold.refused.length * REFUSED_BYTES)
    this.#seen = undefined
  }

  discard(): void {
    this.#shelves.clear()
    this.#budget.count(-this.#refused.size * REFUSED_BYTES)
    this.#refused.reset([], ORIGIN)
    this.#control = undefined
    this.#mark = undefined
    this.#floor = ORIGIN
    this.#seen = undefined
  }

  held(ref: RecordRef): Held | undefined {
    const record = this.#shelves.find(ref)
    return record === undefined ? undefined : this.#shelves.answer(record)
  }

  copy(ref: RecordRef, target: Uint8Array, at: number): HeldCopy | undefined {
    const record = this.#shelves.find(ref)
    return record === undefined ? undefined : this.#shelves.copy(record, target, at)
  }

  heldAll(refs: readonly RecordRef[]): (Held | undefined)[] {
    return refs.map((ref) => this.held(ref))
  }

  hold(ref: RecordRef, forMs: number): void {
    const record = this.#shelves.find(ref)
    if (record !== undefined) this.#budget.hold(record, forMs)
  }

  /** Whether what the database had at `position` may be taken for keys that are not held. */
  takes(position: Position): boolean {
    return this.#control !== undefined && this.#floor <= position && position <= this.#control.through
  }

  fill(row: FrontFillRow): void {
    if (this.#shelves.find(row) === undefined) this.#shelves.fill(row, row.held)
  }

  release(to: Position): void {
    this.#shelves.release(to)
  }

  invalidate(ref: RecordRef, landed: Position): boolean {
    const record = this.#shelves.find(ref)
    if (record === undefined) return true
    if (record.at > landed) return false
    this.evict(record)
    return true
  }

  evict(record: FrontRecord): void {
    this.#raiseFloor(record.at)
    this.#shelves.remove(record)
  }

  refused(positions: readonly Position[]): boolean[] {
    return positions.map((at) => this.#refused.has(at))
  }

  forgetRefused(upTo: Position): void {
    const before = this.#refused.size
    this.#refused.forget(upTo)
    this.#budget.count((this.#refused.size - before) * REFUSED_BYTES)
    this.#seen = undefined
  }

  snapshot(): FoldSnapshot | undefined {
    if (this.#control === undefined || this.#mark === undefined) return undefined
    return {
      mark: this.#mark,
      voids: [...this.#control.voids],
      seals: [...this.#control.seals],
      refused: this.#refused.toArray(),
      refusedFrom: this.#refused.from,
    }
  }

  apply(request: ApplyRequest): ApplyResult {
    const control = this.#control
    const mark = this.#mark
    if (
      control === undefined ||
      mark === undefined ||
      !this.is(request.identity) ||
      !sameMark(mark, request.from)
    ) {
      return { kind: 'turned-away', seen: this.seen() }
    }
    const { entries, drop, to } = request
    const verdicts: (Verdict | undefined)[] = []
    this.#seen = undefined
    for (let i = 0; i < entries.length; i += 1) {
      const placed = entries[i] as PlacedEntry
      const { entry } = placed
      if (entry.kind !== 'write') {
        verdicts.push(CONTROL)
      } else if (drop !== undefined && placed.last <= drop.position) {
        this.#drop(placed, entry, drop)
        verdicts.push(undefined)
      } else {
        const verdict = this.#judge(control, placed, entry)
        if (verdict === undefined) {
          if (i > 0) this.#mark = markAfter(to.journal, entries[i - 1] as PlacedEntry)
          return { kind: 'needs-fill', seen: this.seen(), verdicts, missing: this.#missing(entries, i, drop) }
        }
        this.#follow(placed, entry, verdict)
        verdicts.push(verdict)
      }
      advanceControl(control, placed)
    }
    invariant(
      control.through === to.position,
      `Entries up to ${control.through} were applied as if up to ${to.position}`,
    )
    this.#mark = to
    return { kind: 'applied', seen: this.seen(), verdicts }
  }

  /** Undefined: keys that decide are not held. */
  #judge(control: ControlState, placed: PlacedEntry, entry: WriteEntry): Verdict | undefined {
    const verdict = judgeControl(control, placed)
    if (verdict !== undefined) return verdict
    if (!isConditional(entry)) return APPLIED
    return this.#lacks(entry) ? undefined : judgeConditions(entry, this.#versionOf)
  }

  #lacks(entry: WriteEntry): boolean {
    return entry.writes.some(
      (write) => write.ifVersion !== undefined && this.#shelves.find(write) === undefined,
    )
  }

  /** All that this entry needs, and what later ones of the request will need as far as can be seen now. */
  #missing(entries: readonly PlacedEntry[], from: number, drop: DropUpTo | undefined): RecordRef[] {
    const missing: RecordRef[] = []
    for (let i = from; i < entries.length; i += 1) {
      const placed = entries[i] as PlacedEntry
      const { entry } = placed
      if (entry.kind !== 'write' || (drop !== undefined && placed.last <= drop.position)) continue
      if (i > from && missing.length + entry.writes.length > MISSING_MAX) break
      for (const write of entry.writes) {
        if (write.ifVersion === undefined || this.#shelves.find(write) !== undefined) continue
        missing.push({ collection: write.collection, key: write.key })
      }
    }
    return missing
  }

  #follow(placed: PlacedEntry, entry: WriteEntry, verdict: Verdict): void {
    if (verdict.kind === 'refused') this.#refuse(placed.first)
    if (verdict.kind !== 'applied') return
    const { writes } = entry
    for (let i = 0; i < writes.length; i += 1) {
      const write = writes[i] as Write
      this.#shelves.put(write, plus(placed.first, i), write.value)
    }
  }

  #refuse(at: Position): void {
    this.#refused.add(at)
    this.#budget.count(REFUSED_BYTES)
  }

  /** The database has judged it already; what it knows of the refusal is copied. */
  #drop(placed: PlacedEntry, entry: WriteEntry, drop: DropUpTo): void {
    for (const write of entry.writes) {
      const record = this.#shelves.find(write)
      if (record !== undefined) this.#shelves.remove(record)
    }
    this.#raiseFloor(placed.last)
    if (placed.first <= drop.refusedFrom) this.forgetRefused(drop.refusedFrom)
    const { refused } = drop
    for (let i = firstFrom(refused, placed.first); i < refused.length; i += 1) {
      const at = refused[i] as Position
      if (at > placed.last) return
      if (at > this.#refused.from) this.#refuse(at)
    }
  }

  #raiseFloor(to: Position): void {
    if (to <= this.#floor) return
    this.#floor = laterOf(this.#floor, to)
    this.#seen = undefined
  }
}

function sameMark(a: Mark, b: Mark): boolean {
  return (
    a === b ||
    (a.position === b.position && a.offset === b.offset && a.journal === b.journal && a.digest === b.digest)
  )
}
