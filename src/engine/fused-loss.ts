/**
 * What a fused store lost when it went back in time, as one process can tell it: what that process knew to be
 * acknowledged, against what is landed and what the stream still has.
 *
 *   ─────────── landed ─────────── kept by the stream ─────────── acknowledged ──▶
 *                                              └──────── lost ────────┘
 *
 * A process only knows of acknowledgements that it gave or followed (every `followMs`), so that several processes
 * may each report a part. The part before what is named is in the database or in the stream.
 */
import type { Mark } from '../model/entry.ts'
import { digestOf } from '../model/fold.ts'
import { formatPosition, generationOf } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { FusedFront } from '../ports/fused.ts'

/** What this process had seen acknowledged in a partition while it believed the store. */
export interface Acknowledged {
  readonly end: Mark
  /** Up to here it knew of that generation that it is landed. */
  readonly landed: Position
}

/** A sentence where both what is kept and what was landed end before what was acknowledged. */
export function lossOf(partition: number, { end, landed }: Acknowledged, kept: Position): string[] {
  const survives = Math.max(landed, kept) as Position
  if (survives >= end.position) return []
  return [
    `partition ${partition} lost what was acknowledged after ${formatPosition(survives)}, up to ${formatPosition(end.position)}`,
  ]
}

/** The same where another process began the generation: what was acknowledged here is looked for in its stream. */
export async function lossSince(
  fused: FusedFront,
  had: readonly Acknowledged[],
  generation: number,
): Promise<string[]> {
  const losses = await Promise.all(
    had.map(async (one, partition) => {
      const { end, landed } = one
      if (generationOf(end.position) >= generation || end.position <= landed) return []
      const found = await fused.journal.at(partition, end.offset)
      const same =
        found !== undefined && digestOf(found.entry, generationOf(end.position), found.offset) === end.digest
      return same ? [] : lossOf(partition, one, landed)
    }),
  )
  return losses.flat()
}
