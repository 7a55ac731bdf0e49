/** Runs benches tiny: that they work is tested, not what they find. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Bench, Finding } from '../../bench/result.ts'

const CHILD = fileURLToPath(new URL('../../bench/child.ts', import.meta.url))

/** What `npm run bench -- NAME --tiny` does for one runtime: this one. */
async function tiny(name: string): Promise<Finding & { readonly bench: string; readonly versions: object }> {
  const child = spawn(process.execPath, [CHILD, name, 'tiny'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(`The bench ${name} ended with ${String(code)}:\n${said}`)
  return JSON.parse(out) as Finding & { bench: string; versions: object }
}

export function runTiny(benches: readonly Bench[]): void {
  describe('each bench runs to its end and finds numbers', () => {
    test.each(benches.map((bench) => bench.name))('%s', { timeout: 120_000 }, async (name) => {
      const found = await tiny(name)
      expect(found.bench).toBe(name)
      expect(Object.keys(found.headline).length).toBeGreaterThan(0)
      expect(found.goals.length).toBeGreaterThan(0)
      const numbers = Object.values(found.numbers)
      expect(numbers.length).toBeGreaterThan(0)
      expect(numbers.filter((number) => !Number.isFinite(number))).toEqual([])
    })
  })
}
