/**
 * Does this journal continue that mark? Compared at start and on any jump, never skipped over.
 */
import type { Mark } from '../model/entry.ts'
import { digestOf } from '../model/fold.ts'
import { formatPosition, generationOf } from '../model/position.ts'
import type { JournalReader } from '../ports/journal.ts'

/** What is wrong, for people; undefined when the journal goes on right after the mark. Cost: two calls. */
export async function markProblem(journal: JournalReader, partition: number, mark: Mark): Promise<string | undefined> {
  const where = `partition ${partition}, position ${formatPosition(mark.position)}, offset ${mark.offset}`
  const info = await journal.info(partition)
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
