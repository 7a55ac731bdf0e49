/**
 * What a fused store lost when it went back in time, as one process can tell it: what that process knew to be
 * acknowledged, against what is landed and what the stream still has.
 *
 *   ─────────── landed ─────────── kept by the stream ─────────── acknowledged ──▶
 *                                              └──────── lost ────────┘
 *
 * A process only knows of acknowledgements that it gave or followed (follow-pace.ts: 250 ms late at most), so that
 * several processes may each report a part. The part before what is named is in the database or in the stream.
 */
import type { Mark } from '../model/entry.ts'
import { digestOf } from '../model/fold.ts'
import { countOf, formatPosition, generationOf } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { FusedFront } from '../ports/fused.ts'

/** What this process had seen acknowledged in a partition while it believed the store. */
export interface Acknowledged {
  readonly end: Mark
  /** Up to here it knew of that generation that it is landed. */
  readonly landed: Position
}

/** What of a partition is there after the store has gone back. `trimMargin`: trim.ts keeps so many of a generation. */
export interface Survivors {
  /** Where the database is. */
  readonly landed: Position
  /** The first and the last offset of the stream; undefined: it is not kept. */
  readonly stream: { readonly first: number; readonly end: number } | undefined
  readonly trimMargin: number
}

/** A sentence where what was acknowledged last is neither landed nor in the stream that is kept. */
export async function lossOf(
  fused: FusedFront,
  partition: number,
  { end, landed }: Acknowledged,
  survivors: Survivors,
): Promise<string[]> {
  const generation = generationOf(end.position)
  // The database in another generation, by another process, says nothing of how far this one's was landed.
  const known = generationOf(survivors.landed) === generation ? survivors.landed : landed
  if (known >= end.position) return []
  const { stream } = survivors
  // The same position may be another entry, on the other side of a split.
  if (stream !== undefined && (isTrimmed(end, survivors) || (await holds(fused, partition, end)))) return []
  const kept = stream !== undefined && generationOf(stream.end as Position) === generation ? stream.end : 0
  const survives = formatPosition(Math.max(known, kept) as Position)
  return [
    `partition ${partition} lost what was acknowledged after ${survives}, up to ${formatPosition(end.position)}`,
  ]
}

/**
 * What was trimmed was landed. A stream that begins in a later generation may also have been emptied for it, which is
 * told apart by that nothing is trimmed across the border before the margin has landed behind it.
 */
function isTrimmed(end: Mark, { landed, stream, trimMargin }: Survivors): boolean {
  if (stream === undefined || stream.first <= end.offset) return false
  return (
    generationOf(stream.first as Position) === generationOf(end.position) || countOf(landed) >= trimMargin
  )
}

/** The same where another process began the generation, and what was there before is not known here. */
export async function lossSince(
  fused: FusedFront,
  had: readonly Acknowledged[],
  generation: number,
): Promise<string[]> {
  const losses = await Promise.all(
    had.map(async (one, partition) =>
      generationOf(one.end.position) >= generation
        ? []
        : lossOf(fused, partition, one, {
            landed: one.landed,
            stream: { first: 0, end: 0 },
            trimMargin: 0,
          }),
    ),
  )
  return losses.flat()
}

async function holds(fused: FusedFront, partition: number, mark: Mark): Promise<boolean> {
  const found = await fused.journal.at(partition, mark.offset)
  if (found === undefined) return false
  return digestOf(found.entry, generationOf(mark.position), found.offset) === mark.digest
}
