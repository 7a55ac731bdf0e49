import { expect, onTestFinished, test } from 'vitest'
import { FollowPace } from '../../src/engine/follow-pace.ts'
import { VirtualClock } from '../kit/virtual-clock.ts'

/** A loop that looks whenever the pace lets it, until the test ends. */
function following() {
  const clock = new VirtualClock()
  const pace = new FollowPace({ clock, followMs: 20, followIdleMs: 250 })
  const stop = new AbortController()
  const looks: number[] = []
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      looks.push(clock.monotonic())
      await pace.pause(stop.signal)
    }
  }
  const ended = loop()
  onTestFinished(async () => {
    stop.abort()
    await ended
  })
  return { clock, pace, looks }
}

test('while something comes it is looked for every 20 ms', async () => {
  const { clock, pace, looks } = following()
  for (let ms = 0; ms < 1_000; ms += 10) {
    pace.hurry()
    await clock.advance(10)
  }
  expect(looks.length).toBe(51)
})

test('while nothing comes the looks get rarer, and are never more than 250 ms apart', async () => {
  const { clock, looks } = following()
  await clock.advance(12_000)
  const pauses = looks.slice(1).map((at, index) => at - (looks[index] as number))
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b))
  expect(pauses[0]).toBe(20)
  expect(pauses.at(-1)).toBe(250)
  expect(looks.length).toBeLessThan(75)
})

test('a pause is never longer than an eighth of the time in which nothing came, or 20 ms', async () => {
  const { clock, looks } = following()
  await clock.advance(1_900)
  for (const [index, at] of looks.slice(0, -1).entries())
    expect((looks[index + 1] as number) - at).toBeLessThanOrEqual(Math.max(20, at / 8))
})

test('whoever hurries it in a long pause is followed at once, and closely from then on', async () => {
  const { clock, pace, looks } = following()
  await clock.advance(10_000)
  await clock.advance(1)
  pace.hurry()
  await clock.advance(100)
  expect(looks.filter((at) => at > 10_000)).toEqual([10_001, 10_021, 10_041, 10_061, 10_081, 10_101])
})

test('a pause ends when the loop is stopped', async () => {
  const clock = new VirtualClock()
  const pace = new FollowPace({ clock, followMs: 20, followIdleMs: 250 })
  const stop = new AbortController()
  const paused = pace.pause(stop.signal)
  stop.abort()
  await paused
  expect(clock.timers).toBe(0)
})
