/**
 * What stands in a journal.
 *
 * A *write entry* holds one write, or several that count together (a frame). Control entries steer the fold:
 *
 *   void     the named entry never counts, if it has not been judged before this point
 *   seal     later writes to the collection are refused
 *   opening  a generation begins; entries of writers that still speak for an older one are void after it
 *   marker   means nothing; appended to learn where a shared journal ends
 *
 * Every write and every control entry takes one position of its own, in journal order; a frame of n takes n.
 * An opening entry is the exception that defines the rule: it *is* count 0 of its generation.
 */
import type { Position, Version } from './position.ts'
import type { Value } from './value.ts'

/** Unique among all entries of all processes; at most 64 characters of ASCII. */
export type EntryId = string

/** A record's full name. */
export interface RecordRef {
  readonly collection: string
  readonly key: string
}

export interface Write extends RecordRef {
  /** Undefined deletes. */
  readonly value: Value | undefined
  /** The version that the record must have in journal order; 0 = must be absent; undefined = no condition. */
  readonly ifVersion: Version | undefined
}

export interface WriteEntry {
  readonly kind: 'write'
  readonly id: EntryId
  /** A position its process had read when the id was made; far behind its own place, the write is void by age. */
  readonly knownEnd: Position
  /** At least one; no key twice; more than one is a frame: refused, landed and parked whole. */
  readonly writes: readonly Write[]
}

export interface VoidEntry {
  readonly kind: 'void'
  readonly id: EntryId
  readonly target: EntryId
}

export interface SealEntry {
  readonly kind: 'seal'
  readonly id: EntryId
  readonly collection: string
}

export interface OpeningEntry {
  readonly kind: 'opening'
  readonly id: EntryId
  readonly generation: number
}

export interface MarkerEntry {
  readonly kind: 'marker'
  readonly id: EntryId
}

export type ControlEntry = VoidEntry | SealEntry | OpeningEntry | MarkerEntry
export type Entry = WriteEntry | ControlEntry

/** An entry with the number that the journal gave it; offsets grow, by one or more, inside a partition. */
export interface StoredEntry {
  readonly offset: number
  readonly entry: Entry
}

/** An entry whose place in the order is known: what stores fold. */
export interface PlacedEntry extends StoredEntry {
  /** Position of its first write (or of itself). */
  readonly first: Position
  /** Position of its last write; equal to `first` unless it is a frame. */
  readonly last: Position
}

/**
 * How far a store has folded one partition's journal, with what proves that it is the same journal:
 * compared at start and on any jump, never skipped over.
 */
export interface Mark {
  /** Which journal: a file id, topic id or stream opening. */
  readonly journal: string
  readonly position: Position
  /** Of the last folded entry; 0 before the first. */
  readonly offset: number
  /** Over entry id, generation and offset of the last folded entry; empty before the first. */
  readonly digest: string
}

export function isFrame(entry: WriteEntry): boolean {
  return entry.writes.length > 1
}

/** Positions that an entry takes. */
export function spanOf(entry: Entry): number {
  return entry.kind === 'write' ? entry.writes.length : 1
}
