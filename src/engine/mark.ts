/**
 * Does this journal continue that mark? Compared at start and on any jump, never skipped over.
 */
import type { Mark } from '../model/entry.ts'
import { digestOf } from '../model/fold.ts'
import { formatPosition, generationOf } from '../model/position.ts'
import type { Journal, JournalReader } from '../ports/journal.ts'
import type { EngineContext } from './context.ts'

/** A fused store reads its own end exactly; a journal beside a front also appends. */
export type ComparableJournal = JournalReader & Partial<Pick<Journal, 'append' | 'exclusive'>>

export function sameMark(a: Mark, b: Mark): boolean {
  return (
    a.position === b.position && a.offset === b.offset && a.digest === b.digest && a.journal === b.journal
  )
}

/** What is wrong, for people; undefined when the journal goes on right after the mark. Cost: two calls. */
export async function markProblem(
  context: EngineContext,
  journal: ComparableJournal,
  partition: number,
  mark: Mark,
): Promise<string | undefined> {
  const where = `partition ${partition}, position ${formatPosition(mark.position)}, offset ${mark.offset}`
  const info = await infoUpTo(context, journal, partition, mark.offset)
  if (mark.journal !== info.identity) {
    return `The store was written from journal ${mark.journal}, and this is journal ${info.identity} (${where}).`
  }
  if (mark.offset > info.end) {
    return `The store is past the journal's end at offset ${info.end}: the journal lost its tail (${where}).`
  }
  if (mark.offset + 1 < info.first) {
    return `The journal begins at offset ${info.first}, after entries that the store has not got (${where}).`
  }
  if (mark.offset === 0 || mark.offset < info.first) return undefined
  const stored = await journal.at(partition, mark.offset)
  if (stored === undefined) return `The journal has no entry at the store's offset (${where}).`
  if (digestOf(stored.entry, generationOf(mark.position), stored.offset) === mark.digest) return undefined
  return `The journal has another entry at the store's offset (${where}).`
}

/**
 * A stale leader of a shared journal may know an older end. A marker's own offset is above every entry that was
 * there before, so an end below `offset` counts only once a marker came to stand there too.
 */
async function infoUpTo(
  context: EngineContext,
  journal: ComparableJournal,
  partition: number,
  offset: number,
): ReturnType<JournalReader['info']> {
  const info = await journal.info(partition)
  if (info.end >= offset || journal.append === undefined || journal.exclusive === true) return info
  const [appended] = await journal.append([
    { partition, entries: [{ kind: 'marker', id: context.random.id() }] },
  ])
  return { ...info, end: Math.max(info.end, appended?.offsets[0] ?? 0) }
}
