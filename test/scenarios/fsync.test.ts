/**
 * kill -9 proves little about disks: the kernel keeps what was written and not yet synced. So the calls are counted:
 * every write that was acknowledged on its own had at least one fsync of the journal's log to itself. The same
 * count on a copy of the source with durability switched off must fail, or it counts nothing.
 */
import { cpSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toolPath } from '../../scripts/services/tools.ts'
import { Clients } from './load.ts'
import { Sandbox } from './sandbox.ts'
import { bunFile, projectFolder, serve } from './served.ts'
import type { RuntimeName } from './served.ts'

const WRITES = 40

let sandbox: Sandbox
beforeEach(() => {
  sandbox = new Sandbox()
})
afterEach(() => sandbox.close())

/** Fsyncs of the journal's log while `WRITES` writes were sent one after another, each acknowledged. */
async function syncsOf(runtime: RuntimeName, project: string): Promise<number> {
  const strace = toolPath('strace')
  if (strace === undefined) throw new Error('strace is not there')
  const trace = sandbox.path(`trace-${runtime}`)
  const server = await serve({
    args: ['--data', sandbox.path(`data-${runtime}`)],
    runtime,
    project,
    wrapper: [strace, '-f', '-y', '-e', 'trace=fsync,fdatasync', '-o', trace],
    readyMs: 60_000,
  })
  const clients = new Clients()
  const count = (): number =>
    readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => /f(data)?sync\(\d+<[^>]*journal\.db-wal>/.test(line)).length
  const before = count()
  for (let n = 0; n < WRITES; n += 1) expect((await clients.put(server.url, `key-${n}`))?.status).toBe(200)
  const after = count()
  await server.kill()
  return after - before
}

/** A copy of the project whose SQLite files are opened without durability. */
function withoutFsync(): string {
  const project = sandbox.make('unsafe')
  cpSync(join(projectFolder, 'src'), join(project, 'src'), { recursive: true })
  cpSync(join(projectFolder, 'package.json'), join(project, 'package.json'))
  symlinkSync(join(projectFolder, 'node_modules'), join(project, 'node_modules'))
  const folder = join(project, 'src', 'drivers', 'sqlite')
  let planted = 0
  for (const name of readdirSync(folder)) {
    const source = readFileSync(join(folder, name), 'utf8')
    const patched = source.replaceAll(/synchronous\s*=\s*(FULL|NORMAL)/g, 'synchronous = OFF')
    if (patched === source) continue
    planted += 1
    writeFileSync(join(folder, name), patched)
  }
  expect(planted).toBeGreaterThan(0)
  return project
}

const runtimes: RuntimeName[] = bunFile === undefined ? ['node'] : ['node', 'bun']

describe.each(runtimes)('on %s', (runtime) => {
  test('every write acknowledged on its own had an fsync of the journal', { timeout: 90_000 }, async () => {
    expect(await syncsOf(runtime, projectFolder)).toBeGreaterThanOrEqual(WRITES)
  })
})

test('a build with durability switched off does not pass that count', { timeout: 90_000 }, async () => {
  expect(await syncsOf('node', withoutFsync())).toBeLessThan(WRITES)
})
