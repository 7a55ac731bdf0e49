/** A pretended partition of a journal for conformance suites: entries one after another, with marks between them. */
import type { Entry, Mark, PlacedEntry, RecordRef, Write, WriteEntry } from '../../src/model/entry.ts'
import {
  advanceControl,
  judgeConditions,
  judgeControl,
  markAfter,
  markAtOrigin,
  newControlState,
  place,
} from '../../src/model/fold.ts'
import type { ControlState, Verdict } from '../../src/model/fold.ts'
import { ABSENT, ORIGIN, plus } from '../../src/model/position.ts'
import type { Position, Version } from '../../src/model/position.ts'
import { plainValue } from '../../src/model/value.ts'
import type { Value } from '../../src/model/value.ts'
import type { ApplyRequest, DropUpTo, FoldSnapshot, Held } from '../../src/ports/front.ts'
import { HELD_ABSENT } from '../../src/ports/front.ts'

const text = new TextDecoder()

export function valueOf(json: string): Value {
  return plainValue(new TextEncoder().encode(json))
}

export function ref(key: string, collection = 'forms'): RecordRef {
  return { collection, key }
}

/** What a test can compare: version and JSON text; undefined = the front does not know. */
export function shown(held: Held | undefined): string | undefined {
  if (held === undefined) return undefined
  return held.value === undefined
    ? `${held.version} absent`
    : `${held.version} ${text.decode(held.value.bytes)}`
}

export interface WriteOptions {
  readonly collection?: string
  readonly ifVersion?: Version
  readonly id?: string
  readonly knownEnd?: Position
}

/** Builds entries with ids of their own, and the places and marks that they get. */
export class Line {
  readonly journal: string
  readonly placed: PlacedEntry[] = []
  readonly marks: Mark[]
  #ids = 0

  /** Begins with the opening entry of generation 1, unless told to be empty. */
  constructor(journal = 'journal-1', opened = true) {
    this.journal = journal
    this.marks = [markAtOrigin(journal)]
    if (opened) this.add({ kind: 'opening', id: this.newId(), generation: 1 })
  }

  newId(): string {
    this.#ids += 1
    return `entry-${this.#ids}`
  }

  get end(): Position {
    return (this.placed.at(-1)?.last ?? ORIGIN) as Position
  }

  add(entry: Entry): PlacedEntry {
    const placed = place(this.end, { offset: this.placed.length + 1, entry })
    this.placed.push(placed)
    this.marks.push(markAfter(this.journal, placed))
    return placed
  }

  /** A frame where there are several writes. */
  write(writes: readonly Write[], options: WriteOptions = {}): PlacedEntry {
    const { id = this.newId(), knownEnd = this.end } = options
    return this.add({ kind: 'write', id, knownEnd, writes })
  }

  put(key: string, json: string, options: WriteOptions = {}): PlacedEntry {
    return this.write([write(key, json, options)], options)
  }

  delete(key: string, options: WriteOptions = {}): PlacedEntry {
    return this.write([write(key, undefined, options)], options)
  }

  void(target: string): PlacedEntry {
    return this.add({ kind: 'void', id: this.newId(), target })
  }

  seal(collection: string): PlacedEntry {
    return this.add({ kind: 'seal', id: this.newId(), collection })
  }

  /** An apply of the entries with index `from` to before `to`. */
  request(
    from: number,
    to = this.placed.length,
    drop?: DropUpTo,
  ): Omit<ApplyRequest, 'partition' | 'identity'> {
    const entries = this.placed.slice(from, to)
    return { from: this.marks[from] as Mark, to: this.marks[to] as Mark, entries, drop }
  }
}

export function write(key: string, json: string | undefined, options: WriteOptions = {}): Write {
  return {
    collection: options.collection ?? 'forms',
    key,
    value: json === undefined ? undefined : valueOf(json),
    ifVersion: options.ifVersion,
  }
}

/** A store that forgets nothing: what every other store must agree with. */
export class WholeFold {
  readonly control: ControlState
  readonly rows = new Map<string, Held>()
  readonly refused: Position[] = []
  readonly verdicts: Verdict[] = []
  /** Entries folded so far. */
  count = 0

  constructor(ageMax?: number) {
    this.control = newControlState(ageMax)
  }

  held(of: RecordRef): Held {
    return this.rows.get(nameOf(of)) ?? HELD_ABSENT
  }

  follow(placed: PlacedEntry): Verdict {
    const { entry } = placed
    const verdict =
      judgeControl(this.control, placed) ??
      judgeConditions(entry as WriteEntry, (of) => this.rows.get(nameOf(of))?.version ?? ABSENT)
    if (verdict.kind === 'refused') this.refused.push(placed.first)
    if (verdict.kind === 'applied') {
      ;(entry as WriteEntry).writes.forEach((one, index) => {
        const held =
          one.value === undefined ? HELD_ABSENT : { version: plus(placed.first, index), value: one.value }
        this.rows.set(nameOf(one), held)
      })
    }
    advanceControl(this.control, placed)
    this.verdicts.push(verdict)
    this.count += 1
    return verdict
  }

  snapshot(mark: Mark): FoldSnapshot {
    return {
      mark,
      voids: [...this.control.voids],
      seals: [...this.control.seals],
      refused: [...this.refused],
      refusedFrom: ORIGIN,
    }
  }
}

function nameOf(of: RecordRef): string {
  return `${of.collection}\0${of.key}`
}

/** The fold of a database that has seen nothing of `line` yet. */
export function emptyFold(line: Line): FoldSnapshot {
  return { mark: line.marks[0] as Mark, voids: [], seals: [], refused: [], refusedFrom: ORIGIN }
}
