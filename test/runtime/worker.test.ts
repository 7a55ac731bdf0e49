import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { SpillwayError } from '../../src/errors.ts'
import { SqliteError } from '../../src/runtime/sqlite.ts'
import { CALLS_MAX, startWorker } from '../../src/runtime/worker.ts'
import type { WorkerCaller } from '../../src/runtime/worker.ts'

const fixture = (name: string): URL => new URL(`fixtures/${name}`, import.meta.url)
const started: WorkerCaller[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((worker) => worker.terminate()))
})

async function start(init?: unknown): Promise<WorkerCaller> {
  const worker = await startWorker(fixture('worker.ts'), init)
  started.push(worker)
  return worker
}

describe('calls', () => {
  it('are answered with what the handler returned, at once or later', async () => {
    const worker = await start()
    expect(await worker.call('echo', { a: [1, 2n, 'x', null] })).toEqual({ a: [1, 2n, 'x', null] })
    expect(await worker.call('later', 5)).toBe(5)
    expect(await worker.call('echo', undefined)).toBeUndefined()
  })

  it('arrive in the order in which they were made', async () => {
    const worker = await start()
    const answers = await Promise.all([1, 2, 3, 4].map((n) => worker.call<number[]>('order', n)))
    expect(answers.at(-1)).toEqual([1, 2, 3, 4])
  })

  it('move buffers there and back', async () => {
    const worker = await start()
    const buffer = new ArrayBuffer(1_000)
    const back = await worker.call<{ buffer: ArrayBuffer }>('take', buffer, [buffer])
    expect(buffer.byteLength).toBe(0)
    expect(back.buffer.byteLength).toBe(1_000)
    expect(new Uint8Array(back.buffer)[0]).toBe(9)
  })

  it('above the bound are refused, and the others go on', async () => {
    const worker = await start()
    const hanging = Array.from({ length: CALLS_MAX }, () =>
      worker.call('hang', 0).catch((error: unknown) => error),
    )
    await expect(worker.call('echo', 1)).rejects.toMatchObject({ code: 'overloaded' })
    await worker.terminate()
    expect((await Promise.all(hanging)).every((error) => error instanceof SpillwayError)).toBe(true)
  })
})

describe('errors', () => {
  it('of Spillway arrive with everything they carry', async () => {
    const error = await (await start()).call('refuse', 0).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SpillwayError)
    expect(error).toMatchObject({ code: 'overloaded', detail: 'the detail', retryAfterMs: 77, entry: 'e' })
    expect((error as Error).cause).toMatchObject({ name: 'RangeError', message: 'why' })
    expect((error as Error).stack).toContain('fixtures/worker.ts')
  })

  it('of SQLite arrive with their codes', async () => {
    const error = await (await start()).call('sqlite', 0).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SqliteError)
    expect(error).toMatchObject({ extendedCode: 1555, code: 'SQLITE_CONSTRAINT_PRIMARYKEY' })
  })

  it.each([
    ['defect', 'TypeError'],
    ['reject', 'TypeError'],
    ['unsendable', 'DataCloneError'],
    ['nothing-of-that-name', undefined],
    ['toString', undefined],
    ['oddity', 'Error'],
  ])('of any other kind (%s) arrive as internal, with their cause', async (method, cause) => {
    const worker = await start()
    const error = await worker.call(method, 0).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'SpillwayError', code: 'internal' })
    expect(((error as Error).cause as Error | undefined)?.name).toBe(cause)
    expect(await worker.call('echo', 1)).toBe(1)
  })

  it('arguments that cannot be cloned are refused and nothing is sent', async () => {
    const worker = await start()
    await expect(worker.call('echo', () => 1)).rejects.toMatchObject({ code: 'internal' })
    expect(await worker.call('echo', 1)).toBe(1)
  })
})

describe('the end of a thread', () => {
  it('by an uncaught error makes calls in flight unknown and later ones unavailable', async () => {
    const worker = await start()
    const inFlight = worker.call('hang', 0).catch((error: unknown) => error)
    const dying = worker.call('die', 0).catch((error: unknown) => error)
    for (const error of await Promise.all([inFlight, dying])) {
      expect(error).toMatchObject({ name: 'SpillwayError', code: 'outcome-unknown' })
      expect((error as SpillwayError).detail).toContain('uncaught')
    }
    expect((await worker.exited).code).toBe(1)
    await expect(worker.call('echo', 1)).rejects.toMatchObject({ code: 'unavailable' })
    await worker.terminate()
  })

  it('by process.exit says its code', async () => {
    const worker = await start()
    await expect(worker.call('exit', 7)).rejects.toMatchObject({ code: 'outcome-unknown' })
    expect(await worker.exited).toEqual({ code: 7 })
  })

  it('by terminate works in the middle of an endless loop, and twice', async () => {
    const worker = await start()
    const call = worker.call('spin', 0).catch((error: unknown) => error)
    await worker.terminate()
    await worker.terminate()
    expect(await call).toMatchObject({ code: 'outcome-unknown' })
  })
})

describe('the start', () => {
  it('rejects with what the init threw', async () => {
    await expect(startWorker(fixture('worker.ts'), { failInit: 'other file' })).rejects.toMatchObject({
      code: 'journal-mismatch',
      detail: 'other file',
    })
  })

  it.each([
    ['exits in its init', 'worker.ts', { exitInInit: 3 }],
    ['throws while it is imported', 'broken-worker.ts', undefined],
    ['never serves', 'silent-worker.ts', undefined],
    ['is not there', 'none.ts', undefined],
  ])('rejects when the module %s', async (_name, file, init) => {
    await expect(startWorker(fixture(file), init)).rejects.toMatchObject({
      name: 'SpillwayError',
      code: 'unavailable',
    })
  })

  it('an idle worker lets its process end, a call keeps it', async () => {
    const program = fileURLToPath(fixture('worker-exit.ts'))
    const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 15_000 })
    expect(stdout).toBe('answered\n')
  })
})
