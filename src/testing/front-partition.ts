/**
 * One partition of a simulated front: rows, fold state, `through` and `floor`, as a plain state machine without
 * time or wire. Written apart from the memory driver on purpose: two fronts that agree on the conformance suite
 * and under the simulator are worth more than one that is tested against itself.
 */
import { invariant } from '../errors.ts'
import type { Mark, PlacedEntry, RecordRef, WriteEntry } from '../model/entry.ts'
import {
  advanceControl,
  copyControlState,
  isConditional,
  judgeConditions,
  judgeControl,
  markAfter,
  newControlState,
} from '../model/fold.ts'
import type { ControlState, Verdict } from '../model/fold.ts'
import { ABSENT, ORIGIN, laterOf, plus } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { ApplyRequest, DropUpTo, FoldSnapshot, FrontFillRow, FrontSeen, Held } from '../ports/front.ts'
import { HELD_ABSENT } from '../ports/front.ts'

interface Row {
  readonly collection: string
  readonly key: string
  readonly held: Held
  /** The position whose effect the front lacks once this row is gone; 0 for what came from the database. */
  readonly at: Position
  holdUntil: number
}

export function sameMark(a: Mark, b: Mark): boolean {
  return (
    a.position === b.position && a.offset === b.offset && a.digest === b.digest && a.journal === b.journal
  )
}

export function nameOf(ref: RecordRef): string {
  return `${ref.collection}\n${ref.key}`
}

export class FrontPartition {
  mark: Mark | undefined
  floor: Position = ORIGIN
  refusedFrom: Position = ORIGIN
  readonly ageMax: number
  control: ControlState
  /** First positions of refused entries. */
  refusedSet = new Set<Position>()
  rows = new Map<string, Row>()

  constructor(ageMax: number) {
    this.ageMax = ageMax
    this.control = newControlState(ageMax)
  }

  copy(): FrontPartition {
    const twin = new FrontPartition(this.ageMax)
    twin.mark = this.mark
    twin.floor = this.floor
    twin.refusedFrom = this.refusedFrom
    twin.control = copyControlState(this.control)
    twin.refusedSet = new Set(this.refusedSet)
    twin.rows = new Map([...this.rows].map(([name, row]) => [name, { ...row }]))
    return twin
  }

  seen(identity: string): FrontSeen {
    return { identity, mark: this.mark, floor: this.floor, refusedFrom: this.refusedFrom }
  }

  start(fold: FoldSnapshot): void {
    if (this.mark !== undefined) return
    this.mark = fold.mark
    this.floor = fold.mark.position
    this.refusedFrom = fold.refusedFrom
    this.control = {
      through: fold.mark.position,
      voids: new Map(fold.voids),
      seals: new Map(fold.seals),
      ageMax: this.ageMax,
    }
    this.refusedSet = new Set(fold.refused)
    this.rows = new Map()
  }

  discard(): void {
    this.mark = undefined
    this.floor = ORIGIN
    this.refusedFrom = ORIGIN
    this.control = newControlState(this.ageMax)
    this.refusedSet.clear()
    this.rows.clear()
  }

  snapshot(): FoldSnapshot | undefined {
    if (this.mark === undefined) return undefined
    return {
      mark: this.mark,
      voids: [...this.control.voids],
      seals: [...this.control.seals],
      refused: [...this.refusedSet].sort((a, b) => a - b),
      refusedFrom: this.refusedFrom,
    }
  }

  held(ref: RecordRef): Held | undefined {
    return this.rows.get(nameOf(ref))?.held
  }

  /** Applies until a condition needs a key that is not held. The caller has compared `from`. */
  apply(request: ApplyRequest): {
    readonly verdicts: (Verdict | undefined)[]
    readonly missing: RecordRef[]
  } {
    const verdicts: (Verdict | undefined)[] = []
    for (const placed of request.entries) {
      const missing = this.#applyOne(request.to.journal, placed, request.drop, verdicts)
      if (missing.length > 0) return { verdicts, missing }
    }
    invariant(
      this.mark !== undefined && sameMark(this.mark, request.to),
      `A simulated front stands at ${JSON.stringify(this.mark)} after an apply that was to end at ${JSON.stringify(request.to)}`,
    )
    return { verdicts, missing: [] }
  }

  #applyOne(
    journal: string,
    placed: PlacedEntry,
    drop: DropUpTo | undefined,
    verdicts: (Verdict | undefined)[],
  ): RecordRef[] {
    const { entry } = placed
    let verdict: Verdict | undefined
    if (entry.kind === 'write' && drop !== undefined && placed.last <= drop.position) {
      this.#drop(placed, entry, drop)
    } else {
      verdict = judgeControl(this.control, placed)
      if (verdict === undefined && entry.kind === 'write') {
        const missing = isConditional(entry) ? this.#missing(entry) : []
        if (missing.length > 0) return missing
        verdict = judgeConditions(entry, (ref) => this.held(ref)?.version ?? ABSENT)
        if (verdict.kind === 'applied') this.put(placed, entry)
      }
      if (verdict?.kind === 'refused' && entry.kind === 'write') {
        this.refusedSet.add(placed.first)
      }
    }
    verdicts.push(verdict)
    advanceControl(this.control, placed)
    this.mark = markAfter(journal, placed)
    return []
  }

  #missing(entry: WriteEntry): RecordRef[] {
    return entry.writes.filter((write) => write.ifVersion !== undefined && !this.rows.has(nameOf(write)))
  }

  #drop(placed: PlacedEntry, entry: WriteEntry, drop: DropUpTo): void {
    for (const write of entry.writes) this.rows.delete(nameOf(write))
    this.floor = laterOf(this.floor, placed.last)
    if (drop.refused.includes(placed.first)) this.refusedSet.add(placed.first)
    if (placed.first <= drop.refusedFrom) this.refusedFrom = laterOf(this.refusedFrom, drop.refusedFrom)
  }

  put(placed: PlacedEntry, entry: WriteEntry): void {
    entry.writes.forEach((write, index) => {
      const at = plus(placed.first, index)
      const name = nameOf(write)
      const held: Held = write.value === undefined ? HELD_ABSENT : { version: at, value: write.value }
      this.rows.set(name, {
        collection: write.collection,
        key: write.key,
        held,
        at,
        holdUntil: this.rows.get(name)?.holdUntil ?? 0,
      })
    })
  }

  fill(position: Position, rows: readonly FrontFillRow[]): void {
    if (this.mark === undefined || position < this.floor || position > this.mark.position) return
    for (const { collection, key, held } of rows) {
      const name = nameOf({ collection, key })
      if (!this.rows.has(name)) this.rows.set(name, { collection, key, held, at: ORIGIN, holdUntil: 0 })
    }
  }

  hold(refs: readonly RecordRef[], until: number): void {
    for (const ref of refs) {
      const row = this.rows.get(nameOf(ref))
      if (row !== undefined) row.holdUntil = Math.max(row.holdUntil, until)
    }
  }

  /** Drops what is landed at `to` and what `drops` chooses; whatever is held stays. */
  release(to: Position, now: number, drops: (name: string) => boolean): void {
    for (const [name, row] of this.rows) {
      if (row.at > to || row.holdUntil > now || !drops(name)) continue
      this.rows.delete(name)
      this.floor = laterOf(this.floor, row.at)
    }
  }

  invalidate(ref: RecordRef, landed: Position): boolean {
    const row = this.rows.get(nameOf(ref))
    if (row === undefined) return true
    if (row.at > landed) return false
    this.rows.delete(nameOf(ref))
    this.floor = laterOf(this.floor, row.at)
    return true
  }

  forgetRefused(upTo: Position): void {
    for (const at of this.refusedSet) if (at <= upTo) this.refusedSet.delete(at)
    this.refusedFrom = laterOf(this.refusedFrom, upTo)
  }
}
