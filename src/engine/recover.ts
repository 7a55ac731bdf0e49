/**
 * What happens at open before anything is served, for a separate journal.
 *
 *   database's positions            journal                        what follows
 *   ──────────────────────────────  ─────────────────────────────  ─────────────────────────────────────────
 *   none                            never trimmed (or empty)       begin generation 1 at its first entry
 *   none                            trimmed                        journal-mismatch: that database is not this one
 *   continued by the journal        -                              read on from there
 *   not continued                   -                              journal-mismatch; with acceptLoss a new
 *                                                                  generation begins at the journal's end
 *   continued, positions run out    -                              the next generation begins
 *
 * The generation is issued by the database first and opened in the journal afterwards: a crash in between leaves
 * a generation without opening entry, which the next open appends.
 */
import { SpillwayError, isSpillwayError } from '../errors.ts'
import type { Mark } from '../model/entry.ts'
import { digestOf, markAtOrigin } from '../model/fold.ts'
import { COUNT_MAX, GENERATION_MAX, countOf, generationOf } from '../model/position.ts'
import type { Position } from '../model/position.ts'
import type { PartitionRow } from '../ports/database.ts'
import type { JournalReader } from '../ports/journal.ts'
import type { EngineContext } from './context.ts'
import { markProblem, sameMark } from './mark.ts'
import type { ComparableJournal } from './mark.ts'

export interface Recovered {
  readonly generation: number
  readonly rows: readonly PartitionRow[]
}

export async function recoverPositions(
  context: EngineContext,
  journal: ComparableJournal,
  partitions: number,
  acceptLoss: boolean,
): Promise<Recovered> {
  // Another process may begin a generation at the same time; the loser looks again.
  for (let attempt = 1; attempt <= 8; attempt += 1) {
    const rows = await context.database.partitions()
    if (rows.length > 0 && rows.length !== partitions) {
      throw new SpillwayError(
        'journal-mismatch',
        `The database has ${rows.length} partitions and the journal ${partitions}: they do not belong together.`,
      )
    }
    let next: NextMarks | undefined
    try {
      next =
        rows.length === 0
          ? await firstMarks(journal, partitions)
          : await nextMarks(context, journal, rows, acceptLoss)
    } catch (error) {
      // Others may have landed and trimmed past what was read here: only a database that stood still is judged.
      if (isSpillwayError(error, 'journal-mismatch') && (await hasMoved(context, rows))) continue
      throw error
    }
    if (next === undefined) return { generation: generationOfRows(rows), rows }
    const generation = generationOfRows(rows) + 1
    if (generation > GENERATION_MAX)
      throw new SpillwayError(
        'journal-mismatch',
        `All ${GENERATION_MAX} generations are used; move the tables to a new database.`,
      )
    const expected = rows.length === 0 ? next.marks.map(() => undefined) : rows.map((row) => row.mark)
    const begun = await context.database.beginGeneration(generation, next.marks, expected)
    if (begun === 'begun' && next.reason !== undefined) {
      context.report({ name: 'generation-raised', detail: `generation ${generation}: ${next.reason}` })
    }
  }
  throw new SpillwayError(
    'unavailable',
    'Other processes kept changing the generation while this one opened; try again.',
  )
}

/** True when the database is not where these rows say any more. */
export async function hasMoved(context: EngineContext, rows: readonly PartitionRow[]): Promise<boolean> {
  const now = await context.database.partitions()
  return (
    now.length !== rows.length || now.some((row, at) => !sameMark(row.mark, (rows[at] as PartitionRow).mark))
  )
}

function generationOfRows(rows: readonly PartitionRow[]): number {
  return rows.reduce((max, row) => Math.max(max, row.generation), 0)
}

interface NextMarks {
  readonly marks: readonly Mark[]
  readonly reason: string | undefined
}

/** A database without positions may only begin at the very first entry of a journal. */
async function firstMarks(journal: JournalReader, partitions: number): Promise<NextMarks> {
  const marks: Mark[] = []
  for (let partition = 0; partition < partitions; partition += 1) {
    const info = await journal.info(partition)
    if (info.first > 1) {
      throw new SpillwayError(
        'journal-mismatch',
        `The database has no positions, but partition ${partition} of the journal was already landed somewhere up to offset ${info.first - 1}. ` +
          'Open it with the database that it belongs to, or use a new journal.',
      )
    }
    marks.push(markAtOrigin(info.identity))
  }
  return { marks, reason: undefined }
}

/** Undefined where the journal simply continues. */
async function nextMarks(
  context: EngineContext,
  journal: ComparableJournal,
  rows: readonly PartitionRow[],
  acceptLoss: boolean,
): Promise<NextMarks | undefined> {
  const problems: string[] = []
  const marks: Mark[] = []
  let full = false
  for (const row of rows) {
    const problem = await markProblem(context, journal, row.partition, row.mark)
    if (problem !== undefined) problems.push(problem)
    marks.push(problem === undefined ? row.mark : await markAtEnd(journal, row.partition, row.mark.position))
    if (countOf(row.mark.position) > COUNT_MAX / 2) full = true
  }
  if (problems.length === 0)
    return full ? { marks, reason: 'the positions of the last one are half used' } : undefined
  if (!acceptLoss) {
    throw new SpillwayError(
      'journal-mismatch',
      `${problems[0]} Bring back the journal that belongs to this database; or, to go on with what the database has and lose ` +
        'what only the journal had, open once with acceptLoss (--accept-loss).',
    )
  }
  return { marks, reason: `loss was accepted: ${problems.join(' ')}` }
}

async function markAtEnd(journal: JournalReader, partition: number, position: Position): Promise<Mark> {
  const info = await journal.info(partition)
  const last = info.end > 0 ? await journal.at(partition, info.end) : undefined
  const digest = last === undefined ? '' : digestOf(last.entry, generationOf(position), last.offset)
  return { journal: info.identity, position, offset: info.end, digest }
}
