import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const FIXTURE = fileURLToPath(new URL('./fixtures/million.ts', import.meta.url))

test('a record takes at most 400 bytes beside its value, and no more than is counted for it', async () => {
  const flags = process.versions['bun'] === undefined ? ['--expose-gc'] : []
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, FIXTURE, '200000', '500'])
  const { measured, counted } = JSON.parse(stdout) as { measured: number; counted: number }
  expect(measured).toBeGreaterThan(100)
  expect(measured).toBeLessThan(400)
  expect(counted).toBeGreaterThan(measured * 0.8)
  expect(counted).toBeLessThan(400)
})
