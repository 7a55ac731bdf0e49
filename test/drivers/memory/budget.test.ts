import { describe, expect, test } from 'vitest'
import { PREEXISTING } from '../../../src/model/position.ts'
import { HELD_ABSENT } from '../../../src/ports/front.ts'
import { ref } from '../../conformance/line.ts'
import { MemoryBench } from './memory-bench.ts'

const KEYS = ['a', 'b', 'c', 'd'] as const

describe('the byte budget', () => {
  test('writes are admitted up to it, and turned away beyond it while nothing has landed', async () => {
    const bench = new MemoryBench(10_000)
    await bench.put('a', 4_000)
    await bench.put('b', 4_000)
    expect(bench.front.reserve(1_000)).toBe(true)
    expect(bench.front.reserve(1_000)).toBe(false)
    expect(bench.front.usage().bytes).toBeLessThanOrEqual(10_000)
    expect(await bench.heldOf(KEYS)).toEqual(['a', 'b'])
  })

  test('deletes are counted too: their tombstones stay until they have landed', async () => {
    const bench = new MemoryBench(50_000)
    for (let i = 0; bench.front.reserve(0); i += 1) {
      expect(i).toBeLessThan(1_000)
      bench.line.delete(`k${i}`)
      await bench.apply()
    }
    await bench.release()
    expect(bench.front.reserve(0)).toBe(true)
  })

  test('what has landed goes oldest first, only as far as needed, and raises the floor to what went', async () => {
    const bench = new MemoryBench(20_000)
    for (const key of KEYS) await bench.put(key, 4_000)
    await bench.release()
    expect((await bench.front.state(0)).floor).toBeLessThan(bench.line.end)
    expect(bench.front.reserve(5_000)).toBe(true)
    expect(await bench.heldOf(KEYS)).toEqual(['b', 'c', 'd'])
    expect((await bench.front.state(0)).floor).toBe(bench.line.placed[1]?.last)
  })

  test('what was read since gets a second chance', async () => {
    const bench = new MemoryBench(20_000)
    for (const key of KEYS) await bench.put(key, 4_000)
    await bench.release()
    expect(await bench.heldOf(['a'])).toEqual(['a'])
    expect(bench.front.reserve(5_000)).toBe(true)
    expect(await bench.heldOf(KEYS)).toEqual(['a', 'c', 'd'])
  })

  test('what was written again after it landed stays', async () => {
    const bench = new MemoryBench(20_000)
    for (const key of KEYS) await bench.put(key, 4_000)
    await bench.release()
    await bench.put('a', 3_000)
    expect(bench.front.reserve(8_000)).toBe(true)
    expect(await bench.heldOf(KEYS)).toEqual(['a', 'c', 'd'])
    expect(bench.front.reserve(12_000)).toBe(false)
    expect(await bench.heldOf(KEYS)).toEqual(['a'])
  })

  test('reading everything does not keep anything from being evicted in the end', async () => {
    const bench = new MemoryBench(20_000)
    for (const key of KEYS) await bench.put(key, 4_000)
    await bench.release()
    await bench.heldOf(KEYS)
    expect(bench.front.reserve(19_000)).toBe(true)
    expect(await bench.heldOf(KEYS)).toEqual([])
  })

  test('a fill is taken when there is no room, at the cost of others', async () => {
    const bench = new MemoryBench(10_000)
    await bench.put('a', 4_000)
    await bench.put('b', 4_000)
    await bench.release()
    const { identity } = await bench.front.state(0)
    const value = { codec: 0, rawBytes: 5_000, bytes: new Uint8Array(5_000) } as const
    const rows = [{ ...ref('cold'), held: { version: bench.line.end, value } }]
    const { held } = await bench.front.fill(0, identity, bench.line.end, rows)
    expect(held[0]?.value?.bytes).toHaveLength(5_000)
    expect(await bench.heldOf(['a', 'b', 'cold'])).toEqual(['b', 'cold'])
    expect(bench.front.usage().bytes).toBeLessThanOrEqual(10_000)
  })

  test('evicting to make room for a fill raises the floor before the fill is judged', async () => {
    const bench = new MemoryBench(10_000)
    const early = await bench.put('a', 4_000)
    await bench.put('b', 4_000)
    await bench.release()
    const { identity } = await bench.front.state(0)
    const large = { codec: 0, rawBytes: 9_000, bytes: new Uint8Array(9_000) } as const
    const rows = [{ ...ref('cold'), held: { version: early, value: large } }]
    expect((await bench.front.fill(0, identity, early, rows)).held).toEqual([undefined])
  })

  test('nothing is counted any more once the partition is discarded', async () => {
    const bench = new MemoryBench(100_000)
    for (const key of KEYS) await bench.put(key, 4_000)
    bench.line.delete('a')
    bench.line.put('b', '1', { ifVersion: bench.line.end })
    await bench.apply()
    await bench.front.hold(0, [ref('a'), ref('b')], 1_000)
    const { identity } = await bench.front.state(0)
    await bench.front.discard(0, identity)
    expect(bench.front.usage().bytes).toBe(0)
  })

  test('refused positions are counted until they are forgotten', async () => {
    const bench = new MemoryBench(100_000)
    await bench.put('a', 10)
    const before = bench.front.usage().bytes
    for (let i = 0; i < 100; i += 1) bench.line.put('a', '1', { ifVersion: PREEXISTING })
    await bench.apply()
    const { identity } = await bench.front.state(0)
    expect(bench.front.usage().bytes).toBeGreaterThan(before + 99 * 8)
    await bench.front.forgetRefused(0, identity, bench.line.end)
    expect(bench.front.usage().bytes).toBeLessThan(before + 100)
  })
})

describe('holds', () => {
  test('a held key outlives others that are as old, until its time is over', async () => {
    const bench = new MemoryBench(20_000)
    for (const key of KEYS) await bench.put(key, 4_000)
    await bench.front.hold(0, [ref('a')], 1_000)
    await bench.release()
    expect(bench.front.reserve(19_000)).toBe(false)
    expect(await bench.heldOf(KEYS)).toEqual(['a'])
    bench.clock.pass(1_001)
    expect(bench.front.reserve(19_000)).toBe(true)
    expect(await bench.heldOf(KEYS)).toEqual([])
  })

  test('a hold ends when its key is written', async () => {
    const bench = new MemoryBench(20_000)
    await bench.put('a', 4_000)
    await bench.release()
    await bench.front.hold(0, [ref('a')], 1_000)
    await bench.put('a', 4_000)
    await bench.release()
    expect(bench.front.reserve(19_000)).toBe(true)
    expect(await bench.heldOf(KEYS)).toEqual([])
  })

  test('beyond their bound keys are answered and not held, until holds end', async () => {
    const bench = new MemoryBench(20_000, 2)
    for (const key of KEYS) await bench.put(key, 4_000)
    await bench.release()
    const { held } = await bench.front.hold(
      0,
      KEYS.map((key) => ref(key)),
      1_000,
    )
    expect(held).not.toContain(undefined)
    expect(bench.front.reserve(19_000)).toBe(false)
    expect(await bench.heldOf(KEYS)).toEqual(['a', 'b'])
    await bench.put('e', 4_000)
    await bench.release()
    bench.clock.pass(1_001)
    await bench.front.hold(0, [ref('e')], 1_000)
    expect(bench.front.reserve(14_000)).toBe(true)
    expect(await bench.heldOf(['a', 'b', 'e'])).toEqual(['e'])
  })

  test('holding again extends it', async () => {
    const bench = new MemoryBench(20_000)
    await bench.put('a', 4_000)
    await bench.release()
    await bench.front.hold(0, [ref('a')], 1_000)
    bench.clock.pass(900)
    await bench.front.hold(0, [ref('a')], 1_000)
    bench.clock.pass(900)
    expect(bench.front.reserve(19_000)).toBe(false)
    expect(await bench.heldOf(['a'])).toEqual(['a'])
  })

  test('knowing that a key is absent can be held too', async () => {
    const bench = new MemoryBench(20_000)
    await bench.put('a', 4_000)
    const { identity } = await bench.front.state(0)
    await bench.front.fill(0, identity, bench.line.end, [{ ...ref('none'), held: HELD_ABSENT }])
    await bench.front.hold(0, [ref('none')], 1_000)
    await bench.release()
    expect(bench.front.reserve(20_001)).toBe(false)
    expect(await bench.heldOf(['a', 'none'])).toEqual(['none'])
  })
})
