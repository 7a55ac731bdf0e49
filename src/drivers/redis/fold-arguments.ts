/** A fold as the arguments that `start` of shared.lua reads. */
import type { FoldSnapshot } from '../../ports/front.ts'

export function foldArguments(fold: FoldSnapshot): (string | number)[] {
  const { mark, voids, seals, refused, refusedFrom } = fold
  return [
    mark.position,
    mark.offset,
    mark.journal,
    mark.digest,
    refusedFrom,
    voids.length,
    ...voids.flat(),
    seals.length,
    ...seals.flat(),
    refused.length,
    ...refused,
  ]
}
