import { expect, test } from 'vitest'
import { Timeline } from '../../src/cli/demo/timeline.ts'
import { paint } from '../../src/cli/terminal/paint.ts'

function timeline(): Timeline {
  const run = new Timeline()
  for (let ms = 0; ms < 10_000; ms += 10) {
    if (ms < 4_000 || ms > 4_700) {
      run.save(ms)
      run.read(ms)
      run.pending(ms, ms % 100)
    }
  }
  return run
}
const marks = { killedMs: 4_000, readyMs: 4_700 }

test.each([40, 80, 120])(
  'the picture is never wider than %i columns, and marks the kill in every row',
  (width) => {
    const lines = timeline().draw(width, paint(false), marks)
    expect(lines).toHaveLength(5)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width)
    for (const line of lines.slice(0, 3)) expect(line.match(/✖/g)).toHaveLength(1)
    const axis = lines[3] ?? ''
    expect(axis.indexOf('┴')).toBe((lines[0] ?? '').indexOf('✖'))
  },
)

test('bars are higher where more happened, and rates are a second', () => {
  const run = new Timeline()
  for (let n = 0; n < 1_000; n += 1) run.save((n * 1_000) / 1_000)
  const [saves = ''] = run.draw(80, paint(false), { killedMs: 900, readyMs: 1_000 })
  expect(saves).toContain('█')
  expect(saves).toContain('up to 1,000/s')
})

test('without colour there is no escape', () => {
  expect(timeline().draw(80, paint(false), marks).join('')).not.toContain('\u001b')
  expect(timeline().draw(80, paint(true), marks).join('')).toContain('\u001b[31m✖')
})
