/**
 * What every fused front-journal promises, run on drivers and on the simulator's fake alike. A store may keep more
 * than was asked (trimming, releasing), and may forget voids later than it could.
 */
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isSpillwayError } from '../../src/errors.ts'
import type { WriteEntry } from '../../src/model/entry.ts'
import { digestOf } from '../../src/model/fold.ts'
import { ABSENT, ORIGIN, PREEXISTING, plus, position } from '../../src/model/position.ts'
import type { Position } from '../../src/model/position.ts'
import { CODEC } from '../../src/model/value.ts'
import type { FoldSnapshot, Held } from '../../src/ports/front.ts'
import { HELD_ABSENT } from '../../src/ports/front.ts'
import { fusedJournalName, fusedOpening } from '../../src/ports/fused.ts'
import type { FusedFront } from '../../src/ports/fused.ts'
import { AGE_MAX } from './front-under-test.ts'
import { FusedComparison, fusedStep } from './fused-comparison.ts'
import { ALL, newId, NOTHING, Speaker, writeBatch } from './fused-under-test.ts'
import type { FusedMaker, FusedUnderTest } from './fused-under-test.ts'
import { plain } from './journal-suite.ts'
import { ref, shown, valueOf, write } from './line.ts'

const STRANGE_KEYS = [
  '__proto__',
  'constructor',
  'a/b',
  '../x',
  'né 😀',
  '😀'.repeat(128),
  'key\0nul',
  '\0',
  '\uffff',
  '\u0080',
  ' ',
  '{1}',
  'k'.repeat(512),
]

export function fusedSuite(name: string, maker: FusedMaker): void {
  describe(`fused: ${name}`, () => {
    let tested: FusedUnderTest
    let fused: FusedFront
    let one: Speaker

    beforeEach(async () => {
      tested = await maker.open({ partitions: 3, ageMax: AGE_MAX })
      fused = tested.fused
      one = new Speaker(fused)
    })
    afterEach(async () => {
      await tested.close()
    })

    async function show(key: string, collection?: string): Promise<string | undefined> {
      return shown((await fused.front.read(0, [ref(key, collection)])).held[0])
    }

    async function fill(at: Position, key: string, held: Held): Promise<string | undefined> {
      return shown((await fused.front.fill(0, one.identity, at, [{ ...ref(key), held }])).held[0])
    }

    /** What is in the stream after the opening entry of the present generation. */
    async function written(speaker = one): Promise<unknown[]> {
      return (await speaker.stream(position(speaker.generation, 0))).map(({ offset, entry }) => [
        offset,
        plain(entry),
      ])
    }

    describe('a partition that is missing', () => {
      test('knows nothing, and takes no writes, control entries or fills', async () => {
        const seen = await fused.front.state(0)
        expect(seen).toMatchObject({ mark: undefined, floor: ORIGIN, refusedFrom: ORIGIN })
        expect(seen.identity).not.toBe('')
        one.speakFor(seen, 1)
        expect((await writeBatch(fused, 0, seen.identity, 1, [one.put('a', '1')])).kind).toBe('fenced')
        expect((await writeBatch(fused, 0, seen.identity, 0, [])).kind).toBe('fenced')
        expect((await fused.control(0, seen.identity, 1, { kind: 'marker', id: 'm' })).kind).toBe('fenced')
        expect(await fill(ORIGIN, 'a', HELD_ABSENT)).toBeUndefined()
        expect((await fused.front.hold(0, [ref('a')], 1_000)).held).toEqual([undefined])
        expect((await fused.front.snapshot(0)).fold).toBeUndefined()
        expect((await fused.front.state(0)).mark).toBeUndefined()
      })

      test('has an empty journal', async () => {
        expect(await fused.journal.info(0)).toEqual({ identity: fusedJournalName(0), first: 1, end: 0 })
        expect(await fused.journal.read(0, 0, ALL)).toEqual({ entries: [], atEnd: true })
        expect(await fused.journal.at(0, position(1, 0))).toBeUndefined()
        await fused.journal.trim(0, position(1, 5))
        expect((await fused.journal.info(0)).end).toBe(0)
      })
    })

    describe('whose it is', () => {
      test('the first who claims it is its owner, and everybody is told', async () => {
        const two = await tested.connect()
        expect(await fused.claim('first', false)).toBe('first')
        expect(await fused.claim('first', false)).toBe('first')
        expect(await two.claim('second', false)).toBe('first')
        expect(await fused.claim('first', false)).toBe('first')
      })

      test('a claim by force takes it over', async () => {
        const two = await tested.connect()
        await fused.claim('first', false)
        expect(await two.claim('second', true)).toBe('second')
        expect(await fused.claim('first', false)).toBe('second')
      })

      test('a claim changes nothing of where partitions stand', async () => {
        await fused.claim('first', false)
        expect((await fused.front.state(0)).mark).toBeUndefined()
        await one.raise(1)
        await one.send(one.put('a', '1'))
        const { mark, floor } = await fused.front.state(0)
        await fused.claim('first', false)
        expect(await fused.front.state(0)).toMatchObject({ mark, floor })
        await one.raise(2)
        expect(await fused.claim('second', false)).toBe('first')
      })
    })

    describe('generations', () => {
      test('the first one begins with its opening entry, which is its mark', async () => {
        const seen = await one.raise(1)
        const opening = position(1, 0)
        const mark = {
          journal: fusedJournalName(1),
          position: opening,
          offset: opening,
          digest: digestOf(fusedOpening(1), 1, opening),
        }
        expect(seen.mark).toEqual(mark)
        expect(seen.floor).toBe(opening)
        expect(await fused.front.state(0)).toEqual(seen)
        expect(await fused.journal.info(0)).toMatchObject({ identity: fusedJournalName(1), end: opening })
        expect(await fused.journal.at(0, opening)).toEqual({ offset: opening, entry: fusedOpening(1) })
        expect(await one.stream(opening - 1)).toEqual([{ offset: opening, entry: fusedOpening(1) }])
        expect((await fused.front.snapshot(0)).fold).toEqual({ ...NOTHING, mark })
      })

      test('partitions know nothing of each other', async () => {
        await one.raise(1)
        const other = new Speaker(fused, 2)
        await other.raise(1)
        await one.send(one.put('a', '1'))
        await one.void('x')
        await one.seal('forms')
        expect((await fused.front.state(1)).mark).toBeUndefined()
        expect((await fused.front.state(2)).mark?.position).toBe(position(1, 0))
        expect(await other.send(other.put('a', '2', { id: 'x' }))).toMatchObject([{ kind: 'applied' }])
        expect(shown((await fused.front.read(2, [ref('a')])).held[0])).toBe(`${position(1, 1)} 2`)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect((await fused.journal.info(2)).end).toBe(position(1, 1))
      })

      test('who names another identity or generation is fenced, and nothing is done', async () => {
        await one.raise(2)
        await one.send(one.put('a', '1'))
        const before = await fused.front.state(0)
        for (const [identity, generation] of [
          ['another', 2],
          [one.identity, 1],
          [one.identity, 3],
          ['', 0],
        ] as const) {
          const entry = one.put('a', '2')
          expect(await writeBatch(fused, 0, identity, generation, [entry])).toEqual({
            kind: 'fenced',
            seen: before,
          })
          expect(await writeBatch(fused, 0, identity, generation, [])).toMatchObject({ kind: 'fenced' })
          const seal = { kind: 'seal', id: newId(), collection: 'forms' } as const
          expect(await fused.control(0, identity, generation, seal)).toEqual({ kind: 'fenced', seen: before })
        }
        expect(await fused.front.state(0)).toEqual(before)
        expect(await show('a')).toBe(`${position(2, 1)} 1`)
        expect(await written()).toHaveLength(1)
        expect((await fused.front.snapshot(0)).fold?.seals).toEqual([])
      })

      test('an empty write is a pure comparison', async () => {
        const seen = await one.raise(1)
        const result = await writeBatch(fused, 0, one.identity, 1, [])
        expect(result).toEqual({ kind: 'written', seen, verdicts: [] })
        expect(await written()).toEqual([])
      })

      test('a fence rises and never falls, and answers where it stands', async () => {
        await one.raise(2)
        expect(await fused.fence(0, 1)).toBe(2)
        expect(await fused.fence(0, 2)).toBe(2)
        expect(await fused.fence(0, 5)).toBe(5)
        expect(await fused.fence(0, 4)).toBe(5)
        expect(await fused.fence(0, 5)).toBe(5)
        expect(await fused.fence(1, 3)).toBe(3)
      })

      test('a fence closes the stream to its present writers, and appends nothing', async () => {
        await one.raise(1)
        await one.send(one.put('a', '1'))
        const before = await fused.front.state(0)
        expect(await fused.fence(0, 3)).toBe(3)
        const entry = one.put('a', '2')
        for (const generation of [1, 2, 3])
          expect((await writeBatch(fused, 0, one.identity, generation, [entry])).kind).toBe('fenced')
        const marker = { kind: 'marker', id: newId() } as const
        expect((await fused.control(0, one.identity, 1, marker)).kind).toBe('fenced')
        expect(await fused.front.state(0)).toEqual(before)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect((await fused.journal.info(0)).end).toBe(position(1, 1))
        expect(await one.stream(position(1, 0))).toHaveLength(1)
      })

      test('a fence that is no news leaves its generation open', async () => {
        await one.raise(2)
        await fused.fence(0, 1)
        await fused.fence(0, 2)
        expect(await one.send(one.put('a', '1'))).toMatchObject([{ kind: 'applied' }])
      })

      test('only the generation that the fence names is opened, and only once', async () => {
        await one.raise(1)
        await one.send(one.put('a', '1'))
        const before = await fused.front.state(0)
        const who = before.identity
        expect(await fused.openGeneration(0, who, 2, true, NOTHING)).toEqual(before)
        await fused.fence(0, 3)
        expect(await fused.openGeneration(0, who, 2, false, NOTHING)).toEqual(before)
        expect(await fused.openGeneration(0, who, 4, true, NOTHING)).toEqual(before)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        const opened = await fused.openGeneration(0, who, 3, true, NOTHING)
        expect(opened.mark?.position).toBe(position(3, 0))
        one.speakFor(opened, 3)
        await one.send(one.put('b', '1'))
        const after = await fused.front.state(0)
        expect(await fused.openGeneration(0, who, 3, false, NOTHING)).toEqual(after)
        expect(await fused.openGeneration(0, who, 1, false, NOTHING)).toEqual(after)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect(await written()).toHaveLength(1)
      })

      test('a store that is not the one that was compared opens nothing, and keeps what it has', async () => {
        await one.raise(1)
        await one.send(one.put('a', '1'))
        await fused.fence(0, 2)
        const before = await fused.front.state(0)
        for (const keep of [true, false])
          expect(await fused.openGeneration(0, 'another', 2, keep, NOTHING)).toEqual(before)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect((await fused.openGeneration(0, one.identity, 2, true, NOTHING)).mark?.position).toBe(
          position(2, 0),
        )
      })

      test('one that continues the stream keeps values, seals and floor, and the stream goes on', async () => {
        await one.raise(1)
        await one.send(one.put('a', '1'), one.put('b', '1'), one.delete('c'))
        const sealed = await one.seal('exams')
        const before = await fused.front.state(0)
        const seen = await one.raise(4, true)
        expect(seen.mark).toEqual({
          journal: fusedJournalName(4),
          position: position(4, 0),
          offset: position(4, 0),
          digest: digestOf(fusedOpening(4), 4, position(4, 0)),
        })
        expect(seen.floor).toBe(before.floor)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect(await show('c')).toBe('0 absent')
        expect((await fused.front.snapshot(0)).fold?.seals).toEqual([['exams', sealed.first]])
        expect(await one.send(one.put('a', '2', { ifVersion: position(1, 1) }))).toEqual([
          { kind: 'applied', first: position(4, 1), last: position(4, 1) },
        ])
        const stream = await one.stream(position(1, 2))
        expect(stream.map(({ offset }) => offset)).toEqual([
          position(1, 3),
          position(1, 4),
          position(4, 0),
          position(4, 1),
        ])
        expect(await fused.journal.info(0)).toMatchObject({
          identity: fusedJournalName(4),
          end: position(4, 1),
        })
      })

      test('one that does not is empty, starts at the fold, and has its opening as mark', async () => {
        await one.raise(1)
        await one.send(one.put('a', '1'), one.put('lost', '1'))
        await one.void('gone')
        await one.seal('forms')
        const fold: FoldSnapshot = {
          mark: {
            journal: fusedJournalName(1),
            position: position(1, 1),
            offset: position(1, 1),
            digest: 'x',
          },
          voids: [['other', position(1, 1)]],
          seals: [['exams', position(1, 1)]],
          refused: [position(1, 1)],
          refusedFrom: ORIGIN,
        }
        const seen = await one.raise(2, false, fold)
        const opening = position(2, 0)
        expect(seen).toMatchObject({
          mark: {
            journal: fusedJournalName(2),
            position: opening,
            offset: opening,
            digest: digestOf(fusedOpening(2), 2, opening),
          },
          floor: opening,
          refusedFrom: ORIGIN,
        })
        expect(await show('a')).toBeUndefined()
        expect(await show('lost')).toBeUndefined()
        const snapshot = (await fused.front.snapshot(0)).fold
        expect(snapshot?.mark).toEqual(seen.mark)
        expect(snapshot?.seals).toEqual(fold.seals)
        expect(snapshot?.refused).toEqual(fold.refused)
        // A generation apart nothing is left that a void could name.
        expect(fold.voids).toEqual(expect.arrayContaining([...(snapshot?.voids ?? [])]))
        const { refused } = await fused.front.refused(0, [position(1, 1), position(1, 2)])
        expect(refused).toEqual([true, false])
        expect(await one.send(one.put('a', '2'), one.put('a', '2', { collection: 'exams' }))).toEqual([
          { kind: 'applied', first: position(2, 1), last: position(2, 1) },
          { kind: 'refused', code: 'sealed' },
        ])
        expect((await one.stream(opening - 1)).map(({ offset }) => offset)).toEqual([
          opening,
          plus(opening, 1),
        ])
        expect(await fused.journal.at(0, position(1, 2))).toBeUndefined()
        expect(await fill(opening, 'lost', HELD_ABSENT)).toBe('0 absent')
      })

      test('refusals that the fold has forgotten stay forgotten', async () => {
        const fold = { ...NOTHING, refused: [position(1, 8)], refusedFrom: position(1, 7) }
        const seen = await one.raise(2, false, fold)
        expect(seen.refusedFrom).toBe(position(1, 7))
        expect((await fused.front.refused(0, [position(1, 8)])).refused).toEqual([true])
      })

      test('a write that was made before the opening entry is void after it', async () => {
        await one.raise(1)
        const sleeping = one.put('a', 'zombie')
        await one.raise(2, true)
        expect(await one.send(sleeping, one.put('b', '1'))).toEqual([
          { kind: 'void' },
          { kind: 'applied', first: position(2, 1), last: position(2, 1) },
        ])
        expect(await show('a')).toBeUndefined()
      })

      test('a store that answers with another identity is fenced until a generation is opened for it', async () => {
        if (tested.changeIdentity === undefined) return
        await one.raise(1)
        await one.send(one.put('a', '1'))
        const before = await fused.front.state(0)
        await tested.changeIdentity()
        const seen = await fused.front.state(0)
        expect(seen.identity).not.toBe(before.identity)
        expect(seen.mark).toEqual(before.mark)
        for (const identity of [before.identity, seen.identity])
          expect((await writeBatch(fused, 0, identity, 1, [one.put('a', '2')])).kind).toBe('fenced')
        expect(await fused.front.invalidate(0, before.identity, ref('a'), position(1, 1))).toBe(false)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        await one.raise(2, true)
        expect(one.identity).toBe(seen.identity)
        expect(await one.send(one.put('a', '2', { ifVersion: position(1, 1) }))).toMatchObject([
          { kind: 'applied' },
        ])
      })
    })

    describe('writing', () => {
      beforeEach(async () => {
        await one.raise(1)
      })

      test('entries of one call are judged, appended and applied in order, each with a verdict of its own', async () => {
        const entries = [
          one.put('a', '1'),
          one.put('a', '2', { ifVersion: position(1, 1) }),
          one.put('a', 'late', { ifVersion: position(1, 1) }),
          one.entry([write('b', '1'), write('c', '1', { collection: 'exams' })]),
          one.put('unknown', '1', { ifVersion: ABSENT }),
          one.delete('a', { ifVersion: position(1, 2) }),
          one.put('a', '3', { ifVersion: ABSENT }),
        ]
        expect(await one.send(...entries)).toEqual([
          { kind: 'applied', first: position(1, 1), last: position(1, 1) },
          { kind: 'applied', first: position(1, 2), last: position(1, 2) },
          { kind: 'refused', code: 'version-mismatch' },
          { kind: 'applied', first: position(1, 3), last: position(1, 4) },
          { kind: 'needs-fill', missing: [expect.objectContaining(ref('unknown'))] },
          { kind: 'applied', first: position(1, 5), last: position(1, 5) },
          { kind: 'applied', first: position(1, 6), last: position(1, 6) },
        ])
        expect(await show('a')).toBe(`${position(1, 6)} 3`)
        expect(await show('b')).toBe(`${position(1, 3)} 1`)
        expect(await show('c', 'exams')).toBe(`${position(1, 4)} 1`)
        expect(await show('c')).toBeUndefined()
        expect(await show('unknown')).toBeUndefined()
        expect(await written()).toEqual(
          [
            [1, 0],
            [2, 1],
            [4, 3],
            [5, 5],
            [6, 6],
          ].map(([count, i]) => [position(1, count as number), plain(entries[i as number] as WriteEntry)]),
        )
      })

      test('the answer says where the store stands after the call', async () => {
        const entry = one.entry([write('a', '1'), write('b', '1'), write('c', '1')])
        const result = await writeBatch(fused, 0, one.identity, 1, [one.put('x', '1'), entry])
        expect(result.seen).toEqual({
          identity: one.identity,
          mark: {
            journal: fusedJournalName(1),
            position: position(1, 4),
            offset: position(1, 4),
            digest: digestOf(entry, 1, position(1, 4)),
          },
          floor: position(1, 0),
          refusedFrom: ORIGIN,
        })
        expect(await fused.front.state(0)).toEqual(result.seen)
        expect((await fused.front.read(0, [])).seen).toEqual(result.seen)
        expect((await fused.front.snapshot(0)).seen).toEqual(result.seen)
      })

      test('where nothing was appended the store stands where it stood', async () => {
        await one.send(one.put('a', '1'))
        const before = await fused.front.state(0)
        await one.send(one.put('a', '2', { ifVersion: ABSENT }), one.put('b', '1', { ifVersion: ABSENT }))
        expect(await fused.front.state(0)).toEqual(before)
        expect((await fused.journal.info(0)).end).toBe(position(1, 1))
      })

      test('a refused frame changes none of its keys and leaves nothing in the stream', async () => {
        await one.send(one.put('a', '1'), one.put('b', '1'))
        const frame = one.entry([write('b', '2'), write('a', '2', { ifVersion: position(1, 9) })])
        expect(await one.send(frame)).toEqual([{ kind: 'refused', code: 'version-mismatch' }])
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect(await show('b')).toBe(`${position(1, 2)} 1`)
        expect(await written()).toHaveLength(2)
        expect(await one.send(one.put('c', '1'))).toMatchObject([{ first: position(1, 3) }])
        const { fold } = await fused.front.snapshot(0)
        expect(fold?.refused).toEqual([])
      })

      test('a condition on what the store does not know names exactly those keys, and is judged once they are filled', async () => {
        await one.send(one.put('known', '1'))
        const frame = one.entry([
          write('known', '2', { ifVersion: position(1, 1) }),
          write('x', '1', { ifVersion: ABSENT }),
          write('free', '1'),
          write('y', '1', { ifVersion: PREEXISTING, collection: 'exams' }),
        ])
        const [verdict] = await one.send(frame)
        expect(verdict?.kind).toBe('needs-fill')
        if (verdict?.kind !== 'needs-fill') return
        expect(verdict.missing.map(({ collection, key }) => `${collection} ${key}`)).toEqual([
          'forms x',
          'exams y',
        ])
        expect(await show('free')).toBeUndefined()
        expect(await show('known')).toBe(`${position(1, 1)} 1`)
        const rows = [
          { ...ref('x'), held: HELD_ABSENT },
          { ...ref('y', 'exams'), held: { version: PREEXISTING, value: valueOf('{}') } },
        ]
        await fused.front.fill(0, one.identity, position(1, 0), rows)
        expect(await one.send(frame)).toEqual([
          { kind: 'applied', first: position(1, 2), last: position(1, 5) },
        ])
        expect(await show('y', 'exams')).toBe(`${position(1, 5)} 1`)
      })

      test('a known mismatch beside an unknown key is not called anything but refused or needing a fill', async () => {
        await one.send(one.put('a', '1'))
        const frame = one.entry([
          write('a', '2', { ifVersion: ABSENT }),
          write('x', '1', { ifVersion: ABSENT }),
        ])
        const [verdict] = await one.send(frame)
        expect(['refused', 'needs-fill']).toContain(verdict?.kind)
        expect(await written()).toHaveLength(1)
      })

      test('an entry that was voided before it came never counts, one that came first is not undone', async () => {
        await one.send(one.put('b', '1', { id: 'early' }))
        const voided = await one.void('early')
        expect(voided.first).toBe(position(1, 2))
        const late = await one.void('late')
        expect(await one.send(one.put('a', '1', { id: 'late' }))).toEqual([{ kind: 'void' }])
        expect(await show('a')).toBeUndefined()
        expect(await show('b')).toBe(`${position(1, 1)} 1`)
        expect((await fused.front.snapshot(0)).fold?.voids).toEqual([
          ['early', voided.first],
          ['late', late.first],
        ])
        expect(await written()).toHaveLength(3)
      })

      test('the first void of an entry counts', async () => {
        const first = await one.void('x')
        await one.void('x')
        expect((await fused.front.snapshot(0)).fold?.voids).toEqual([['x', first.first]])
      })

      test('a void or sealed conditional write needs no fill', async () => {
        await one.void('gone')
        await one.seal('exams')
        expect(
          await one.send(
            one.put('x', '1', { id: 'gone', ifVersion: ABSENT }),
            one.put('y', '1', { ifVersion: ABSENT, collection: 'exams' }),
          ),
        ).toEqual([{ kind: 'void' }, { kind: 'refused', code: 'sealed' }])
      })

      test('writes to a sealed collection are refused, a frame whole, others go on', async () => {
        await one.send(one.put('a', '1'))
        const sealed = await one.seal('forms')
        const frame = one.entry([write('e', '1', { collection: 'exams' }), write('a', '2')])
        expect(await one.send(one.put('a', '2'), frame, one.put('e', '2', { collection: 'exams' }))).toEqual([
          { kind: 'refused', code: 'sealed' },
          { kind: 'refused', code: 'sealed' },
          { kind: 'applied', first: position(1, 3), last: position(1, 3) },
        ])
        await one.seal('forms')
        expect((await fused.front.snapshot(0)).fold?.seals).toEqual([['forms', sealed.first]])
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
      })

      test('control entries take a position each, and are in the stream as they were sent', async () => {
        await one.send(one.put('a', '1'))
        const marker = { kind: 'marker', id: newId() } as const
        const placed = await one.control(marker)
        expect(placed).toEqual({
          entry: marker,
          offset: position(1, 2),
          first: position(1, 2),
          last: position(1, 2),
        })
        const { mark } = await fused.front.state(0)
        expect(mark).toEqual({
          journal: fusedJournalName(1),
          position: position(1, 2),
          offset: position(1, 2),
          digest: digestOf(marker, 1, position(1, 2)),
        })
        expect(await fused.journal.at(0, position(1, 2))).toEqual({ offset: position(1, 2), entry: marker })
        expect(await one.send(one.put('a', '2'))).toMatchObject([{ first: position(1, 3) }])
      })

      test('a write whose writer knew too little is void by age, one at the limit is not', async () => {
        for (let i = 0; i < AGE_MAX; i += 1) await one.send(one.put('filler', `${i}`))
        const end = one.known
        expect(
          await one.send(
            one.put('a', 'too old', { knownEnd: plus(end, -AGE_MAX) }),
            one.put('b', 'at the limit', { knownEnd: plus(end, 1 - AGE_MAX) }),
          ),
        ).toEqual([{ kind: 'void' }, { kind: 'applied', first: plus(end, 1), last: plus(end, 1) }])
        expect(await show('a')).toBeUndefined()
      })

      test('a void counts as long as an entry that it names could be young enough', async () => {
        const { first } = await one.void('late')
        for (let i = 0; i < AGE_MAX - 2; i += 1) await one.marker()
        // At its place it would be exactly as old as a write may be.
        const knownEnd = plus(first, -1)
        expect(plus(one.known, 1) - knownEnd).toBe(AGE_MAX)
        expect(await one.send(one.put('a', '1', { id: 'late', knownEnd }))).toEqual([{ kind: 'void' }])
        await one.marker()
        expect(await one.send(one.put('a', '1', { id: 'late', knownEnd }))).toEqual([{ kind: 'void' }])
        await one.marker()
        expect(await one.send(one.put('a', '1', { id: 'late', knownEnd }))).toEqual([{ kind: 'void' }])
      })

      test('voids are forgotten some time after their age', async () => {
        await one.void('old')
        for (let i = 0; i < 3 * AGE_MAX; i += 1) await one.send(one.put('filler', `${i}`))
        const young = await one.void('young')
        expect((await fused.front.snapshot(0)).fold?.voids).toEqual([['young', young.first]])
      })

      test('a deleted key is absent to every condition', async () => {
        await one.send(one.put('a', '1'), one.delete('a'))
        expect(await show('a')).toBe('0 absent')
        expect(await one.send(one.put('a', '2', { ifVersion: position(1, 2) }))).toEqual([
          { kind: 'refused', code: 'version-mismatch' },
        ])
        expect(await one.send(one.put('a', '2', { ifVersion: ABSENT }))).toMatchObject([{ kind: 'applied' }])
      })

      test('two processes write one order, and see each other at once', async () => {
        const two = await new Speaker(await tested.connect()).join(1)
        await one.send(one.put('a', 'one'))
        expect(shown((await two.fused.front.read(0, [ref('a')])).held[0])).toBe(`${position(1, 1)} one`)
        expect(await two.send(two.put('a', 'two', { ifVersion: position(1, 1) }))).toMatchObject([
          { kind: 'applied' },
        ])
        expect(await one.send(one.put('a', 'late', { ifVersion: position(1, 1) }))).toEqual([
          { kind: 'refused', code: 'version-mismatch' },
        ])
        const sends = Array.from({ length: 20 }, (_, i) => {
          const by = i % 2 === 0 ? one : two
          return by.send(by.put(`k${i}`, `${i}`), by.put('shared', `${i}`))
        })
        const firsts = (await Promise.all(sends)).flatMap((verdicts) =>
          verdicts.map((verdict) => (verdict.kind === 'applied' ? verdict.first : 0)),
        )
        expect([...firsts].sort((a, b) => a - b)).toEqual(firsts.map((_, i) => position(1, i + 3)))
        const stream = await two.stream(position(1, 2))
        expect(stream.map(({ offset }) => offset)).toEqual([...firsts].sort((a, b) => a - b))
        const newest = stream.findLast(({ entry }) => keyOf(entry as WriteEntry) === 'shared')
        expect(await show('shared')).toBe(`${newest?.offset} ${textOf(newest?.entry as WriteEntry)}`)
      })

      test('a process that another one has overtaken in a raise is fenced', async () => {
        const two = await new Speaker(await tested.connect()).join(1)
        await two.raise(2, true)
        expect((await writeBatch(fused, 0, one.identity, 1, [one.put('a', '1')])).kind).toBe('fenced')
        expect(await two.send(two.put('a', '2'))).toMatchObject([{ kind: 'applied' }])
        await one.join(2)
        expect(await one.send(one.put('a', '3', { ifVersion: position(2, 1) }))).toMatchObject([
          { kind: 'applied' },
        ])
      })

      test('of two that raise at once, only the higher fence opens', async () => {
        const two = await tested.connect()
        const fences = await Promise.all([fused.fence(0, 2), two.fence(0, 3)])
        expect(fences[1]).toBe(3)
        const opened = await Promise.all([
          fused.openGeneration(0, one.identity, 2, false, NOTHING),
          two.openGeneration(0, one.identity, 3, true, NOTHING),
          fused.openGeneration(0, one.identity, 3, true, NOTHING),
        ])
        expect(opened[1].mark?.position).toBe(position(3, 0))
        expect(await one.stream(position(1, 0))).toEqual([{ offset: position(3, 0), entry: fusedOpening(3) }])
      })
    })

    describe('keys and values', () => {
      beforeEach(async () => {
        await one.raise(1)
      })

      test('keys and collections of any kind are kept apart, in values and in the stream', async () => {
        const entries = STRANGE_KEYS.map((key) => one.put(key, JSON.stringify(key)))
        entries.push(one.put('__proto__', '"other"', { collection: 'constructor' }))
        await one.send(...entries)
        for (const key of STRANGE_KEYS)
          expect((await show(key))?.split(' ').slice(1).join(' ')).toBe(JSON.stringify(key))
        expect(await show('__proto__', 'constructor')).toBe(`${one.known} "other"`)
        expect(await show('constructor', '__proto__')).toBeUndefined()
        expect((await one.stream(position(1, 0))).map(({ entry }) => plain(entry))).toEqual(
          entries.map(plain),
        )
        const { held } = await fused.front.read(
          0,
          STRANGE_KEYS.map((key) => ref(key)),
        )
        expect(held.map((each) => each?.version)).toEqual(STRANGE_KEYS.map((_, i) => position(1, i + 1)))
      })

      test('strange keys can be asked for in conditions, fills, holds and invalidations too', async () => {
        const verdicts = await one.send(
          ...STRANGE_KEYS.map((key) => one.put(key, '1', { ifVersion: ABSENT })),
        )
        const missing = verdicts.flatMap((verdict) => (verdict.kind === 'needs-fill' ? verdict.missing : []))
        expect(missing.map(({ key }) => key)).toEqual(STRANGE_KEYS)
        const rows = STRANGE_KEYS.map((key) => ({ ...ref(key), held: HELD_ABSENT }))
        const filled = await fused.front.fill(0, one.identity, position(1, 0), rows)
        expect(filled.held).toEqual(STRANGE_KEYS.map(() => HELD_ABSENT))
        const again = await one.send(...STRANGE_KEYS.map((key) => one.put(key, '1', { ifVersion: ABSENT })))
        expect(again.map(({ kind }) => kind)).toEqual(STRANGE_KEYS.map(() => 'applied'))
        const { held } = await fused.front.hold(
          0,
          STRANGE_KEYS.map((key) => ref(key)),
          10,
        )
        expect(held.map((each) => each?.version)).toEqual(STRANGE_KEYS.map((_, i) => position(1, i + 1)))
        for (const key of STRANGE_KEYS)
          expect(await fused.front.invalidate(0, one.identity, ref(key), one.known)).toBe(true)
        expect(
          (
            await fused.front.read(
              0,
              STRANGE_KEYS.map((key) => ref(key)),
            )
          ).held,
        ).toEqual(STRANGE_KEYS.map(() => undefined))
      })

      test('values of every codec and of any bytes come back exactly, read and in the stream', async () => {
        const every = Uint8Array.from({ length: 256 }, (_, i) => i)
        const values = Object.values(CODEC).flatMap((codec) => [
          { codec, rawBytes: 0, bytes: new Uint8Array() },
          { codec, rawBytes: 1_000, bytes: every },
          { codec, rawBytes: 2 ** 31, bytes: new Uint8Array([0]) },
          { codec, rawBytes: 4, bytes: new TextEncoder().encode('\r\n$1') },
        ])
        const entries = values.map((value, i) => one.entry([{ ...write(`k${i}`, ''), value }]))
        await one.send(...entries)
        const { held } = await fused.front.read(
          0,
          values.map((_, i) => ref(`k${i}`)),
        )
        held.forEach((each, i) => {
          const value = values[i] as (typeof values)[number]
          expect(each?.value).toMatchObject({ codec: value.codec, rawBytes: value.rawBytes })
          expect(Buffer.compare(each?.value?.bytes as Uint8Array, value.bytes)).toBe(0)
        })
        expect((await one.stream(position(1, 0))).map(({ entry }) => plain(entry))).toEqual(
          entries.map(plain),
        )
      })

      test('filled values are byte-exact too', async () => {
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => 255 - i)
        const value = { codec: CODEC.zstd, rawBytes: 70_000, bytes }
        await fused.front.fill(0, one.identity, position(1, 0), [
          { ...ref('a'), held: { version: PREEXISTING, value } },
        ])
        const [held] = (await fused.front.read(0, [ref('a')])).held
        expect(held?.version).toBe(PREEXISTING)
        expect(held?.value).toMatchObject({ codec: CODEC.zstd, rawBytes: 70_000 })
        expect(Buffer.compare(held?.value?.bytes as Uint8Array, bytes)).toBe(0)
      })

      test('values of 1 MiB are written, read and streamed', async () => {
        const bytes = new Uint8Array(2 ** 20).map((_, i) => (i * 7) % 251)
        const value = { codec: CODEC.plain, rawBytes: bytes.byteLength, bytes }
        await one.send(
          one.entry([{ ...write('large', ''), value }]),
          one.entry([
            { ...write('x', ''), value },
            { ...write('y', ''), value },
          ]),
        )
        const { held } = await fused.front.read(0, [ref('large'), ref('y')])
        for (const each of held) expect(Buffer.compare(each?.value?.bytes as Uint8Array, bytes)).toBe(0)
        const { entries } = await fused.journal.read(0, position(1, 0), { entriesMax: 10, bytesMax: 1_000 })
        expect(entries.length).toBeGreaterThan(0)
        const stream = await one.stream(position(1, 0))
        expect(stream).toHaveLength(2)
        for (const { entry } of stream)
          for (const each of (entry as WriteEntry).writes)
            expect(Buffer.compare(each.value?.bytes as Uint8Array, bytes)).toBe(0)
      })

      test('a frame of a thousand takes a thousand positions', async () => {
        const writes = Array.from({ length: 1_000 }, (_, i) => write(`k${i}`, `${i}`))
        expect(await one.send(one.entry(writes))).toEqual([
          { kind: 'applied', first: position(1, 1), last: position(1, 1_000) },
        ])
        expect(await one.send(one.put('k0', 'next'))).toMatchObject([{ first: position(1, 1_001) }])
        expect(await show('k999')).toBe(`${position(1, 1_000)} 999`)
        expect(await show('k1')).toBe(`${position(1, 2)} 1`)
        expect(await fused.journal.at(0, position(1, 500))).toBeUndefined()
      })

      test('the answer to a read does not change with what comes later', async () => {
        await one.send(one.put('a', '"before"'))
        const { held, seen } = await fused.front.read(0, [ref('a')])
        await one.send(one.put('a', '"after!"'), one.delete('a'))
        expect(shown(held[0])).toBe(`${position(1, 1)} "before"`)
        expect(seen.mark?.position).toBe(position(1, 1))
      })
    })

    describe('misses and fills', () => {
      beforeEach(async () => {
        await one.raise(2, false, NOTHING)
        await one.send(one.put('other', '1'))
      })
      const floor = position(2, 0)
      const through = position(2, 1)
      const row = { version: position(1, 1), value: valueOf('1') }

      test('a fill is taken between floor and through, bounds included', async () => {
        expect(await fill(plus(floor, -1), 'a', row)).toBeUndefined()
        expect(await fill(position(1, 9), 'a', row)).toBeUndefined()
        expect(await fill(plus(through, 1), 'a', row)).toBeUndefined()
        expect(await show('a')).toBeUndefined()
        expect(await fill(floor, 'a', row)).toBe(`${position(1, 1)} 1`)
        expect(await fill(through, 'never', HELD_ABSENT)).toBe('0 absent')
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect(await show('never')).toBe('0 absent')
      })

      test('a fill never replaces what is held, not even the knowledge that there is nothing', async () => {
        await one.send(one.put('a', '2'), one.delete('b'))
        expect(await fill(one.known, 'a', row)).toBe(`${position(2, 2)} 2`)
        expect(await fill(one.known, 'b', row)).toBe('0 absent')
        expect(await fill(one.known, 'c', HELD_ABSENT)).toBe('0 absent')
        expect(await fill(one.known, 'c', row)).toBe('0 absent')
      })

      test('a fill for another identity is not taken', async () => {
        const { held } = await fused.front.fill(0, 'another', floor, [{ ...ref('a'), held: row }])
        expect(held).toEqual([undefined])
        expect(await show('a')).toBeUndefined()
      })

      test('a fill of several rows answers each in order', async () => {
        await one.send(one.put('b', '2'))
        const rows = ['a', 'b', 'c'].map((key) => ({ ...ref(key), held: key === 'c' ? HELD_ABSENT : row }))
        const { held, seen } = await fused.front.fill(0, one.identity, floor, rows)
        expect(held.map(shown)).toEqual([`${position(1, 1)} 1`, `${position(2, 2)} 2`, '0 absent'])
        expect(seen.mark?.position).toBe(one.known)
      })

      test('a fill changes nothing of where the store stands', async () => {
        const before = await fused.front.state(0)
        await fill(floor, 'a', row)
        expect(await fused.front.state(0)).toEqual(before)
        expect((await fused.journal.info(0)).end).toBe(through)
      })
    })

    describe('memory', () => {
      beforeEach(async () => {
        await one.raise(1)
      })

      async function release(to: Position): Promise<void> {
        await fused.front.release(0, one.identity, to)
        await tested.squeeze?.()
      }

      test('what has not landed is never released', async () => {
        await one.send(one.put('a', '1'))
        await one.send(one.put('b', '1'))
        await one.send(one.delete('c'), one.put('a', '2'))
        await release(position(1, 1))
        expect(await show('a')).toBe(`${position(1, 4)} 2`)
        expect(await show('b')).toBe(`${position(1, 2)} 1`)
        expect(await show('c')).toBe('0 absent')
        expect((await fused.front.state(0)).floor).toBeLessThanOrEqual(position(1, 1))
      })

      test('what was released is below the floor, a miss, and can be filled again', async () => {
        await one.send(...Array.from({ length: 20 }, (_, i) => one.put(`k${i}`, `${i}`)))
        await one.send(one.delete('gone'))
        const before = await fused.front.state(0)
        await release(one.known)
        const { floor, mark } = await fused.front.state(0)
        expect(mark).toEqual(before.mark)
        expect(floor).toBeGreaterThanOrEqual(before.floor)
        expect(floor).toBeLessThanOrEqual(one.known)
        for (let i = 0; i < 20; i += 1) {
          const version = position(1, i + 1)
          const held = await show(`k${i}`)
          if (held !== undefined) expect(held).toBe(`${version} ${i}`)
          else {
            expect(version).toBeLessThanOrEqual(floor)
            expect(await fill(one.known, `k${i}`, { version, value: valueOf(`${i}`) })).toBe(
              `${version} ${i}`,
            )
          }
        }
        expect([undefined, '0 absent']).toContain(await show('gone'))
      })

      test('a release past the end goes no further than the end', async () => {
        await one.send(one.put('a', '1'))
        await release(position(1, 1_000))
        const { floor } = await fused.front.state(0)
        expect(floor).toBeLessThanOrEqual(position(1, 1))
        await one.send(one.put('a', '2'))
        await tested.squeeze?.()
        expect(await show('a')).toBe(`${position(1, 2)} 2`)
      })

      test('a write after a release stays until it has landed itself', async () => {
        await one.send(one.put('a', '1'))
        await release(one.known)
        await one.send(one.put('a', '2'))
        await tested.elapse(5)
        await tested.squeeze?.()
        expect(await show('a')).toBe(`${position(1, 2)} 2`)
      })

      test('a release for another identity does nothing', async () => {
        await one.send(one.put('a', '1'))
        const before = await fused.front.state(0)
        await fused.front.release(0, 'another', one.known)
        await tested.squeeze?.()
        expect(await fused.front.state(0)).toEqual(before)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
      })

      test('a held key is not released before its time is over', async () => {
        await one.send(one.put('a', '1'), one.put('b', '1'))
        const answer = await fused.front.hold(0, [ref('a'), ref('miss')], 2_000)
        expect(answer.held.map(shown)).toEqual([`${position(1, 1)} 1`, undefined])
        await release(one.known)
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect(await one.send(one.put('a', '2', { ifVersion: position(1, 1) }))).toMatchObject([
          { kind: 'applied' },
        ])
        await tested.elapse(2_500)
        await release(one.known)
        expect([undefined, `${position(1, 3)} 2`]).toContain(await show('a'))
      })

      test('invalidate takes away a landed value and raises the floor, and leaves one that has not landed', async () => {
        await one.send(one.put('a', '1'), one.put('b', '1'))
        const { front } = fused
        expect(await front.invalidate(0, one.identity, ref('b'), position(1, 1))).toBe(false)
        expect(await show('b')).toBe(`${position(1, 2)} 1`)
        expect(await front.invalidate(0, 'another', ref('a'), position(1, 1))).toBe(false)
        expect(await front.invalidate(0, one.identity, ref('a'), position(1, 1))).toBe(true)
        expect(await front.invalidate(0, one.identity, ref('never'), position(1, 1))).toBe(true)
        expect(await show('a')).toBeUndefined()
        expect((await front.state(0)).floor).toBe(position(1, 1))
        expect(await fill(position(1, 0), 'a', HELD_ABSENT)).toBeUndefined()
        const held = { version: position(1, 1), value: valueOf('edited') }
        expect(await fill(position(1, 1), 'a', held)).toBe(`${position(1, 1)} edited`)
      })

      test('forgetting refused positions raises refusedFrom, for who names the identity', async () => {
        const fold = { ...NOTHING, refused: [position(1, 1), position(1, 3)] }
        await one.raise(2, false, fold)
        await fused.front.forgetRefused(0, 'another', position(1, 2))
        expect((await fused.front.state(0)).refusedFrom).toBe(ORIGIN)
        await fused.front.forgetRefused(0, one.identity, position(1, 2))
        expect((await fused.front.state(0)).refusedFrom).toBe(position(1, 2))
        expect((await fused.front.snapshot(0)).fold?.refused).toEqual([position(1, 3)])
        await fused.front.forgetRefused(0, one.identity, position(1, 1))
        expect((await fused.front.state(0)).refusedFrom).toBe(position(1, 2))
      })

      test('reserved bytes show in usage until they are given back', () => {
        const { front } = fused
        const before = front.usage().bytes
        expect(front.reserve(1_000)).toBe(true)
        expect(front.usage().bytes).toBe(before + 1_000)
        front.unreserve(1_000)
        expect(front.usage().bytes).toBe(before)
        expect(front.reserve(front.usage().bytesMax + 1)).toBe(false)
      })
    })

    describe('the journal', () => {
      beforeEach(async () => {
        await one.raise(1)
      })

      async function puts(count: number, json = '1'): Promise<void> {
        await one.send(...Array.from({ length: count }, (_, i) => one.put(`k${i}`, json)))
      }

      test('read starts right after any offset and stops at its limit of entries', async () => {
        await puts(5)
        await one.send(one.entry([write('a', '1'), write('b', '1'), write('c', '1')]))
        await puts(3)
        const all = await one.stream(position(1, 0))
        expect(all).toHaveLength(9)
        for (let i = 0; i < 9; i += 1) {
          const after = i === 0 ? position(1, 0) : (all[i - 1]?.offset as number)
          const read = await fused.journal.read(0, after, { ...ALL, entriesMax: 3 })
          expect(read.entries).toEqual(all.slice(i, i + 3))
          expect(read.atEnd).toBe(i + 3 >= 9)
        }
        // The middle of a frame is before the frame's own offset.
        expect((await fused.journal.read(0, position(1, 6), ALL)).entries).toEqual(all.slice(5))
        expect(await fused.journal.read(0, one.known, ALL)).toEqual({ entries: [], atEnd: true })
        expect(await fused.journal.read(0, plus(one.known, 100), ALL)).toEqual({ entries: [], atEnd: true })
      })

      test('a limit of bytes gives at least one entry a time, and all of them in the end', async () => {
        const large = `"${'x'.repeat(10_000)}"`
        for (let i = 0; i < 4; i += 1) await puts(2, large)
        const least = await fused.journal.read(0, position(1, 0), { entriesMax: 100, bytesMax: 1 })
        expect(least.entries.length).toBeGreaterThanOrEqual(1)
        const limits = { entriesMax: 100, bytesMax: 15_000 }
        expect(await one.stream(position(1, 0), limits)).toHaveLength(8)
        const read = await fused.journal.read(0, position(1, 0), limits)
        expect(read.entries.length).toBeLessThan(8)
        expect(read.atEnd).toBe(false)
      })

      test('at gives the entry at exactly one offset', async () => {
        await puts(3)
        const all = await one.stream(position(1, 0))
        for (const stored of all) expect(await fused.journal.at(0, stored.offset)).toEqual(stored)
        expect(await fused.journal.at(0, 0)).toBeUndefined()
        expect(await fused.journal.at(0, plus(one.known, 1))).toBeUndefined()
        expect(await fused.journal.at(1, position(1, 1))).toBeUndefined()
      })

      test('trimmed entries may be gone, later ones stay, and reading where some are missing is refused', async () => {
        for (let i = 0; i < 10; i += 1) await puts(2)
        const before = await one.stream(position(1, 0))
        const upTo = position(1, 10)
        await fused.journal.trim(0, upTo)
        await fused.journal.trim(0, upTo)
        await fused.journal.trim(0, position(1, 3))
        const { first, end } = await fused.journal.info(0)
        expect(first).toBeLessThanOrEqual(plus(upTo, 1))
        expect(end).toBe(position(1, 20))
        expect(await one.stream(upTo)).toEqual(before.slice(10))
        if (first > position(1, 1)) {
          expect(await one.stream(first - 1)).toEqual(before.filter(({ offset }) => offset >= first))
          for (const after of [0, position(1, 0)]) {
            const outcome = await fused.journal.read(0, after, ALL).catch((error: unknown) => error)
            expect(isSpillwayError(outcome, 'journal-mismatch')).toBe(true)
          }
          expect(await fused.journal.at(0, position(1, 1))).toBeUndefined()
        }
        expect(await show('k0')).toBe(`${position(1, 19)} 1`)
        expect((await fused.front.state(0)).mark?.position).toBe(end)
      })

      test('a journal that was trimmed to its end still knows where it ends, and goes on there', async () => {
        await puts(7)
        const end = one.known
        await fused.journal.trim(0, end)
        expect(await fused.journal.info(0)).toMatchObject({ identity: fusedJournalName(1), end })
        expect(await fused.journal.read(0, end, ALL)).toEqual({ entries: [], atEnd: true })
        expect(await one.send(one.put('a', '1'))).toMatchObject([{ first: plus(end, 1) }])
        expect((await one.stream(end)).map(({ offset }) => offset)).toEqual([plus(end, 1)])
        const seen = await one.raise(2, true)
        expect(seen.mark?.position).toBe(position(2, 0))
      })

      test('what was trimmed before a frame leaves nothing missing before it', async () => {
        await puts(1)
        const frame = one.entry([write('a', '1'), write('b', '1')])
        await one.send(frame)
        await fused.journal.trim(0, position(1, 1))
        expect((await fused.journal.info(0)).first).toBeLessThanOrEqual(position(1, 2))
        expect(await one.stream(position(1, 1))).toHaveLength(1)
      })

      test('usage is below its bound', async () => {
        await puts(10)
        const { bytes, bytesMax } = await fused.journal.usage()
        expect(bytes).toBeGreaterThanOrEqual(0)
        expect(bytes).toBeLessThan(bytesMax)
      })
    })

    test('whatever happens in whatever order, the store agrees with one that forgets nothing', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fusedStep, { minLength: 5, maxLength: 60 }), async (steps) => {
          const fresh = await maker.open({ partitions: 3, ageMax: AGE_MAX })
          try {
            const run = new FusedComparison(fresh)
            await run.start()
            for (const what of steps) await run.step(what)
            await run.finish()
          } finally {
            await fresh.close()
          }
        }),
        { numRuns: maker.runs ?? 60 },
      )
    }, 120_000)
  })
}

function keyOf(entry: WriteEntry): string | undefined {
  return entry.writes[0]?.key
}

function textOf(entry: WriteEntry): string {
  return new TextDecoder().decode(entry.writes[0]?.value?.bytes)
}
