/**
 * The fold: how a store follows the journal. Pure decisions; the front, the lander, the verifier and every
 * process's own view call exactly these, so that all of them learn the same outcome for every entry.
 *
 *            ┌ void by name        a void entry came first
 *   entry ──▶┤ void by generation  its writer had not read the opening of the present generation
 *            │ void by age         its known end is more than 2^20 positions back
 *            └ else ─▶ sealed? ─▶ refused ─▶ condition holds? ─▶ applied
 *                                            └ no ─▶ refused
 *
 * Why age: voids must be forgotten some day. A void at position v is kept for 2^20 positions. An entry that
 * arrives after that had its known end fixed before the void was written, so it is more than 2^20 positions
 * behind and void by age. Neither rule looks at a clock.
 */
import type { Entry, EntryId, Mark, PlacedEntry, RecordRef, StoredEntry, WriteEntry } from './entry.ts'
import { spanOf } from './entry.ts'
import type { Position, Version } from './position.ts'
import { ORIGIN, generationOf, plus, position } from './position.ts'
import { hash64 } from '../kit/hash.ts'
import { encodeUtf8Pooled } from '../kit/utf8.ts'

/** Positions after which a void is forgotten, and behind which a write is void by age. */
export const AGE_MAX = 2 ** 20

/** The part of the fold state that needs no rows: what makes entries void or sealed. */
export interface ControlState {
  through: Position
  /** Entry ids that never count, with the position of their void. Oldest first (insertion order). */
  readonly voids: Map<EntryId, Position>
  /** Sealed collections with the position of their first seal. */
  readonly seals: Map<string, Position>
  /** AGE_MAX, except where a simulator makes age reachable; every store of a deployment must have the same. */
  readonly ageMax: number
}

export type VoidCause = 'name' | 'generation' | 'age'

export type Verdict =
  | { readonly kind: 'applied' }
  | { readonly kind: 'void'; readonly cause: VoidCause }
  | { readonly kind: 'refused'; readonly code: 'sealed' | 'version-mismatch' }
  /** A control entry; it took effect. */
  | { readonly kind: 'control' }

export const APPLIED: Verdict = { kind: 'applied' }
export const CONTROL: Verdict = { kind: 'control' }
export const SEALED: Verdict = { kind: 'refused', code: 'sealed' }
export const MISMATCH: Verdict = { kind: 'refused', code: 'version-mismatch' }
const VOID: Record<VoidCause, Verdict> = {
  name: { kind: 'void', cause: 'name' },
  generation: { kind: 'void', cause: 'generation' },
  age: { kind: 'void', cause: 'age' },
}

export function newControlState(ageMax: number = AGE_MAX): ControlState {
  return { through: ORIGIN, voids: new Map(), seals: new Map(), ageMax }
}

export function copyControlState(state: ControlState): ControlState {
  return { ...state, voids: new Map(state.voids), seals: new Map(state.seals) }
}

/**
 * Gives an entry its place after `through`. An opening entry of a later generation *is* that generation's
 * count 0; a late one of an older generation is an ordinary control entry that changes nothing.
 */
export function place(through: Position, stored: StoredEntry): PlacedEntry {
  const { offset, entry } = stored
  if (entry.kind === 'opening' && entry.generation > generationOf(through)) {
    const first = position(entry.generation, 0)
    return { offset, entry, first, last: first }
  }
  return { offset, entry, first: plus(through, 1), last: plus(through, spanOf(entry)) }
}

/** Places consecutive entries, the first of them right after `through`. */
export function placeAll(through: Position, stored: readonly StoredEntry[]): PlacedEntry[] {
  let at = through
  return stored.map((one) => {
    const placed = place(at, one)
    at = placed.last
    return placed
  })
}

/**
 * The verdict as far as it follows from control entries alone: void, sealed, control, or undefined where the
 * conditions of the writes decide. `state` must be folded up to right before the entry.
 */
export function judgeControl(state: ControlState, placed: PlacedEntry): Verdict | undefined {
  const { entry } = placed
  if (entry.kind !== 'write') return CONTROL
  // Most often there are none, and then the id need not be hashed to look it up.
  if (state.voids.size > 0 && state.voids.has(entry.id)) return VOID.name
  if (generationOf(entry.knownEnd) < generationOf(placed.first)) return VOID.generation
  if (placed.first - entry.knownEnd > state.ageMax) return VOID.age
  if (state.seals.size > 0 && entry.writes.some((write) => state.seals.has(write.collection))) return SEALED
  return undefined
}

/** True when any write of the entry has a condition, so that rows are needed to judge it. */
export function isConditional(entry: WriteEntry): boolean {
  return entry.writes.some((write) => write.ifVersion !== undefined)
}

/** Judges the conditions of a write entry that is neither void nor sealed. A frame is refused whole. */
export function judgeConditions(entry: WriteEntry, versionOf: (ref: RecordRef) => Version): Verdict {
  for (const write of entry.writes) {
    if (write.ifVersion !== undefined && write.ifVersion !== versionOf(write)) return MISMATCH
  }
  return APPLIED
}

/**
 * Moves the control state past an entry, whatever the entry's verdict is.
 * Cost: O(1) amortised; forgetting looks only at the oldest voids.
 */
export function advanceControl(state: ControlState, placed: PlacedEntry): void {
  const { entry } = placed
  if (entry.kind === 'void') {
    // The first void counts: an entry that comes after it is void, and void by age once this one is forgotten.
    if (!state.voids.has(entry.target)) state.voids.set(entry.target, placed.first)
  } else if (entry.kind === 'seal' && !state.seals.has(entry.collection)) {
    state.seals.set(entry.collection, placed.first)
  }
  state.through = placed.last
  forgetVoids(state)
}

function forgetVoids(state: ControlState): void {
  if (state.voids.size === 0) return
  for (const [id, at] of state.voids) {
    // A generation apart, everything the void could name is void by generation already.
    if (state.through - at <= state.ageMax) return
    state.voids.delete(id)
  }
}

/** What a stored mark is compared by: the same offset of another journal gives another digest. */
export function digestOf(entry: Entry, generation: number, offset: number): string {
  return hash64(encodeUtf8Pooled(`${entry.id} ${generation} ${offset}`))
}

/** The mark of a store that has folded up to and including `placed`. */
export function markAfter(journal: string, placed: PlacedEntry): Mark {
  return {
    journal,
    position: placed.last,
    offset: placed.offset,
    digest: digestOf(placed.entry, generationOf(placed.last), placed.offset),
  }
}

/** The mark of a store that has folded nothing of this journal. */
export function markAtOrigin(journal: string): Mark {
  return { journal, position: ORIGIN, offset: 0, digest: '' }
}
