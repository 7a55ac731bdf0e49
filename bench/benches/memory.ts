/**
 * Memory per record of the process front: bytes beside key and value, for values of 100 bytes, 500 bytes and 4 KiB.
 *
 * Records are put and landed (what waits for landing is held twice, and is bounded), garbage is collected, and what
 * heap and memory outside it have grown by is divided by the records. Each size is measured in a process of its own,
 * because a collector gives back the memory of an earlier measurement when it likes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { form } from '../form.ts'
import { msOfCalls } from '../in-flight.ts'
import type { Bench, Finding, Size } from '../result.ts'
import { seriesOf } from '../rounds.ts'
import { openTier, recordsOf, scratchFolder } from '../scratch.ts'

const VALUE_BYTES = [100, 500, 4_096] as const
const OVERHEAD_MAX = 400
const LOOK_MS = 20

const keyOf = (n: number): string => `candidate-${String(n).padStart(8, '0')}`
const KEY_BYTES = keyOf(0).length

interface BunGlobal {
  gc(full: boolean): void
}

/** Bytes in use by this process's own objects and buffers, after all garbage is gone. */
async function bytesInUse(): Promise<number> {
  const bun = (globalThis as { Bun?: BunGlobal }).Bun
  for (let round = 0; round < 4; round += 1) {
    if (bun === undefined) globalThis.gc?.()
    else bun.gc(true)
    await sleep(50)
  }
  const { heapUsed, external } = process.memoryUsage()
  // On Bun what is outside the heap is counted in heapUsed as well: 100 MiB of buffers are 100 MiB of both.
  return bun === undefined ? heapUsed + external : heapUsed
}

/** What a record costs beside its key and value; run in a process of its own. */
async function overheadOf(valueBytes: number, records: number): Promise<number> {
  await using folder = await scratchFolder()
  const tier = await openTier(folder.path, 'all')
  const forms = recordsOf(tier)
  // Everything that a tier has once: code, buffers, threads.
  await msOfCalls(256, 2_000, (n) => forms.put(`warm-up-${n % 100}`, form(n, valueBytes)))
  const landed = async (): Promise<void> => {
    while ((await tier.status()).totals.pending > 0) await sleep(LOOK_MS)
  }
  await landed()
  const before = await bytesInUse()
  await msOfCalls(256, records, (n) => forms.put(keyOf(n), form(n, valueBytes)))
  await landed()
  const after = await bytesInUse()
  const first = await forms.get(keyOf(0))
  if (first === undefined)
    throw new Error('The first record is gone: the front was too small for this measurement')
  await tier.close()
  return (after - before) / records - valueBytes - KEY_BYTES
}

async function inOwnProcess(valueBytes: number, records: number): Promise<number> {
  const collector = process.versions['bun'] === undefined ? ['--expose-gc'] : []
  const child = spawn(
    process.execPath,
    [...collector, fileURLToPath(import.meta.url), String(valueBytes), String(records)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`The measurement of ${valueBytes} bytes ended with ${code}`)
  return Number(text)
}

async function run(size: Size): Promise<Finding> {
  const records = size === 'tiny' ? 2_000 : 100_000
  const overheads: number[] = []
  for (const valueBytes of VALUE_BYTES) overheads.push(Math.round(await inOwnProcess(valueBytes, records)))
  const worst = Math.max(...overheads)
  return {
    headline: Object.fromEntries(
      VALUE_BYTES.map((valueBytes, index) => [
        `values of ${valueBytes} B`,
        `bytes + ${overheads[index]} B a record`,
      ]),
    ),
    goals: [{ text: `bytes + ${OVERHEAD_MAX} B a record at most`, met: worst <= OVERHEAD_MAX }],
    settings: { records, keyBytes: KEY_BYTES },
    series: Object.fromEntries(
      VALUE_BYTES.map((valueBytes, index) => [
        `overhead${valueBytes}`,
        seriesOf([overheads[index] as number]),
      ]),
    ),
    numbers: Object.fromEntries(
      VALUE_BYTES.map((valueBytes, index) => [`overheadBytes${valueBytes}`, overheads[index] as number]),
    ),
  }
}

export const memory: Bench = { name: 'memory', measures: 'memory per record of the process front', run }

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [valueBytes, records] = process.argv.slice(2).map(Number) as [number, number]
  process.stdout.write(String(await overheadOf(valueBytes, records)))
}
