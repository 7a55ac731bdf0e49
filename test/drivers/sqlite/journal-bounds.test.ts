import { statSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JournalFile } from '../../../src/drivers/sqlite/journal-file.ts'
import type { Entry } from '../../../src/model/entry.ts'
import { commit, idsIn, journalDirectory, openFile, put } from './journal-bench.ts'
import type { JournalDirectory } from './journal-bench.ts'

let directory: JournalDirectory
let file: JournalFile

beforeEach(() => {
  directory = journalDirectory()
})
afterEach(() => {
  file.close()
  directory.remove()
})

function batch(n: number, valueBytes = 500): Entry[] {
  return Array.from({ length: 20 }, (_, i) => put(`${n}-${i}`, valueBytes))
}

/** Appends until the bound; how many commits there were. */
function fill(): number {
  for (let n = 0; ; n += 1) {
    try {
      commit(file, batch(n))
    } catch (error) {
      expect(error).toMatchObject({ code: 'overloaded' })
      expect(String(error)).toContain('journalBytesMax 1000000')
      return n
    }
  }
}

describe('a full journal', () => {
  test('turns writes away with nothing appended, and names the bound', () => {
    file = openFile(directory.path, { bytesMax: 1_000_000 })
    const commits = fill()
    expect(commits).toBeGreaterThan(20)
    expect(file.end(0)).toBe(commits * 20)
    expect(idsIn(file, 0)).toHaveLength(commits * 20)
    expect(file.bytesUsed).toBeLessThanOrEqual(1_000_000)
  })

  test('takes control entries past the bound, within a bound of their own', () => {
    file = openFile(directory.path, { bytesMax: 1_000_000 })
    fill()
    for (let n = 0; n < 10; n += 1) commit(file, [{ kind: 'marker', id: `m${n}` }])
    const flood = (): void => {
      for (let n = 0; n < 10_000; n += 1)
        commit(
          file,
          batch(n).map(({ id }) => ({ kind: 'marker', id })),
        )
    }
    expect(flood).toThrow(/overloaded/)
    expect(file.bytesUsed).toBeGreaterThan(1_000_000)
    expect(file.bytesUsed).toBeLessThanOrEqual(1_000_000 + 64 * 1024)
  })

  test('takes writes again once entries were trimmed', () => {
    file = openFile(directory.path, { bytesMax: 1_000_000 })
    fill()
    while (file.trim(0, file.end(0) - 200)) {
      // Step by step.
    }
    expect(fill()).toBeGreaterThan(10)
  })

  test('is bounded from the first append on', () => {
    file = openFile(directory.path, { bytesMax: 1_000_000 })
    expect(() => commit(file, [put('large', 1_000_000)])).toThrow(/overloaded/)
    expect(file.end(0)).toBe(0)
  })
})

test('a journal that is trimmed as fast as it is filled does not grow', () => {
  file = openFile(directory.path)
  const cycle = (n: number): void => {
    commit(file, batch(n, 5_000), batch(n, 5_000))
    for (const partition of [0, 1]) while (file.trim(partition, file.end(partition) - 100));
    file.checkpointIfDue()
  }
  for (let n = 0; n < 150; n += 1) cycle(n)
  const used = file.bytesUsed
  const size = statSync(directory.path).size
  expect(size).toBeGreaterThan(0)
  for (let n = 150; n < 450; n += 1) cycle(n)
  expect(file.bytesUsed).toBeLessThanOrEqual(used * 1.5)
  expect(statSync(directory.path).size).toBeLessThanOrEqual(size * 1.5)
  expect(statSync(`${directory.path}-wal`).size).toBeLessThan(64 * 1024 * 1024)
})
