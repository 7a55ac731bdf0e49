/** What the heads of all blocks say when a file is opened: how far each partition goes, without a gap. */
import type { Blocks } from './journal-blocks.ts'
import type { Chapters } from './journal-chapters.ts'
import { gap, mismatch } from './journal-failures.ts'
import { lastOf } from './journal-head.ts'
import type { JournalState } from './journal-schema.ts'
import { isNeeded } from './journal-sweep.ts'

/** Heads of one query. */
const HEADS_PER_QUERY = 1_024

export interface Learned {
  readonly newest: number
  readonly ends: number[]
  /** Entries in the file. */
  readonly entries: number
}

/** Throws `journal-mismatch` where something is missing, or is there twice. */
export function learn(path: string, blocks: Blocks, chapters: Chapters, state: JournalState): Learned {
  const { trimmed } = state
  const ends = [...trimmed]
  const begun = new Set<number>()
  let newest = 0
  let entries = 0
  for (;;) {
    const heads = blocks.heads(newest + 1, HEADS_PER_QUERY)
    for (const { n, sections } of heads) {
      chapters.note(n, ends)
      newest = n
      for (const section of sections) {
        const { partition, first } = section
        const end = ends[partition]
        if (end === undefined)
          throw mismatch(path, `block ${n} is of partition ${partition}, and there are ${ends.length}`)
        entries += section.entries
        if (!isNeeded(section, trimmed)) continue
        // Of the first one that is needed some may be trimmed; whatever comes after it begins where it ends.
        if (first > end + 1 || (first <= end && begun.has(partition))) throw gap(path, partition, end + 1)
        begun.add(partition)
        ends[partition] = lastOf(section)
      }
    }
    if (heads.length < HEADS_PER_QUERY) break
  }
  state.ends.forEach((end, partition) => {
    const found = ends[partition] as number
    if (found < end) throw gap(path, partition, found + 1)
  })
  return { newest: Math.max(newest, state.newest), ends, entries }
}
