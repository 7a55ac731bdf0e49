import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Latencies } from '../../src/load/latencies.ts'
import { ASK_KINDS, Asker, PUBLISHED_MIX } from '../../src/load/mix.ts'
import { temporaryFolder } from '../support/site.ts'

/** Of the repository, not of this application: as its scripts find the other runtime. */
const REPO = new URL('../../../../scripts/repo.ts', import.meta.url).href
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

test('the mix is the published one, the keys are skewed, and the same seed asks the same', () => {
  const asker = new Asker(1, PUBLISHED_MIX)
  const counts = { read: 0, save: 0, exam: 0, teacher: 0 }
  for (let asked = 0; asked < 104_000; asked += 1) counts[asker.kind()] += 1
  for (const kind of ASK_KINDS) expect(Math.abs(counts[kind] / 1_000 - PUBLISHED_MIX[kind])).toBeLessThan(1)
  const candidates = Array.from({ length: 10_000 }, () => asker.candidate(800))
  const often = candidates.filter((candidate) => candidate < 100).length
  expect(often / candidates.length).toBeGreaterThan(0.45)
  expect(Math.max(...candidates)).toBeLessThan(800)
  expect(new Asker(2, PUBLISHED_MIX).choices()).toEqual(new Asker(2, PUBLISHED_MIX).choices())
})

test('no school comes twice among generated choices', () => {
  const asker = new Asker(3, PUBLISHED_MIX)
  for (let form = 0; form < 1_000; form += 1) {
    const schools = asker.choices().map((choice) => choice.school)
    expect(new Set(schools).size).toBe(schools.length)
  }
})

test('percentiles are within a tenth', () => {
  const latencies = new Latencies()
  for (let ms = 1; ms <= 1_000; ms += 1) latencies.add(ms)
  for (const share of [0.1, 0.5, 0.9, 0.99]) {
    const told = latencies.percentileMs(share)
    expect(told).toBeGreaterThanOrEqual(share * 1_000)
    expect(told).toBeLessThanOrEqual(share * 1_100)
  }
  expect(latencies.percentileMs(1)).toBe(1_000)
  expect(new Latencies().percentileMs(0.5)).toBe(0)
})

test('an evening with a killed server ends with every promise kept', async () => {
  const folder = await temporaryFolder()
  const args = ['evening', '--seconds', '8', '--people', '200', '--pace', '100', '--connections', '8']
  const child = spawn('node', ['--conditions=spillway-source', MAIN, ...args, '--data', folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, told] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  expect([code, told.includes('SIGKILL'), told.includes('closed for good')]).toEqual([0, true, true])
  const verdict = JSON.parse(out)
  expect(verdict).toMatchObject({ ok: true, receiptsChecked: true, exportChecked: true })
  expect(verdict.told).toBeGreaterThan(0)
}, 120_000)

test('a restart with saves that have not landed serves them all, and loses none', async () => {
  // On Bun where there is one: staff signs in there too.
  const { bunPath } = (await import(REPO)) as { bunPath: () => string | undefined }
  const runtime = bunPath() ?? process.execPath
  const args = ['recovery', '--count', '4000', '--people', '300', '--json', '--runtime-path', runtime]
  const child = spawn('node', ['--conditions=spillway-source', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  const report = JSON.parse(out.trim().split('\n').at(-1) as string)
  expect(report).toMatchObject({ ok: true, saves: 4_000, unlanded: 4_000, checked: true })
  expect(code).toBe(0)
}, 120_000)

test('a demo of a server that acknowledges before the journal fails, and says what was broken', async () => {
  const args = ['demo', '--people', '300', '--sabotage', 'ack-before-journal']
  const child = spawn('node', ['--conditions=spillway-source', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  expect([code, out.includes('FAIL'), out.includes('told: version')]).toEqual([1, true, true])
  // Plain where no terminal is looking.
  expect(out).not.toContain('\u001b')
}, 120_000)
