import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { memoryTrend } from '../../src/load/memory-trend.ts'
import type { MemoryPoint } from '../../src/load/memory-trend.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const MEBIBYTE = 2 ** 20

/** A hundred samples, 1,000 answers apart; the warm-up climbs by 50 MiB, garbage sways by 2 MiB. */
function memory(bytesPerAnswer: number): MemoryPoint[] {
  return Array.from({ length: 100 }, (_, n) => {
    const warm = Math.min(1, n / 30) * 50 * MEBIBYTE
    const sway = Math.sin(n * 12.9898) * 2 * MEBIBYTE
    return { answers: n * 1_000, bytes: warm + sway + n * 1_000 * bytesPerAnswer }
  })
}

test('memory that only sways is level, and one that gains a little with each answer is not', () => {
  const level = memoryTrend(memory(0))
  expect([level.samples, level.answers]).toEqual([60, 59_000])
  expect(Math.abs(level.growthBytes)).toBeLessThan(2 * MEBIBYTE)
  expect(level.growthBytesMax).toBeLessThan(4 * MEBIBYTE)
  const growing = memoryTrend(memory(300))
  expect(Math.abs(growing.bytesPerAnswer - 300)).toBeLessThan(30)
  expect(growing.growthBytesMax).toBeGreaterThan(growing.growthBytes)
  expect(growing.growthBytes).toBeGreaterThan(14 * MEBIBYTE)
})

test('too few samples tell nothing', () => {
  expect(() => memoryTrend(memory(0).slice(0, 10))).toThrow('longer')
})

async function soak(...more: string[]): Promise<{ code: number; verdict: Record<string, unknown> }> {
  const args = ['soak', '--people', '200', '--connections', '16', '--json', ...more]
  const child = spawn('node', ['--conditions=spillway-source', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, verdict: JSON.parse(out) as Record<string, unknown> }
}

test('a short soak: the memory of the server does not grow with what it answered', async () => {
  const { code, verdict } = await soak('--seconds', '30')
  expect([code, verdict['ok'], verdict['refused']]).toEqual([0, true, 0])
  expect(verdict['answers']).toBeGreaterThan(1_000)
}, 120_000)

test('a server that keeps a mebibyte now and then is found to grow', async () => {
  const { code, verdict } = await soak('--seconds', '15', '--sabotage', 'leak')
  expect([code, verdict['ok']]).toEqual([1, false])
  expect((verdict['live'] as { growthBytes: number }).growthBytes).toBeGreaterThan(8 * MEBIBYTE)
}, 120_000)
