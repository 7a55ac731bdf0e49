import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JournalFile } from '../../../src/drivers/sqlite/journal-file.ts'
import { SpillwayError } from '../../../src/errors.ts'
import { openSqlite } from '../../../src/runtime/sqlite.ts'
import { commit, idsIn, journalDirectory, openFile, put } from './journal-bench.ts'
import type { JournalDirectory } from './journal-bench.ts'

const COMMITS = 12

let directory: JournalDirectory
let file: JournalFile | undefined

beforeEach(() => {
  directory = journalDirectory()
})
afterEach(() => {
  file?.close()
  file = undefined
  directory.remove()
})

/** Commit n brings n entries to partition 0 and one to partition 1. */
function filled(): JournalFile {
  const journal = openFile(directory.path)
  for (let n = 1; n <= COMMITS; n += 1) {
    const entries = Array.from({ length: n }, (_, i) => put(`c${n}-${i}`, 50 + 200 * i))
    commit(journal, entries, [put(`c${n}`)])
  }
  return journal
}

/** What partition 0 has after `commits` commits. */
function idsAfter(commits: number): string[] {
  const ids: string[] = []
  for (let n = 1; n <= commits; n += 1) for (let i = 0; i < n; i += 1) ids.push(`c${n}-${i}`)
  return ids
}

/** Everything in the file, or why it cannot be had. */
function contentOf(path: string): { ids: string[]; commits: string[]; identity: string } | SpillwayError {
  let opened: JournalFile | undefined
  try {
    opened = openFile(path)
    return { ids: idsIn(opened, 0), commits: idsIn(opened, 1), identity: opened.identity }
  } catch (error) {
    if (error instanceof SpillwayError) return error
    throw error
  } finally {
    opened?.close()
  }
}

/** Both partitions stand at the same commit, nothing before it is missing; how many commits there are. */
function wholeCommits(path: string): number {
  const content = contentOf(path)
  if (content instanceof SpillwayError) throw content
  const commits = content.commits.length
  expect(content.commits).toEqual(Array.from({ length: commits }, (_, i) => `c${i + 1}`))
  expect(content.ids).toEqual(idsAfter(commits))
  return commits
}

function flip(path: string, at: number, bits: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ bits
  writeFileSync(path, bytes)
}

describe('the write-ahead log of a crash', () => {
  test('whole, it gives everything', () => {
    file = filled()
    expect(wholeCommits(directory.copied())).toBe(COMMITS)
  })

  test('cut off anywhere, it gives the commits before the cut, whole', () => {
    file = filled()
    const size = statSync(`${directory.path}-wal`).size
    const seen = new Set<number>()
    for (let i = 0; i <= 40; i += 1) {
      const copy = directory.copied()
      truncateSync(`${copy}-wal`, Math.floor((size * i) / 40))
      seen.add(wholeCommits(copy))
    }
    expect(seen.size).toBeGreaterThan(COMMITS / 2)
    expect(Math.min(...seen)).toBe(0)
  })

  test('with a byte changed anywhere, it gives the commits before it, whole', () => {
    file = filled()
    const size = statSync(`${directory.path}-wal`).size
    fc.assert(
      fc.property(fc.nat(size - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const copy = directory.copied()
        flip(`${copy}-wal`, at, bits)
        expect(wholeCommits(copy)).toBeLessThanOrEqual(COMMITS)
        rmSync(copy)
      }),
      { numRuns: 40 },
    )
  })

  test('missing, it leaves the same journal at an earlier commit', () => {
    file = filled()
    const copy = directory.copied()
    rmSync(`${copy}-wal`)
    expect(wholeCommits(copy)).toBe(0)
    const content = contentOf(copy)
    expect((content as { identity: string }).identity).toBe(file.identity)
  })
})

describe('a damaged file', () => {
  test('with a byte changed anywhere, nothing is wrong without being said', () => {
    filled().close()
    const size = statSync(directory.path).size
    let refused = 0
    fc.assert(
      fc.property(fc.nat(size - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const copy = directory.copied()
        flip(copy, at, bits)
        const content = contentOf(copy)
        if (content instanceof SpillwayError) {
          refused += 1
          expect(['journal-mismatch', 'invalid', 'unavailable']).toContain(content.code)
        } else {
          expect(content.ids).toEqual(idsAfter(COMMITS))
          expect(content.commits).toHaveLength(COMMITS)
        }
        rmSync(copy)
      }),
      { numRuns: 150 },
    )
    expect(refused).toBeGreaterThan(0)
  })

  test('cut off in the middle, it is refused', () => {
    filled().close()
    for (const share of [0.1, 0.5, 0.9]) {
      const copy = directory.copied()
      truncateSync(copy, Math.floor(statSync(copy).size * share))
      expect(contentOf(copy)).toMatchObject({ code: 'journal-mismatch' })
    }
  })

  test.each([
    ['a block in the middle', 'DELETE FROM block WHERE n = 4'],
    ['the first block', 'DELETE FROM block WHERE n = 1'],
    ['the newest block', 'DELETE FROM block WHERE n = (SELECT max(n) FROM block)'],
    ['the record of the ends', 'DELETE FROM spillway_state'],
    ['what identifies it', 'DELETE FROM spillway_journal'],
    ['a table', 'DROP TABLE block'],
  ])('without %s it is refused', (_, sql) => {
    filled().close()
    const db = openSqlite(directory.path)
    db.exec(sql)
    db.close()
    expect(contentOf(directory.path)).toMatchObject({ code: 'journal-mismatch' })
  })

  test.each([
    ['with other bytes', `UPDATE block SET bytes = zeroblob(length(bytes)) WHERE n = 1`],
    [
      "with another one's content",
      `UPDATE block SET (head, crc, bytes) = (SELECT head, crc, bytes FROM block WHERE n = 1) WHERE n = 2`,
    ],
    ['with another head', `UPDATE block SET head = (SELECT head FROM block WHERE n = 1) WHERE n = 2`],
  ])('a block %s is refused', (_, sql) => {
    filled().close()
    const db = openSqlite(directory.path)
    db.exec(sql)
    db.close()
    expect(contentOf(directory.path)).toMatchObject({ code: 'journal-mismatch' })
  })
})

describe('a file that is no journal of ours', () => {
  test("another program's SQLite file is refused and left as it was", () => {
    const db = openSqlite(directory.path)
    db.exec('CREATE TABLE customers (id INTEGER PRIMARY KEY); INSERT INTO customers VALUES (1)')
    db.close()
    const before = readFileSync(directory.path)
    expect(contentOf(directory.path)).toMatchObject({ code: 'invalid' })
    expect(Buffer.compare(readFileSync(directory.path), before)).toBe(0)
  })

  test('a file that is not SQLite is refused and left as it was', () => {
    writeFileSync(directory.path, 'x'.repeat(10_000))
    expect(contentOf(directory.path)).toMatchObject({ code: 'journal-mismatch' })
    expect(readFileSync(directory.path, 'utf8')).toBe('x'.repeat(10_000))
  })

  test('a journal of another number of partitions is refused, naming both', () => {
    filled().close()
    expect(() => openFile(directory.path, { partitions: 3 })).toThrow(
      /with 2 partitions and is opened with 3/,
    )
    expect(wholeCommits(directory.path)).toBe(COMMITS)
  })

  test('a journal of another format is refused, naming both', () => {
    filled().close()
    const db = openSqlite(directory.path)
    db.exec('UPDATE spillway_journal SET format = 1')
    db.close()
    expect(() => openFile(directory.path)).toThrow(/has journal format 1; this version of Spillway reads 2/)
  })

  test('a directory in its place is refused', () => {
    expect(contentOf(`${directory.path}/..`)).toMatchObject({ code: 'unavailable' })
  })
})
