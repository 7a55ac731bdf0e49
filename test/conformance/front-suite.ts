/**
 * What every front promises, run on drivers and on the simulator's fakes alike. Suites ask only what the port says:
 * which landed records a front drops, and when, is its own affair.
 */
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ABSENT, ORIGIN, PREEXISTING, plus, position } from '../../src/model/position.ts'
import type { Position } from '../../src/model/position.ts'
import type { ApplyResult, DropUpTo, FoldSnapshot, Front, Held } from '../../src/ports/front.ts'
import { HELD_ABSENT } from '../../src/ports/front.ts'
import { Comparison, step } from './front-comparison.ts'
import { AGE_MAX } from './front-under-test.ts'
import type { FrontMaker, FrontUnderTest } from './front-under-test.ts'
import { Line, emptyFold, ref, shown, valueOf, write } from './line.ts'

export function frontSuite(name: string, maker: FrontMaker): void {
  describe(`front: ${name}`, () => {
    let tested: FrontUnderTest
    let front: Front
    let line: Line

    beforeEach(async () => {
      tested = await maker.open({ partitions: 3, ageMax: AGE_MAX })
      front = tested.front
      line = new Line()
    })
    afterEach(async () => {
      await tested.close()
    })

    async function apply(from: number, to?: number, drop?: DropUpTo): Promise<ApplyResult> {
      const { identity } = await front.state(0)
      return front.apply({ partition: 0, identity, ...line.request(from, to, drop) })
    }

    async function started(): Promise<void> {
      await front.start(0, emptyFold(line))
    }

    async function show(key: string, collection?: string): Promise<string | undefined> {
      return shown((await front.read(0, [ref(key, collection)])).held[0])
    }

    async function fill(at: Position, key: string, held: Held): Promise<string | undefined> {
      const { identity } = await front.state(0)
      return shown((await front.fill(0, identity, at, [{ ...ref(key), held }])).held[0])
    }

    describe('where it stands', () => {
      test('a partition is missing until it is started, and knows nothing then', async () => {
        expect((await front.state(0)).mark).toBeUndefined()
        expect(await front.snapshot(0)).toMatchObject({ fold: undefined })
        expect((await apply(0)).kind).toBe('turned-away')
        expect(await fill(ORIGIN, 'a', HELD_ABSENT)).toBeUndefined()
      })

      test('start copies a fold, with floor at its position, and does nothing the second time', async () => {
        line.put('a', '1')
        const fold: FoldSnapshot = {
          mark: line.marks[2] as FoldSnapshot['mark'],
          voids: [['gone', position(1, 0)]],
          seals: [['exams', position(1, 1)]],
          refused: [position(1, 1)],
          refusedFrom: position(1, 0),
        }
        const seen = await front.start(0, fold)
        expect(seen.mark).toEqual(fold.mark)
        expect(seen.floor).toBe(fold.mark.position)
        expect(seen.refusedFrom).toBe(fold.refusedFrom)
        expect((await front.snapshot(0)).fold).toEqual(fold)
        await front.start(0, emptyFold(line))
        expect((await front.state(0)).mark).toEqual(fold.mark)
        expect((await front.refused(0, [position(1, 0), position(1, 1)])).refused).toEqual([false, true])
      })

      test('partitions know nothing of each other', async () => {
        await started()
        await front.start(1, emptyFold(line))
        line.put('a', '1')
        await apply(0)
        expect(await show('a')).toBe(`${line.end} 1`)
        const other = await front.read(1, [ref('a')])
        expect(other.held).toEqual([undefined])
        expect(other.seen.mark?.position).toBe(ORIGIN)
      })

      test('an apply that does not start where the front stands changes nothing', async () => {
        await started()
        line.put('a', '1')
        line.put('a', '2')
        await apply(0, 2)
        expect((await apply(0, 2)).kind).toBe('turned-away')
        expect((await apply(1, 3)).kind).toBe('turned-away')
        const { identity } = await front.state(0)
        const request = line.request(2)
        const foreign = { ...request, from: { ...request.from, journal: 'other' } }
        expect((await front.apply({ partition: 0, identity, ...foreign })).kind).toBe('turned-away')
        const forged = { ...request, from: { ...request.from, digest: 'other' } }
        expect((await front.apply({ partition: 0, identity, ...forged })).kind).toBe('turned-away')
        expect((await front.apply({ partition: 0, identity: 'another', ...request })).kind).toBe(
          'turned-away',
        )
        expect((await front.state(0)).mark).toEqual(line.marks[2])
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
      })

      test('applied entries move the mark to the one that was given', async () => {
        await started()
        line.put('a', '1')
        const result = await apply(0)
        expect(result.kind).toBe('applied')
        expect(result.seen.mark).toEqual(line.marks[2])
        expect((await front.state(0)).mark).toEqual(line.marks[2])
      })

      test('an apply of nothing is accepted where the front stands', async () => {
        await started()
        await apply(0)
        expect(await apply(1, 1)).toMatchObject({ kind: 'applied', verdicts: [] })
      })

      test('discard makes the partition missing, but only for who names its identity', async () => {
        await started()
        line.put('a', '1')
        await apply(0)
        await front.discard(0, 'another')
        expect((await front.state(0)).mark).toEqual(line.marks[2])
        const { identity } = await front.state(0)
        expect((await front.discard(0, identity)).mark).toBeUndefined()
        await front.start(0, emptyFold(line))
        expect(await show('a')).toBeUndefined()
      })
    })

    describe('applying', () => {
      test('puts, deletes and frames are read back with a version of their own each', async () => {
        await started()
        line.put('a', '1')
        line.write([write('b', '2'), write('c', '3', { collection: 'exams' })])
        line.delete('a')
        const result = await apply(0)
        expect(result).toMatchObject({
          verdicts: [{ kind: 'control' }, { kind: 'applied' }, { kind: 'applied' }, { kind: 'applied' }],
        })
        expect(await show('a')).toBe('0 absent')
        expect(await show('b')).toBe(`${position(1, 2)} 2`)
        expect(await show('c', 'exams')).toBe(`${position(1, 3)} 3`)
        expect(await show('c')).toBeUndefined()
      })

      test('keys and collections of any kind are kept apart', async () => {
        await started()
        const names = ['__proto__', 'constructor', 'a/b', '../x', 'né 😀', 'key\0nul', '\uffff']
        for (const key of names) line.put(key, JSON.stringify(key))
        line.put('__proto__', '"other"', { collection: 'constructor' })
        await apply(0)
        for (const key of names)
          expect((await show(key))?.split(' ').slice(1).join(' ')).toBe(JSON.stringify(key))
        expect(await show('__proto__', 'constructor')).toBe(`${line.end} "other"`)
        expect(await show('constructor', '__proto__')).toBeUndefined()
      })

      test('conditions are judged in order against what came before in the same call', async () => {
        await started()
        line.put('a', '1')
        await apply(0)
        const first = line.put('a', '2', { ifVersion: position(1, 1) })
        line.put('a', 'late', { ifVersion: position(1, 1) })
        line.put('a', '3', { ifVersion: first.first })
        line.delete('a', { ifVersion: position(1, 4) })
        line.put('a', '4', { ifVersion: ABSENT })
        const result = await apply(2)
        expect(kinds(result)).toEqual(['applied', 'refused', 'applied', 'applied', 'applied'])
        expect(await show('a')).toBe(`${line.end} 4`)
        expect(
          (
            await front.refused(
              0,
              [2, 3, 4].map((count) => position(1, count)),
            )
          ).refused,
        ).toEqual([false, true, false])
      })

      test('a refused frame changes none of its keys, and its first position is refused', async () => {
        await started()
        line.put('a', '1')
        line.put('b', '1')
        const frame = line.write([write('b', '2'), write('a', '2', { ifVersion: position(1, 9) })])
        expect(kinds(await apply(0))).toEqual(['control', 'applied', 'applied', 'refused'])
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect(await show('b')).toBe(`${position(1, 2)} 1`)
        expect((await front.refused(0, [frame.first])).refused).toEqual([true])
        expect((await front.snapshot(0)).fold?.refused).toEqual([frame.first])
      })

      test('a void that comes first keeps its entry from counting, one that comes later does nothing', async () => {
        await started()
        line.put('b', '1', { id: 'early' })
        line.void('early')
        line.void('late')
        line.put('a', '1', { id: 'late' })
        const result = await apply(0)
        expect(kinds(result)).toEqual(['control', 'applied', 'control', 'control', 'void'])
        expect(await show('a')).toBeUndefined()
        expect(await show('b')).toBe(`${position(1, 1)} 1`)
        expect((await front.snapshot(0)).fold?.voids).toEqual([
          ['early', position(1, 2)],
          ['late', position(1, 3)],
        ])
      })

      test('a void is kept for its age and forgotten after it', async () => {
        await started()
        const { first } = line.void('late')
        for (let i = 0; i < AGE_MAX; i += 1) line.put('filler', `${i}`)
        await apply(0)
        expect((await front.snapshot(0)).fold?.voids).toEqual([['late', first]])
        line.put('filler', 'one more')
        await apply(AGE_MAX + 2)
        expect((await front.snapshot(0)).fold?.voids).toEqual([])
      })

      test('a write whose writer knew too little is void by age, one at the limit is not', async () => {
        await started()
        for (let i = 0; i < AGE_MAX; i += 1) line.put('filler', `${i}`)
        line.put('a', 'at the limit', { knownEnd: plus(line.end, 1 - AGE_MAX) })
        line.put('a', 'too old', { knownEnd: plus(line.end, -AGE_MAX) })
        const result = await apply(0)
        expect(kinds(result).slice(-2)).toEqual(['applied', 'void'])
      })

      test('an older generation is void after an opening entry, whatever it says', async () => {
        await started()
        const knownEnd = line.put('a', '1').first
        line.add({ kind: 'opening', id: line.newId(), generation: 2 })
        line.put('a', 'zombie', { knownEnd })
        line.put('b', 'new')
        const result = await apply(0)
        expect(kinds(result)).toEqual(['control', 'applied', 'control', 'void', 'applied'])
        expect(await show('b')).toBe(`${position(2, 2)} new`)
      })

      test('writes to a sealed collection are refused, others go on', async () => {
        await started()
        line.put('a', '1')
        line.seal('forms')
        const late = line.put('a', '2')
        line.put('a', '2', { collection: 'exams' })
        const result = await apply(0)
        expect(kinds(result)).toEqual(['control', 'applied', 'control', 'refused', 'applied'])
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect((await front.refused(0, [late.first])).refused).toEqual([true])
        expect((await front.snapshot(0)).fold?.seals).toEqual([['forms', position(1, 2)]])
      })
    })

    describe('misses and fills', () => {
      /** Stands after some entries that it has not seen: floor = through = 1-3. */
      async function startedLate(): Promise<void> {
        line.put('a', '1')
        line.put('b', '1')
        line.put('b', '2')
        const fold = { ...emptyFold(line), mark: line.marks[4] as FoldSnapshot['mark'] }
        await front.start(0, fold)
      }

      test('a fill is taken between floor and through, bounds included', async () => {
        await startedLate()
        line.put('c', '1')
        await apply(4)
        const row = { version: position(1, 1), value: valueOf('1') }
        expect(await fill(position(1, 2), 'a', row)).toBeUndefined()
        expect(await fill(position(1, 5), 'a', row)).toBeUndefined()
        expect(await show('a')).toBeUndefined()
        expect(await fill(position(1, 3), 'a', row)).toBe(`${position(1, 1)} 1`)
        expect(await fill(position(1, 4), 'never', HELD_ABSENT)).toBe('0 absent')
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        expect(await show('never')).toBe('0 absent')
      })

      test('a fill never replaces what the front holds, not even its knowledge that there is nothing', async () => {
        await startedLate()
        line.put('a', '2')
        line.delete('b')
        await apply(4)
        expect(await fill(line.end, 'a', { version: position(1, 1), value: valueOf('old') })).toBe(
          `${position(1, 4)} 2`,
        )
        expect(await fill(line.end, 'b', { version: position(1, 3), value: valueOf('old') })).toBe('0 absent')
      })

      test('a fill for another identity is not taken', async () => {
        await startedLate()
        const answer = await front.fill(0, 'another', position(1, 3), [{ ...ref('a'), held: HELD_ABSENT }])
        expect(answer.held).toEqual([undefined])
        expect(await show('a')).toBeUndefined()
      })

      test('rows older than Spillway fill with version 1', async () => {
        await startedLate()
        expect(await fill(position(1, 3), 'old', { version: PREEXISTING, value: valueOf('{}') })).toBe('1 {}')
      })

      test('a conditional entry whose key is not held stops the apply before it, and goes on once filled', async () => {
        await startedLate()
        line.put('c', '1')
        line.write([write('a', '2', { ifVersion: position(1, 1) }), write('d', '1')])
        line.put('c', '2')
        const stopped = await apply(4)
        expect(stopped).toMatchObject({
          kind: 'needs-fill',
          verdicts: [{ kind: 'applied' }],
          missing: [ref('a')],
        })
        expect(stopped.seen.mark).toEqual(line.marks[5])
        expect(await show('d')).toBeUndefined()
        await fill(position(1, 3), 'a', { version: position(1, 1), value: valueOf('1') })
        expect(kinds(await apply(5))).toEqual(['applied', 'applied'])
        expect(await show('a')).toBe(`${position(1, 5)} 2`)
        expect((await front.state(0)).mark).toEqual(line.marks[7])
      })

      test('a void or sealed conditional entry needs no fill', async () => {
        await startedLate()
        line.void('gone')
        line.put('x', '1', { id: 'gone', ifVersion: ABSENT })
        line.seal('forms')
        line.put('y', '1', { ifVersion: ABSENT })
        expect(kinds(await apply(4))).toEqual(['control', 'void', 'control', 'refused'])
      })

      test('the answer to a call does not change with what comes later', async () => {
        await started()
        line.put('a', '"before"')
        await apply(0)
        const { held, seen } = await front.read(0, [ref('a')])
        line.put('a', '"after!"')
        line.delete('a')
        await apply(2)
        const { identity } = await front.state(0)
        await front.discard(0, identity)
        expect(shown(held[0])).toBe(`${position(1, 1)} "before"`)
        expect(seen.mark).toEqual(line.marks[2])
      })

      test('values of no bytes and of a million are kept with their codec and length', async () => {
        await started()
        const large = new Uint8Array(1_000_000).fill(7)
        const values = [
          { codec: 1, rawBytes: 0, bytes: new Uint8Array() },
          { codec: 2, rawBytes: 5_000_000, bytes: large },
        ] as const
        values.forEach((value, i) => line.write([{ ...write(`k${i}`, ''), value }]))
        await apply(0)
        const { held } = await front.read(0, [ref('k0'), ref('k1')])
        held.forEach((one, i) => {
          expect(one?.value?.codec).toBe(values[i]?.codec)
          expect(one?.value?.rawBytes).toBe(values[i]?.rawBytes)
          expect(Buffer.compare(one?.value?.bytes as Uint8Array, values[i]?.bytes as Uint8Array)).toBe(0)
        })
      })
    })

    describe('what the database has judged', () => {
      test('writes at or below a position that was read are dropped: key gone, floor raised, refusals copied', async () => {
        await started()
        line.put('a', '1')
        line.put('b', '1')
        await apply(0)
        line.put('a', '2')
        const refused = line.put('b', '2', { ifVersion: position(1, 9) })
        line.seal('exams')
        line.put('c', '1')
        const drop = { position: refused.first, refused: [refused.first], refusedFrom: ORIGIN }
        const result = await apply(3, undefined, drop)
        expect(kinds(result)).toEqual([undefined, undefined, 'control', 'applied'])
        expect(result.seen.floor).toBe(refused.last)
        expect(await show('a')).toBeUndefined()
        expect(await show('b')).toBeUndefined()
        expect(await show('c')).toBe(`${line.end} 1`)
        expect((await front.refused(0, [position(1, 3), refused.first])).refused).toEqual([false, true])
        expect((await front.snapshot(0)).fold?.seals).toHaveLength(1)
      })

      test('control entries at or below it still take effect', async () => {
        await started()
        line.void('later')
        line.seal('exams')
        line.put('x', '1', { id: 'later' })
        line.put('x', '1', { collection: 'exams' })
        const drop = { position: position(1, 2), refused: [], refusedFrom: ORIGIN }
        expect(kinds(await apply(0, undefined, drop))).toEqual([
          'control',
          'control',
          'control',
          'void',
          'refused',
        ])
      })

      test('a conditional entry that is dropped needs no fill', async () => {
        await started()
        line.put('lost', '1', { ifVersion: position(1, 7) })
        const drop = { position: line.end, refused: [], refusedFrom: ORIGIN }
        expect(kinds(await apply(0, undefined, drop))).toEqual(['control', undefined])
      })

      test('dropping where the database has forgotten refusals raises refusedFrom to its own', async () => {
        await started()
        line.put('a', '1')
        line.put('a', '2')
        line.put('a', '3')
        const drop = { position: position(1, 3), refused: [position(1, 3)], refusedFrom: position(1, 2) }
        const { seen } = await apply(0, undefined, drop)
        expect(seen.refusedFrom).toBe(position(1, 2))
        expect((await front.refused(0, [position(1, 3)])).refused).toEqual([true])
      })

      test('refused positions are forgotten up to a position on request, for who names the identity', async () => {
        await started()
        line.put('a', '1', { ifVersion: position(1, 9) })
        line.put('b', '1')
        line.put('a', '1', { ifVersion: position(1, 9) })
        const first = await apply(0)
        const { identity } = first.seen
        if (first.kind === 'needs-fill') {
          await fill(ORIGIN, 'a', HELD_ABSENT)
          await apply(1)
        }
        await front.forgetRefused(0, 'another', position(1, 2))
        expect((await front.state(0)).refusedFrom).toBe(ORIGIN)
        await front.forgetRefused(0, identity, position(1, 2))
        expect((await front.state(0)).refusedFrom).toBe(position(1, 2))
        expect((await front.snapshot(0)).fold?.refused).toEqual([position(1, 3)])
        await front.forgetRefused(0, identity, position(1, 1))
        expect((await front.state(0)).refusedFrom).toBe(position(1, 2))
      })
    })

    describe('memory', () => {
      test('what has not landed is never dropped', async () => {
        await started()
        line.put('a', '1')
        line.put('b', '1')
        line.delete('c')
        const { seen } = await apply(0)
        await front.release(0, seen.identity, position(1, 1))
        await tested.squeeze?.()
        expect(await show('b')).toBe(`${position(1, 2)} 1`)
        expect(await show('c')).toBe('0 absent')
        expect((await front.state(0)).floor).toBeLessThanOrEqual(position(1, 1))
      })

      test('a landed value that was overwritten since is not dropped', async () => {
        await started()
        line.put('a', '1')
        await apply(0)
        line.put('a', '2')
        const { seen } = await apply(2)
        await front.release(0, seen.identity, position(1, 1))
        await tested.squeeze?.()
        expect(await show('a')).toBe(`${position(1, 2)} 2`)
      })

      test('what was dropped is below the floor, and what is below through stays there', async () => {
        await started()
        for (let i = 0; i < 20; i += 1) line.put(`k${i}`, `${i}`)
        const { seen } = await apply(0)
        const after = await front.release(0, seen.identity, line.end)
        await tested.squeeze?.()
        const { floor, mark } = await front.state(0)
        expect(mark).toEqual(after.mark)
        expect(floor).toBeLessThanOrEqual(line.end)
        for (let i = 0; i < 20; i += 1) {
          const version = position(1, i + 1)
          const held = await show(`k${i}`)
          if (held === undefined) expect(version).toBeLessThanOrEqual(floor)
          else expect(held).toBe(`${version} ${i}`)
        }
      })

      test('a held key is not dropped before its time is over', async () => {
        await started()
        line.put('a', '1')
        line.put('b', '1')
        const { seen } = await apply(0)
        const answer = await front.hold(0, [ref('a'), ref('miss')], 1_000)
        expect(answer.held.map(shown)).toEqual([`${position(1, 1)} 1`, undefined])
        await front.release(0, seen.identity, line.end)
        await tested.squeeze?.()
        expect(await show('a')).toBe(`${position(1, 1)} 1`)
        await tested.elapse(2_000)
        await front.release(0, seen.identity, line.end)
        await tested.squeeze?.()
        expect([undefined, `${position(1, 1)} 1`]).toContain(await show('a'))
      })

      test('invalidate takes away a landed value and raises the floor, and leaves one that has not landed', async () => {
        await started()
        line.put('a', '1')
        line.put('b', '1')
        const { seen } = await apply(0)
        expect(await front.invalidate(0, seen.identity, ref('b'), position(1, 1))).toBe(false)
        expect(await show('b')).toBe(`${position(1, 2)} 1`)
        expect(await front.invalidate(0, 'another', ref('a'), position(1, 1))).toBe(false)
        expect(await front.invalidate(0, seen.identity, ref('a'), position(1, 1))).toBe(true)
        expect(await show('a')).toBeUndefined()
        expect((await front.state(0)).floor).toBe(position(1, 1))
      })

      test('reserved bytes show in usage until they are given back', async () => {
        const before = front.usage().bytes
        expect(front.reserve(1_000)).toBe(true)
        expect(front.usage().bytes).toBe(before + 1_000)
        front.unreserve(1_000)
        expect(front.usage().bytes).toBe(before)
      })
    })

    test('whatever happens in whatever order, the front agrees with a store that forgets nothing', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
          const one = await maker.open({ partitions: 3, ageMax: AGE_MAX })
          try {
            const run = new Comparison(one)
            await run.start()
            for (const what of steps) await run.step(what)
            await run.finish()
          } finally {
            await one.close()
          }
        }),
        { numRuns: maker.runs ?? 150 },
      )
    }, 120_000)
  })
}

function kinds(result: ApplyResult): (string | undefined)[] {
  expect(['applied', 'needs-fill']).toContain(result.kind)
  return result.kind === 'turned-away' ? [] : result.verdicts.map((verdict) => verdict?.kind)
}
