/** What every journal promises, run on drivers and on the simulator's fakes alike. */
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isSpillwayError } from '../../src/errors.ts'
import type { Entry, StoredEntry } from '../../src/model/entry.ts'
import { position } from '../../src/model/position.ts'
import type { Journal, JournalRead } from '../../src/ports/journal.ts'
import { anyEntry } from './any-entry.ts'
import { write } from './line.ts'

export interface JournalUnderTest {
  /** Three partitions, nothing in them. */
  readonly journal: Journal
  /** Closes and opens the same journal again; a journal that cannot be reopened leaves it undefined. */
  reopen?(): Promise<Journal>
  close(): Promise<void>
}

export interface JournalMaker {
  open(): Promise<JournalUnderTest>
  /** Runs of the random round trip; default 30. */
  readonly runs?: number
}

const ALL = { entriesMax: 1_000, bytesMax: 64 * 1024 * 1024 }
let ids = 0

export function putEntry(key: string, json = '{}'): Entry {
  ids += 1
  return { kind: 'write', id: `put-${ids}`, knownEnd: position(1, ids), writes: [write(key, json)] }
}

function puts(count: number, json?: string): Entry[] {
  return Array.from({ length: count }, (_, i) => putEntry(`k${i}`, json))
}

export function journalSuite(name: string, maker: JournalMaker): void {
  describe(`journal: ${name}`, () => {
    let tested: JournalUnderTest
    let journal: Journal

    beforeEach(async () => {
      tested = await maker.open()
      journal = tested.journal
    })
    afterEach(async () => {
      await tested.close()
    })

    async function append(partition: number, entries: readonly Entry[]): Promise<readonly number[]> {
      const [appended] = await journal.append([{ partition, entries }])
      expect(appended?.partition).toBe(partition)
      return appended?.offsets ?? []
    }

    async function readAll(partition: number, after = 0, limits = ALL): Promise<StoredEntry[]> {
      const all: StoredEntry[] = []
      for (;;) {
        const { entries, atEnd } = await journal.read(partition, all.at(-1)?.offset ?? after, limits)
        all.push(...entries)
        if (atEnd) return all
        expect(entries.length).toBeGreaterThan(0)
      }
    }

    test('a new journal is empty and at its end', async () => {
      const info = await journal.info(0)
      expect(info.end).toBe(0)
      expect(info.first).toBe(1)
      expect(info.identity).not.toBe('')
      expect(await journal.read(0, 0, ALL)).toEqual({ entries: [], atEnd: true } satisfies JournalRead)
      expect(await journal.at(0, 1)).toBeUndefined()
    })

    test('every lane is one of those it names', () => {
      for (let partition = 0; partition < journal.partitions; partition += 1) {
        const lane = journal.laneOf(partition)
        expect(lane).toBeGreaterThanOrEqual(0)
        expect(lane).toBeLessThan(journal.lanes)
      }
    })

    test('what was appended is read back in order, at the offsets that were answered', async () => {
      const entries = [
        ...puts(3),
        { kind: 'void', id: 'v', target: 'put-1' } as const,
        { kind: 'seal', id: 's', collection: 'forms' } as const,
        { kind: 'opening', id: 'o', generation: 7 } as const,
        { kind: 'marker', id: 'm' } as const,
      ]
      const offsets = [...(await append(1, entries.slice(0, 4))), ...(await append(1, entries.slice(4)))]
      expect(await readAll(1)).toEqual(entries.map((entry, i) => ({ offset: offsets[i], entry })))
      expect([...offsets].sort((a, b) => a - b)).toEqual(offsets)
      expect(new Set(offsets).size).toBe(offsets.length)
      const info = await journal.info(1)
      if (journal.exclusive) expect(info).toMatchObject({ first: 1, end: offsets.length })
    })

    test('one append brings entries to several partitions, each with its own order', async () => {
      const a = puts(3)
      const b = puts(2)
      const appended = await journal.append([
        { partition: 0, entries: a },
        { partition: 2, entries: b },
      ])
      expect(appended.map(({ partition, offsets }) => [partition, offsets.length])).toEqual([
        [0, 3],
        [2, 2],
      ])
      expect((await readAll(0)).map(({ entry }) => entry)).toEqual(a)
      expect(await readAll(1)).toEqual([])
      expect((await readAll(2)).map(({ entry }) => entry)).toEqual(b)
    })

    test('appends that are out at the same time all arrive, each in its own order', async () => {
      const batches = Array.from({ length: 20 }, () => puts(3))
      const answers = await Promise.all(batches.map((entries) => append(0, entries)))
      const stored = new Map((await readAll(0)).map(({ offset, entry }) => [offset, entry]))
      expect(stored.size).toBe(60)
      answers.forEach((offsets, i) => {
        expect(offsets.map((offset) => stored.get(offset))).toEqual(batches[i])
        expect([...offsets].sort((a, b) => a - b)).toEqual(offsets)
      })
    })

    test('read starts right after any offset and stops at its limit of entries', async () => {
      const offsets = await append(0, puts(5))
      await append(0, puts(4))
      const all = await readAll(0)
      for (let i = 0; i < 9; i += 1) {
        const after = i === 0 ? 0 : (all[i - 1]?.offset as number)
        const { entries, atEnd } = await journal.read(0, after, { ...ALL, entriesMax: 3 })
        expect(entries).toEqual(all.slice(i, i + 3))
        expect(atEnd).toBe(i + 3 >= 9)
      }
      expect(await journal.read(0, all.at(-1)?.offset as number, ALL)).toEqual({ entries: [], atEnd: true })
      expect(offsets).toHaveLength(5)
    })

    test('a limit of bytes gives at least one entry a time, and all of them in the end', async () => {
      const large = `"${'x'.repeat(10_000)}"`
      for (let i = 0; i < 4; i += 1) await append(0, puts(2, large))
      expect(
        (await journal.read(0, 0, { entriesMax: 100, bytesMax: 1 })).entries.length,
      ).toBeGreaterThanOrEqual(1)
      const entries = await readAll(0, 0, { entriesMax: 100, bytesMax: 15_000 })
      expect(entries).toHaveLength(8)
      expect((await journal.read(0, 0, { entriesMax: 100, bytesMax: 15_000 })).entries.length).toBeLessThan(8)
    })

    test('at gives the entry at exactly one offset', async () => {
      const entries = puts(5)
      const offsets = await append(0, entries)
      for (let i = 0; i < 5; i += 1) {
        expect(await journal.at(0, offsets[i] as number)).toEqual({ offset: offsets[i], entry: entries[i] })
      }
      expect(await journal.at(0, 0)).toBeUndefined()
      expect(await journal.at(0, (offsets[4] as number) + 1)).toBeUndefined()
      expect(await journal.at(1, offsets[0] as number)).toBeUndefined()
    })

    test('trimmed entries may be gone, later ones stay, and reading where some are missing is refused', async () => {
      const offsets: number[] = []
      for (let i = 0; i < 10; i += 1) offsets.push(...(await append(0, puts(2))))
      await append(1, puts(1))
      const before = await readAll(0)
      await journal.trim(0, offsets[9] as number)
      await journal.trim(0, offsets[9] as number)
      await journal.trim(0, offsets[3] as number)
      const { first, end } = await journal.info(0)
      expect(first).toBeLessThanOrEqual(offsets[10] as number)
      expect(end).toBe(offsets[19])
      expect(await readAll(0, offsets[9])).toEqual(before.slice(10))
      const kept = before.filter(({ offset }) => offset >= first)
      if (first > 1) {
        expect(await readAll(0, first - 1)).toEqual(kept)
        const outcome = await journal.read(0, 0, ALL).catch((error: unknown) => error)
        expect(isSpillwayError(outcome, 'journal-mismatch')).toBe(true)
        expect(await journal.at(0, 1)).toBeUndefined()
      }
      expect(await readAll(1)).toHaveLength(1)
    })

    test('a journal that was trimmed to its end still knows where it ends, and goes on there', async () => {
      const offsets = await append(0, puts(7))
      const end = offsets.at(-1) as number
      await journal.trim(0, end)
      expect((await journal.info(0)).end).toBe(end)
      expect(await journal.read(0, end, ALL)).toEqual({ entries: [], atEnd: true })
      const more = puts(2)
      const next = await append(0, more)
      expect(next[0]).toBeGreaterThan(end)
      expect((await readAll(0, end)).map(({ entry }) => entry)).toEqual(more)
    })

    test('usage is below its bound', async () => {
      await append(0, puts(10))
      const { bytes, bytesMax } = await journal.usage()
      expect(bytes).toBeGreaterThan(0)
      expect(bytes).toBeLessThan(bytesMax)
    })

    test('a closed journal says so, and closing twice is fine', async () => {
      await append(0, puts(1))
      await journal.close()
      await journal.close()
      const outcome = await journal
        .append([{ partition: 0, entries: puts(1) }])
        .catch((error: unknown) => error)
      expect(isSpillwayError(outcome, 'closed')).toBe(true)
    })

    test('entries, offsets and identity are the same after it was opened again', async () => {
      if (tested.reopen === undefined) return
      const identity = (await journal.info(0)).identity
      await append(0, puts(3))
      await append(0, puts(2))
      await append(1, puts(2))
      await journal.trim(1, 2)
      const before = [await readAll(0), await journal.info(0), await journal.info(1), await journal.info(2)]
      journal = await tested.reopen()
      expect([await readAll(0), await journal.info(0), await journal.info(1), await journal.info(2)]).toEqual(
        before,
      )
      expect((await journal.info(1)).identity).toBe(identity)
      expect(await append(0, puts(1))).toEqual([6])
    })

    test('entries of every kind and content come back as they were', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyEntry(), { minLength: 1, maxLength: 20 }), async (entries) => {
          const offsets = await append(2, entries)
          const { entries: stored } = await journal.read(2, (offsets[0] as number) - 1, ALL)
          expect(stored.map(({ entry }) => plain(entry))).toEqual(entries.map(plain))
        }),
        { numRuns: maker.runs ?? 30 },
      )
    })
  })
}

/** With bytes as text: equal whatever class of view they are, and quick to compare. */
export function plain(entry: Entry): unknown {
  if (entry.kind !== 'write') return entry
  return {
    ...entry,
    writes: entry.writes.map((one) => ({
      ...one,
      value: one.value && { ...one.value, bytes: Buffer.from(one.value.bytes).toString('latin1') },
    })),
  }
}
