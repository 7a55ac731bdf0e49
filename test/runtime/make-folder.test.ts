import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { makeFolder } from '../../src/runtime/make-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'spillway-folder-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('what is missing is made and named, outermost first; what is there is left alone', () => {
  const inner = join(folder, 'a', 'b', 'c')
  expect(makeFolder(inner)).toEqual([join(folder, 'a'), join(folder, 'a', 'b'), inner])
  expect(statSync(inner).isDirectory()).toBe(true)
  expect(makeFolder(inner)).toEqual([])
})

test('a file in the way is refused by name', () => {
  const file = join(folder, 'file')
  writeFileSync(file, 'x')
  expect(() => makeFolder(file)).toThrow(/EEXIST.*file/)
  expect(() => makeFolder(join(file, 'below'))).toThrow(/ENOTDIR|EEXIST/)
})

test.runIf(existsSync('/proc/self'))('where no folder can be made, it says so at once', () => {
  expect(() => makeFolder('/proc/spillway/data')).toThrow(/ENOENT|EACCES|EPERM/)
})
