/**
 * Raising the generation of a fused store, because its journal may have lost entries (a failover, a restart from
 * an old dump) or because there never was one.
 *
 *   1. the stream is fenced at 1 + the highest generation known anywhere: writers of older ones are turned away, so
 *      that it stands still. Without this, what another process had opened meanwhile could be thrown away
 *   2. each partition: the stream is compared with the database's mark
 *        continues it  ─▶ values are kept, the rest of the stream will land
 *        does not      ─▶ the partition is emptied and starts at the database's fold; its mark is the opening
 *        begins later  ─▶ journal-mismatch: the database lacks what was landed and trimmed, and the stream may be all
 *                         that is left. With acceptLoss it is emptied
 *   3. the database issues the generation, for all partitions in one transaction; from then on no lander of the
 *      old side can commit
 *   4. the opening entry is appended, with the identity that answers now, if that is the one that was compared and the
 *      fence is still this one
 *
 * A crash in between leaves a store that is fenced, and the next process raises again. What was acknowledged and is
 * not in the stream any more is lost; it is reported.
 */
import { SpillwayError } from '../errors.ts'
import type { Mark } from '../model/entry.ts'
import { digestOf, markAtOrigin } from '../model/fold.ts'
import { GENERATION_MAX, ORIGIN, formatPosition, generationOf, position } from '../model/position.ts'
import type { PartitionRow } from '../ports/database.ts'
import type { FoldSnapshot, FrontSeen } from '../ports/front.ts'
import type { FusedFront } from '../ports/fused.ts'
import type { JournalPartitionInfo } from '../ports/journal.ts'
import { fusedJournalName, fusedOpening } from '../ports/fused.ts'
import type { EngineContext } from './context.ts'
import { lossOf } from './fused-loss.ts'
import type { Acknowledged } from './fused-loss.ts'
import { markProblem } from './mark.ts'
import { ownedName } from './owned-stream.ts'
import { hasMoved } from './recover.ts'
import type { OwnedStream } from './owned-stream.ts'

/** What a process speaks for after a raise: the generation, and what each partition answered when it was opened. */
export interface Raised {
  readonly generation: number
  readonly seen: readonly FrontSeen[]
  /** Whether this process raised it, and has reported what was lost. */
  readonly here: boolean
}

/** Fences tried before this process leaves the raise to the others. */
const FENCES_MAX = 8

export async function raiseGeneration(
  context: EngineContext,
  fused: FusedFront,
  stream: OwnedStream,
  acknowledged: () => readonly Acknowledged[],
): Promise<Raised> {
  const generation = await fenceAll(context, fused)
  // From here on the stream stands still: what is compared now is what will be kept.
  const rows = await context.database.partitions()
  const compared = await each(fused.partitions, (partition) =>
    compare(context, fused, stream, partition, rows[partition]),
  )
  const keeps = compared.map(({ keep }) => keep)
  await refuseLater(context, stream, rows, compared)
  // Up to the fence this process may have gone on acknowledging.
  const had = acknowledged()
  const losses = await each(had.length, (partition) =>
    lossOf(fused, partition, had[partition] as Acknowledged, {
      landed: rows[partition]?.mark.position ?? ORIGIN,
      stream: keeps[partition] === true ? compared[partition]?.info : undefined,
      trimMargin: context.settings.trimMargin,
    }),
  )
  const lost = losses.flat()
  const marks = keeps.map((keep, partition) => markFor(generation, stream.owner, keep, rows[partition]))
  const begun = await context.database.beginGeneration(
    generation,
    marks,
    rows.length === 0 ? marks.map(() => undefined) : rows.map((row) => row.mark),
  )
  if (begun === 'moved') throw overtaken()
  const seen: FrontSeen[] = []
  for (const [partition, { identity, keep }] of compared.entries()) {
    // The fold as it was before the raise: its mark is right before the opening entry.
    const fold = rows[partition] ?? EMPTY_FOLD
    const opened = await fused.openGeneration(partition, identity, generation, keep, fold)
    if (opened.mark === undefined || generationOf(opened.mark.position) !== generation) throw overtaken()
    seen.push(opened)
  }
  await stream.takenOver()
  // The very first generation follows nothing that could be lost.
  if (generation > 1)
    context.report({ name: 'generation-raised', detail: [`generation ${generation}`, ...lost].join('; ') })
  return { generation, seen, here: true }
}

function overtaken(): SpillwayError {
  return new SpillwayError('recovering', 'Another process raises the generation, or landed meanwhile; retry.')
}

/** Closes every partition to older generations, with one that is higher than all that is known anywhere. */
async function fenceAll(context: EngineContext, fused: FusedFront): Promise<number> {
  const rows = await context.database.partitions()
  const states = await each(fused.partitions, (partition) => fused.front.state(partition))
  let highest = Math.max(
    0,
    ...rows.map((row) => row.generation),
    ...states.map((seen) => (seen.mark === undefined ? 0 : generationOf(seen.mark.position))),
  )
  for (let attempt = 1; attempt <= FENCES_MAX; attempt += 1) {
    const generation = highest + 1
    if (generation > GENERATION_MAX)
      throw new SpillwayError(
        'journal-mismatch',
        `All ${GENERATION_MAX} generations are used; move the tables to a new database.`,
      )
    highest = Math.max(...(await each(fused.partitions, (partition) => fused.fence(partition, generation))))
    if (highest === generation) return generation
  }
  throw overtaken()
}

const EMPTY_FOLD: FoldSnapshot = {
  mark: markAtOrigin(fusedJournalName(0)),
  voids: [],
  seals: [],
  refused: [],
  refusedFrom: ORIGIN,
}

interface Compared {
  /** Whose stream it is that was compared. */
  readonly identity: string
  readonly info: JournalPartitionInfo
  /** The stream is the continuation of what the database has. */
  readonly keep: boolean
}

/** Reads and writes may go to two servers while an address moves: what was compared has a name, and only that is opened. */
async function compare(
  context: EngineContext,
  fused: FusedFront,
  stream: OwnedStream,
  partition: number,
  row: PartitionRow | undefined,
): Promise<Compared> {
  const { identity } = await fused.front.state(partition)
  const info = await stream.journal.info(partition)
  const keep =
    row !== undefined &&
    !stream.foreign &&
    (await markProblem(context, stream.journal, partition, { ...row.mark, journal: info.identity })) ===
      undefined
  if ((await fused.front.state(partition)).identity !== identity) throw overtaken()
  return { identity, info, keep }
}

/** A database that is behind all that the stream has (an old backup) is not a stream that lost something. */
async function refuseLater(
  context: EngineContext,
  stream: OwnedStream,
  rows: readonly PartitionRow[],
  compared: readonly Compared[],
): Promise<void> {
  const late = rows.find(({ partition, mark }) => {
    const one = compared[partition]
    return one !== undefined && !one.keep && mark.offset + 1 < one.info.first && mark.offset < one.info.end
  })
  if (late === undefined || stream.acceptLoss) return
  // Others may have landed and trimmed past what was read here: only a database that stood still is judged.
  if (await hasMoved(context, rows)) throw overtaken()
  throw new SpillwayError(
    'journal-mismatch',
    `The stream of partition ${late.partition} begins after ${formatPosition(late.mark.position)}, where the database is: what was landed and trimmed in between is not in this database. Bring back the database that belongs to the stream; or, to go on with what the database has and lose what only the stream has, open once with acceptLoss (--accept-loss).`,
  )
}

/** Kept: right where the database is. Emptied: the opening entry itself, the first that will be in the stream. */
function markFor(generation: number, owner: string, keep: boolean, row: PartitionRow | undefined): Mark {
  const journal = ownedName(fusedJournalName(generation), owner)
  if (keep && row !== undefined) return { ...row.mark, journal }
  const opening = position(generation, 0)
  return {
    journal,
    position: opening,
    offset: opening,
    digest: digestOf(fusedOpening(generation), generation, opening),
  }
}

function each<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)))
}
