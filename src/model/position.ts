/**
 * Positions and versions: where a write stands in the journal of its partition, as one number.
 *
 *   position = generation (16 bits) · count (37 bits, of which 36 are used; the top one is headroom)
 *
 * The generation is issued by the database and starts at 1; the count is the number of writes and control
 * entries since the generation's opening entry, which is count 0. Packing both into 53 bits keeps a position
 * an exact JavaScript number and an exact JSON number, and ordering positions as a pair is ordering numbers.
 *
 * The version of a value is the position of the write that made it. 0 is only ever absence; 1 marks rows that
 * were in the table before Spillway (generation 0 is never issued, so no write can have it).
 */
import { SpillwayError } from '../errors.ts'

/** A place in one partition's journal; comparable with `<` inside a partition only. */
export type Position = number & { readonly position: unique symbol }
/** The position of the write that made a value; 0 = absent, 1 = older than Spillway. */
export type Version = Position

const COUNT_SPAN = 2 ** 37
/** Positions that one generation may use; then a new generation has to be opened. */
export const COUNT_MAX = 2 ** 36
/** The last generation that fits 53 bits. */
export const GENERATION_MAX = 65_535

export const ABSENT = 0 as Version
/** Of rows that were in the table before Spillway. */
export const PREEXISTING = 1 as Version
/** Before everything: what a fold that has seen no opening entry stands at. */
export const ORIGIN = 0 as Position

export function position(generation: number, count: number): Position {
  return (generation * COUNT_SPAN + count) as Position
}

export function generationOf(at: Position): number {
  return Math.floor(at / COUNT_SPAN)
}

export function countOf(at: Position): number {
  return at % COUNT_SPAN
}

/** The position `n` further in the same generation. */
export function plus(at: Position, n: number): Position {
  return (at + n) as Position
}

/** `generation-count`, as Redis stream ids and people read it. */
export function formatPosition(at: Position): string {
  return `${generationOf(at)}-${countOf(at)}`
}

/** A version from outside: an integer from 0 to 2^53-1, else `invalid`. */
export function versionFrom(value: unknown, name: string): Version {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value as Version
  throw new SpillwayError(
    'invalid',
    `${name} must be a version: an integer from 0 to 2^53-1 as a receipt or record gave it.`,
  )
}

export function laterOf(a: Position, b: Position): Position {
  return a > b ? a : b
}

export function earlierOf(a: Position, b: Position): Position {
  return a < b ? a : b
}
