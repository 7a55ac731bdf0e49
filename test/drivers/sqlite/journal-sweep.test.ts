import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JournalFile } from '../../../src/drivers/sqlite/journal-file.ts'
import { planSweep } from '../../../src/drivers/sqlite/journal-sweep.ts'
import { commit, idsIn, journalDirectory, openFile, put } from './journal-bench.ts'
import type { JournalDirectory } from './journal-bench.ts'

const PARTITIONS = 3

let directory: JournalDirectory
let file: JournalFile

beforeEach(() => {
  directory = journalDirectory()
  file = openFile(directory.path, { partitions: PARTITIONS })
})
afterEach(() => {
  file.close()
  directory.remove()
})

function trim(partition: number, offset: number): void {
  while (file.trim(partition, offset)) {
    // Step by step.
  }
  file.checkpointIfDue()
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ append: fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ trim: fc.nat(PARTITIONS - 1), keep: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.constant({ reopen: true } as const) },
)

test('whatever is appended and trimmed, every partition has what was not trimmed, also after it was opened again', () => {
  const appended: string[][] = [[], [], []]
  const trimmed = [0, 0, 0]
  const compare = (): void => {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const first = file.first(partition)
      expect(file.end(partition)).toBe(appended[partition]?.length)
      // A trim that was not followed by a sweep is done again after a restart: more may be there.
      expect(first).toBeLessThanOrEqual((trimmed[partition] as number) + 1)
      expect(idsIn(file, partition)).toEqual(appended[partition]?.slice(first - 1))
    }
  }
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 150 }), (steps) => {
      for (const one of steps) {
        if ('append' in one) {
          const entries = one.append.map((count, partition) =>
            Array.from({ length: count }, (_, i) =>
              put(`p${partition}-${(appended[partition]?.length ?? 0) + i}`),
            ),
          )
          if (entries.every((list) => list.length === 0)) continue
          commit(file, ...entries)
          entries.forEach((list, partition) => appended[partition]?.push(...list.map(({ id }) => id)))
        } else if ('trim' in one) {
          const to = Math.max(trimmed[one.trim] as number, file.end(one.trim) - one.keep)
          trimmed[one.trim] = to
          trim(one.trim, to)
        } else {
          file.close()
          file = openFile(directory.path, { partitions: PARTITIONS })
        }
      }
      compare()
    }),
    { numRuns: 25 },
  )
})

describe('a partition that lags', () => {
  function uneven(n: number): void {
    commit(file, n % 10 === 0 ? [put(`lagging-${n}`)] : [], [put(`a-${n}`, 2_000)], [put(`b-${n}`, 2_000)])
  }

  test('keeps its own entries, and not those of the others', () => {
    for (let n = 0; n < 4_000; n += 1) {
      uneven(n)
      if (n % 50 === 49) for (const partition of [1, 2]) trim(partition, file.end(partition) - 10)
    }
    expect(idsIn(file, 0)).toEqual(Array.from({ length: 400 }, (_, i) => `lagging-${i * 10}`))
    expect(idsIn(file, 1)).toHaveLength(10)
    // Without it, 16 MB would be kept.
    expect(file.bytesUsed).toBeLessThan(1_500_000)
  })

  test('has them still after kill -9 and a restart', () => {
    for (let n = 0; n < 600; n += 1) {
      uneven(n)
      if (n % 50 === 49) for (const partition of [1, 2]) trim(partition, file.end(partition) - 10)
    }
    const crashed = openFile(directory.copied(), { partitions: PARTITIONS })
    try {
      expect(idsIn(crashed, 0)).toEqual(idsIn(file, 0))
      expect(crashed.end(1)).toBe(600)
      expect(idsIn(crashed, 2).slice(-10)).toEqual(idsIn(file, 2))
    } finally {
      crashed.close()
    }
  })
})

describe('the plan of a step', () => {
  const head = (n: number, ...lasts: number[]) => ({
    n,
    sections: lasts.map((last, partition) => ({ partition, entries: 1, first: last, at: 0, length: 100 })),
    length: lasts.length * 100,
  })

  test('takes blocks that nobody needs, and merges nothing while more than a quarter is needed', () => {
    expect(planSweep([head(1, 1, 1), head(2, 2, 2), head(3, 3, 3)], [2, 1])).toMatchObject({
      to: 3,
      gone: [1],
      merged: [],
      entries: 2,
      isAll: false,
    })
  })

  test('merges what is left where a quarter or less is needed', () => {
    const heads = [head(1, 1, 1, 1, 1), head(2, 2, 2, 2, 2), head(4, 3, 3, 3, 3)]
    expect(planSweep(heads, [3, 3, 3, 1])).toMatchObject({
      to: 4,
      gone: [1],
      merged: [2, 4],
      entries: 10,
      bytes: 200,
    })
  })

  test('leaves blocks as they are where nothing is in vain', () => {
    expect(planSweep([head(5, 9, 9)], [0, 0])).toMatchObject({ gone: [], merged: [], entries: 0 })
  })
})
