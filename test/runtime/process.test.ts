import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findBun, findNode, runtimeName, runtimeVersion } from '../../src/runtime/process.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))
const children: ChildProcessByStdio<null, Readable, null>[] = []
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spillway-process-'))
})

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

function fakeRuntime(name: string, prints: string): string {
  const file = join(folder, name)
  writeFileSync(file, `#!/bin/sh\necho '${prints}'\n`)
  chmodSync(file, 0o755)
  return file
}

/** Starts exec-into.ts with these arguments; gives the lines that it prints and its exit. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [fixture('exec-into.ts'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  )
  return { child, exited, line: async () => (await lines.next()).value as string }
}

describe('the runtime', () => {
  it('is named with its version', () => {
    expect(runtimeName).toBe(process.versions.bun === undefined ? 'node' : 'bun')
    expect(runtimeVersion).toMatch(/^\d+\.\d+\.\d+/)
  })

  it('that this is, is found without looking', () => {
    const found = runtimeName === 'bun' ? findBun({}) : findNode({})
    expect(found).toBe(process.execPath)
  })

  it('that this is not, is found on the PATH when it is recent, else in its npm package', () => {
    const other = runtimeName === 'bun' ? 'node' : 'bun'
    const findOther = other === 'bun' ? findBun : findNode
    const packaged = findOther({})
    expect(packaged).toMatch(new RegExp(`node_modules/.*/bin/${other}$`))
    fakeRuntime(other, other === 'bun' ? '1.3.99' : 'v24.5.9')
    expect(findOther({ PATH: folder })).toBe(packaged)
    fakeRuntime(other, 'no version')
    expect(findOther({ PATH: folder })).toBe(packaged)
    const recent = fakeRuntime(other, other === 'bun' ? '2.0.0' : 'v24.6.0')
    expect(findOther({ PATH: `relative:${folder}` })).toBe(recent)
    chmodSync(recent, 0o644)
    rmSync(recent)
    symlinkSync(join(folder, 'nowhere'), recent)
    expect(findOther({ PATH: folder })).toBe(packaged)
  })
})

describe('execInto', () => {
  it.each([
    ['node', findNode],
    ['bun', findBun],
  ])('becomes %s under the same pid, with arguments and environment', async (runtime, find) => {
    const { child, exited, line } = start('replace', find() ?? '', fixture('exec-target.ts'), 'wait')
    expect(await line()).toBe(String(child.pid))
    expect(JSON.parse(await line())).toEqual({ pid: child.pid, runtime, mode: 'wait', env: 'given' })
    child.kill('SIGTERM')
    expect(await exited).toBe(7)
  })

  it('where it cannot, passes signals and exit code through a child', async () => {
    const { child, exited, line } = start('child', process.execPath, fixture('exec-target.ts'), 'wait')
    await line()
    const target = JSON.parse(await line()) as { pid: number }
    expect(target.pid).not.toBe(child.pid)
    child.kill('SIGTERM')
    expect(await exited).toBe(7)
  })

  it('a child that a signal ended is 128 + its number', async () => {
    expect(await start('child', process.execPath, fixture('exec-target.ts'), 'die').exited).toBe(137)
  })

  it.each(['/nonexistent/program', 'relative', ''])(
    '%j is refused, and this process lives on',
    async (file) => {
      const { exited, line } = start('replace', file)
      await line()
      expect(await line()).toContain('cannot be executed')
      expect(await exited).toBe(9)
    },
  )
})
