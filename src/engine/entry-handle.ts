/**
 * The handle of an entry whose outcome is unknown: all that any process needs to settle it later.
 *
 * Text, safe in URLs: `e1.` and base64url of JSON. It carries the entry's id and its known end (with the offset
 * and digest there, so that the journal can be read from it and told from another), and the record it writes.
 */
import { SpillwayError } from '../errors.ts'
import type { EntryId, Mark, RecordRef, WriteEntry } from '../model/entry.ts'
import { isConditional } from '../model/fold.ts'
import type { Position } from '../model/position.ts'

export interface EntryHandle {
  readonly partition: number
  readonly id: EntryId
  readonly knownEnd: Position
  /** Offset and digest of the journal entry at `knownEnd`: another journal has another one there. */
  readonly knownOffset: number
  readonly knownDigest: string
  /** The record that it writes; of a frame the first. */
  readonly ref: RecordRef
  /** How many writes it has. */
  readonly writes: number
  /** Whether a condition had to hold. */
  readonly conditional: boolean
}

const PREFIX = 'e1.'
const LENGTH_MAX = 4_096

export function handleOf(partition: number, entry: WriteEntry, known: Mark): EntryHandle {
  const { collection, key } = entry.writes[0] as RecordRef
  return {
    partition,
    id: entry.id,
    knownEnd: entry.knownEnd,
    knownOffset: known.offset,
    knownDigest: known.digest,
    ref: { collection, key },
    writes: entry.writes.length,
    conditional: isConditional(entry),
  }
}

export function formatHandle(handle: EntryHandle): string {
  const { partition, id, knownEnd, knownOffset, knownDigest, ref, writes, conditional } = handle
  const fields = [
    partition,
    knownEnd,
    knownOffset,
    writes,
    conditional ? 1 : 0,
    id,
    knownDigest,
    ref.collection,
    ref.key,
  ]
  return PREFIX + Buffer.from(JSON.stringify(fields)).toString('base64url')
}

/** Rejects with `invalid` what `formatHandle` did not make. */
export function parseHandle(text: string): EntryHandle {
  const bad = (): SpillwayError =>
    new SpillwayError(
      'invalid',
      'This is not an entry handle; pass the `entry` of an outcome-unknown answer unchanged.',
    )
  if (!text.startsWith(PREFIX) || text.length > LENGTH_MAX) throw bad()
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8'))
  } catch {
    throw bad()
  }
  if (!Array.isArray(fields) || fields.length !== 9) throw bad()
  const numbers = fields.slice(0, 5) as unknown[]
  const texts = fields.slice(5) as unknown[]
  if (!numbers.every((n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0)) throw bad()
  if (!texts.every((one) => typeof one === 'string')) throw bad()
  const [partition, knownEnd, knownOffset, writes, conditional] = numbers as [
    number,
    Position,
    number,
    number,
    number,
  ]
  const [id, knownDigest, collection, key] = texts as [string, string, string, string]
  if (id.length === 0 || id.length > 64 || writes === 0) throw bad()
  return {
    partition,
    id,
    knownEnd,
    knownOffset,
    knownDigest,
    ref: { collection, key },
    writes,
    conditional: conditional === 1,
  }
}
