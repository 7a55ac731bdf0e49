/** Journal files for tests: made, filled, damaged and read without a worker thread. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JournalFile } from '../../../src/drivers/sqlite/journal-file.ts'
import type { ReadAnswer } from '../../../src/drivers/sqlite/journal-messages.ts'
import { BLOCK_FIELDS } from '../../../src/drivers/sqlite/journal-messages.ts'
import { EntryReader, EntryWriter } from '../../../src/model/entry-codec.ts'
import type { Entry } from '../../../src/model/entry.ts'
import { position } from '../../../src/model/position.ts'
import { plainValue } from '../../../src/model/value.ts'

export const PARTITIONS = 2

export interface JournalDirectory {
  readonly path: string
  /** The same files elsewhere, as a crash at this moment would leave them. */
  copied(): string
  remove(): void
}

export function journalDirectory(): JournalDirectory {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-journal-'))
  const path = join(directory, 'journal.db')
  let copies = 0
  return {
    path,
    copied() {
      copies += 1
      const copy = join(directory, `copy-${copies}.db`)
      for (const end of ['', '-wal']) if (existsSync(path + end)) copyFileSync(path + end, copy + end)
      return copy
    },
    remove: () => rmSync(directory, { recursive: true }),
  }
}

export function openFile(
  path: string,
  options: { readonly bytesMax?: number; readonly partitions?: number } = {},
): JournalFile {
  const { bytesMax = 2 ** 30, partitions = PARTITIONS } = options
  return new JournalFile({ path, partitions, bytesMax, newIdentity: `identity of ${path}` })
}

export function put(id: string, valueBytes = 100): Entry {
  const value = plainValue(new Uint8Array(valueBytes).fill(65 + (id.length % 20)))
  return {
    kind: 'write',
    id,
    knownEnd: position(1, 1),
    writes: [{ collection: 'forms', key: id, value, ifVersion: undefined }],
  }
}

/** Commits `entries` of each partition, in one transaction. */
export function commit(file: JournalFile, ...byPartition: readonly (readonly Entry[])[]): void {
  const writer = new EntryWriter(new ArrayBuffer(1024))
  const sections: number[] = []
  let hasWrites = false
  byPartition.forEach((entries, partition) => {
    if (entries.length === 0) return
    const from = writer.length
    for (const entry of entries) {
      writer.write(entry)
      hasWrites ||= entry.kind === 'write'
    }
    sections.push(partition, entries.length, from, writer.length - from)
  })
  file.append({ buffer: writer.buffer, sections, hasWrites })
}

/** Ids of all entries of a partition. */
export function idsIn(file: JournalFile, partition: number): string[] {
  const ids: string[] = []
  for (let after = file.first(partition) - 1; after < file.end(partition);) {
    const answer = file.read({ partition, after, entriesMax: 100, bytesMax: 2 ** 20 })
    after = addIds(answer, after, ids)
  }
  return ids
}

function addIds({ buffer, blocks }: ReadAnswer, after: number, ids: string[]): number {
  let last = after
  for (let i = 0; i < blocks.length; i += BLOCK_FIELDS) {
    const [first, count, at, length] = blocks.slice(i, i + BLOCK_FIELDS) as [number, number, number, number]
    const reader = new EntryReader(new Uint8Array(buffer, at, length))
    for (let offset = first; offset < first + count; offset += 1) {
      const { id } = reader.next()
      if (offset > after) ids.push(id)
    }
    last = first + count - 1
  }
  return last
}
