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
import { isSpillwayError } from '../errors.ts'
import type { Mark } from '../model/entry.ts'
import { digestOf } from '../model/fold.ts'
import { countOf, formatPosition, generationOf } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { FusedFront } from '../ports/fused.ts'
import type { EngineContext } from './context.ts'

const LOOKS_MAX = 3

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
  /** Where the stream ends; undefined: it is not kept. */
  readonly stream: { readonly end: number } | undefined
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
  if (stream !== undefined) {
    const first = await firstIn(fused, partition)
    // The same position may be another entry, on the other side of a split.
    if (isTrimmed(end, first, survivors) || (await holds(fused, partition, end))) return []
  }
  const kept = stream !== undefined && generationOf(stream.end as Position) === generation ? stream.end : 0
  const survives = formatPosition(Math.max(known, kept) as Position)
  return [
    `partition ${partition} lost what was acknowledged after ${survives}, up to ${formatPosition(end.position)}`,
  ]
}

/**
 * What was trimmed was landed. A stream whose first entry is of a later generation may also have been emptied for that,
 * which is told apart by that nothing is trimmed across the border before the margin has landed behind it.
 */
function isTrimmed(end: Mark, first: Position | undefined, { landed, trimMargin }: Survivors): boolean {
  if (first === undefined || first <= end.offset) return false
  return generationOf(first) === generationOf(end.position) || countOf(landed) >= trimMargin
}

/** Where the stream's first entry is; undefined where there is none, or others trim faster than this can look. */
async function firstIn(fused: FusedFront, partition: number): Promise<Position | undefined> {
  for (let look = 1; look <= LOOKS_MAX; look += 1) {
    const { first } = await fused.journal.info(partition)
    try {
      const { entries } = await fused.journal.read(partition, first - 1, { entriesMax: 1, bytesMax: 1 })
      return entries[0]?.offset as Position | undefined
    } catch (error) {
      if (!isSpillwayError(error, 'journal-mismatch')) throw error
    }
  }
  return undefined
}

/** The same where another process began the generation, and what was there before is not known here. */
export async function lossSince(
  { database, settings }: Pick<EngineContext, 'database' | 'settings'>,
  fused: FusedFront,
  had: readonly Acknowledged[],
  generation: number,
): Promise<string[]> {
  const rows = await database.partitions()
  const losses = await Promise.all(
    had.map(async (one, partition) => {
      if (generationOf(one.end.position) >= generation) return []
      const landed = rows[partition]?.mark.position ?? one.landed
      const stream = await fused.journal.info(partition)
      return lossOf(fused, partition, one, { landed, stream, trimMargin: settings.trimMargin })
    }),
  )
  return losses.flat()
}

async function holds(fused: FusedFront, partition: number, mark: Mark): Promise<boolean> {
  const found = await fused.journal.at(partition, mark.offset)
  if (found === undefined) return false
  return digestOf(found.entry, generationOf(mark.position), found.offset) === mark.digest
}
