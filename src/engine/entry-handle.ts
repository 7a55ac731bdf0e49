/**
 * The handle of an entry whose outcome is unknown: all that any process needs to settle it later.
 *
 * Text, safe in URLs: `e1.` and base64url of JSON. It carries the entry's id and its known end (with the offset
 * there, so that the journal can be read from it), and the records it writes.
 */
import { SpillwayError } from '../errors.ts'
import type { EntryId, RecordRef } from '../model/entry.ts'
import type { Position } from '../model/position.ts'

export interface EntryHandle {
  readonly partition: number
  readonly id: EntryId
  readonly knownEnd: Position
  /** Offset of the journal entry at `knownEnd`. */
  readonly knownOffset: number
  readonly refs: readonly RecordRef[]
  /** Whether a condition had to hold. */
  readonly conditional: boolean
}

const PREFIX = 'e1.'

export function formatHandle(handle: EntryHandle): string {
  const { partition, id, knownEnd, knownOffset, refs, conditional } = handle
  const fields = [
    partition,
    id,
    knownEnd,
    knownOffset,
    conditional ? 1 : 0,
    ...refs.flatMap((ref) => [ref.collection, ref.key]),
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
  if (!text.startsWith(PREFIX) || text.length > 8 * 2 ** 20) throw bad()
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8'))
  } catch {
    throw bad()
  }
  if (!Array.isArray(fields)) throw bad()
  const [partition, id, knownEnd, knownOffset, conditional, ...names] = fields as unknown[]
  const whole = [partition, knownEnd, knownOffset, conditional].every(
    (n) => typeof n === 'number' && Number.isSafeInteger(n) && n >= 0,
  )
  const named = names.length >= 2 && names.length % 2 === 0 && names.every((name) => typeof name === 'string')
  if (!whole || !named || typeof id !== 'string' || id.length === 0 || id.length > 64) throw bad()
  const refs: RecordRef[] = []
  for (let index = 0; index < names.length; index += 2) {
    refs.push({ collection: names[index] as string, key: names[index + 1] as string })
  }
  return {
    partition: partition as number,
    id,
    knownEnd: knownEnd as Position,
    knownOffset: knownOffset as number,
    refs,
    conditional: conditional === 1,
  }
}
