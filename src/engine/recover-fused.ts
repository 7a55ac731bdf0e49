/**
 * Raising the generation of a fused store, because its journal may have lost entries (a failover, a restart from
 * an old dump) or because there never was one.
 *
 *   1. the database issues 1 + the highest generation known anywhere, for all partitions in one transaction;
 *      from then on no lander of the old side can commit
 *   2. each partition: the stream is compared with the database's mark
 *        continues it  ─▶ values are kept, the rest of the stream will land
 *        does not      ─▶ the partition is emptied and starts at the database's fold; its mark is the opening
 *   3. the opening entry is appended, with the identity that answers now
 *
 * A crash between 1 and 3 leaves a store whose generation is older than the database's: it is fenced, and the next
 * process raises again. What was acknowledged and is not in the stream any more is lost; it is reported.
 */
import { SpillwayError } from '../errors.ts'
import type { Mark } from '../model/entry.ts'
import { digestOf, markAtOrigin } from '../model/fold.ts'
import { GENERATION_MAX, ORIGIN, formatPosition, generationOf, position } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { PartitionRow } from '../ports/database.ts'
import type { FoldSnapshot } from '../ports/front.ts'
import type { FusedFront } from '../ports/fused.ts'
import { fusedJournalName, fusedOpening } from '../ports/fused.ts'
import type { EngineContext } from './context.ts'
import { markProblem } from './mark.ts'

/** What this process had seen acknowledged in a partition; to say what a failover lost. */
export interface Acknowledged {
  readonly end: Position
}

export async function raiseGeneration(
  context: EngineContext,
  fused: FusedFront,
  acknowledged: readonly Acknowledged[],
): Promise<number> {
  const rows = await context.database.partitions()
  const states = await each(fused.partitions, (partition) => fused.front.state(partition))
  const infos = await each(fused.partitions, (partition) => fused.journal.info(partition))
  const highest = Math.max(
    0,
    ...rows.map((row) => row.generation),
    ...states.map((seen) => (seen.mark === undefined ? 0 : generationOf(seen.mark.position))),
  )
  const generation = highest + 1
  if (generation > GENERATION_MAX)
    throw new SpillwayError(
      'journal-mismatch',
      `All ${GENERATION_MAX} generations are used; move the tables to a new database.`,
    )
  const keeps = await each(fused.partitions, (partition) =>
    continues(context, fused, partition, rows[partition], infos[partition]?.identity),
  )
  const marks = keeps.map((keep, partition) => markFor(generation, keep, rows[partition]))
  const begun = await context.database.beginGeneration(
    generation,
    marks,
    rows.length === 0 ? marks.map(() => undefined) : rows.map((row) => row.mark),
  )
  if (begun === 'moved')
    throw new SpillwayError(
      'recovering',
      'Another process raises the generation, or landed meanwhile; retry.',
    )
  for (const [partition, keep] of keeps.entries()) {
    // The fold as it was before the raise: its mark is right before the opening entry.
    await fused.openGeneration(partition, generation, keep, rows[partition] ?? EMPTY_FOLD)
    reportLoss(context, partition, generation, acknowledged[partition]?.end, infos[partition]?.end)
  }
  return generation
}

const EMPTY_FOLD: FoldSnapshot = {
  mark: markAtOrigin(fusedJournalName(0)),
  voids: [],
  seals: [],
  refused: [],
  refusedFrom: ORIGIN,
}

/** True when the stream is the continuation of what the database has. */
async function continues(
  context: EngineContext,
  fused: FusedFront,
  partition: number,
  row: PartitionRow | undefined,
  identity: string | undefined,
): Promise<boolean> {
  if (row === undefined || identity === undefined) return false
  return (
    (await markProblem(context, fused.journal, partition, { ...row.mark, journal: identity })) === undefined
  )
}

/** Kept: right where the database is. Emptied: the opening entry itself, the first that will be in the stream. */
function markFor(generation: number, keep: boolean, row: PartitionRow | undefined): Mark {
  const journal = fusedJournalName(generation)
  if (keep && row !== undefined) return { ...row.mark, journal }
  const opening = position(generation, 0)
  return {
    journal,
    position: opening,
    offset: opening,
    digest: digestOf(fusedOpening(generation), generation, opening),
  }
}

function reportLoss(
  context: EngineContext,
  partition: number,
  generation: number,
  acknowledged: number | undefined,
  end: number | undefined,
): void {
  const had = (acknowledged ?? 0) as Position
  const has = (end ?? 0) as Position
  const lost =
    had > has
      ? `; acknowledged up to ${formatPosition(had)}, the stream ends at ${formatPosition(has)}: what is between is lost`
      : ''
  context.report({ name: 'generation-raised', partition, detail: `generation ${generation}${lost}` })
}

function each<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)))
}
