import { describe, expect, it } from 'vitest'
import { SimProcess, World } from '../../src/testing/index.ts'

describe('the simulated world', () => {
  it('takes events in the order of time, and of scheduling where the time is the same', async () => {
    const world = new World({ seed: 1 })
    const seen: string[] = []
    world.schedule(5, () => seen.push('c'))
    world.schedule(1, () => seen.push('a'))
    world.schedule(5, () => seen.push('d'))
    world.schedule(2, () => seen.push('b'))
    await world.run(() => seen.length === 4)
    expect(seen).toEqual(['a', 'b', 'c', 'd'])
    expect(world.now).toBe(5)
  })

  it('lets everything that an event settled run to its end before the next event', async () => {
    const world = new World({ seed: 1 })
    const process = new SimProcess(world, 'p')
    const seen: string[] = []
    const chain = async (): Promise<void> => {
      await process.clock.sleep(1)
      for (let at = 0; at < 50; at += 1) await Promise.resolve()
      seen.push('after fifty turns')
    }
    void chain()
    world.schedule(1, () => seen.push('the next event'))
    await world.run(() => seen.length === 2)
    expect(seen).toEqual(['after fifty turns', 'the next event'])
  })

  it('never delivers anything to a killed process', async () => {
    const world = new World({ seed: 1 })
    const process = new SimProcess(world, 'p')
    const seen: string[] = []
    void process.clock.sleep(10).then(() => seen.push('woke'))
    process.clock.after(10, () => seen.push('timer'))
    world.schedule(5, () => process.kill())
    world.schedule(20, () => seen.push('end'))
    await world.run(() => seen.includes('end'))
    expect(seen).toEqual(['end'])
  })

  it('delivers to a paused process after its pause, in order', async () => {
    const world = new World({ seed: 1 })
    const process = new SimProcess(world, 'p')
    const seen: [string, number][] = []
    void process.clock.sleep(10).then(() => seen.push(['first', world.now]))
    void process.clock.sleep(20).then(() => seen.push(['second', world.now]))
    world.schedule(5, () => process.pause(100))
    await world.run(() => seen.length === 2)
    expect(seen).toEqual([
      ['first', 105],
      ['second', 105],
    ])
  })

  it('says so when nothing is left to do, and when something spins', async () => {
    await expect(new World({ seed: 1 }).run(() => false)).rejects.toThrow(/nothing left to do/)
    const spinning = new World({ seed: 1, eventsMax: 100 })
    const again = (): void => spinning.schedule(0, again)
    again()
    await expect(spinning.run(() => false)).rejects.toThrow(/something spins/)
  })

  it('tells different runs apart by their traces', () => {
    const traces = ['a', 'b', 'a'].map((line) => {
      const world = new World({ seed: 1 })
      world.note(line)
      return world.trace
    })
    expect(traces[0]).toBe(traces[2])
    expect(traces[0]).not.toBe(traces[1])
  })

  it('rejects a sleep whose signal is aborted, before and during it', async () => {
    const world = new World({ seed: 1 })
    const { clock } = new SimProcess(world, 'p')
    const reason = new Error('enough')
    await expect(clock.sleep(5, AbortSignal.abort(reason))).rejects.toBe(reason)
    const controller = new AbortController()
    let outcome: unknown
    clock.sleep(5, controller.signal).catch((error: unknown) => {
      outcome = error
    })
    world.schedule(1, () => controller.abort(reason))
    await world.run(() => outcome !== undefined)
    expect(outcome).toBe(reason)
    expect(world.now).toBe(1)
  })
})
