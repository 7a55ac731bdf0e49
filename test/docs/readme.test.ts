import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Sandbox } from '../scenarios/sandbox.ts'
import { nodeFile, projectFolder, start } from '../scenarios/served.ts'

const readme = readFileSync(join(projectFolder, 'README.md'), 'utf8')

let sandbox: Sandbox
beforeEach(() => {
  sandbox = new Sandbox()
})
afterEach(() => sandbox.close())

test('the smallest program of the README runs as it stands there', async () => {
  const program = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  expect(program).toContain(`from 'spillway'`)
  writeFileSync(sandbox.path('program.ts'), program.replace(`'spillway'`, `'${projectFolder}src/index.ts'`))
  const run = start([nodeFile(), '--no-warnings', 'program.ts'], { cwd: sandbox.folder })
  expect([(await run.ended).code, run.err(), run.out()]).toEqual([0, '', `true [ 'physics', 'law' ]\n`])
})

test('the config module of docs/tables.md is one that ddl takes', async () => {
  const tables = readFileSync(join(projectFolder, 'docs/tables.md'), 'utf8')
  const config = /```ts\n([\s\S]*?)```/.exec(tables)?.[1] ?? ''
  writeFileSync(sandbox.path('config.mts'), config.replace(`'spillway'`, `'${projectFolder}src/index.ts'`))
  const cli = join(projectFolder, 'src/cli/main.ts')
  const run = start([nodeFile(), cli, 'ddl', '--config', 'config.mts'], { cwd: sandbox.folder })
  expect([(await run.ended).code, run.out()]).toEqual([0, expect.stringContaining('"full_name"')])
})

const pages = [
  'README.md',
  'docs/concepts.md',
  'docs/operate.md',
  'docs/what-happens-if.md',
  'docs/stores.md',
  'docs/tables.md',
  'docs/reference/http.md',
]

test.each(pages)('every link of %s leads to a file of the project', (page) => {
  const text = readFileSync(join(projectFolder, page), 'utf8')
  const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(([, link]) => link as string)
  const missing = links.filter((link) => !existsSync(resolve(projectFolder, dirname(page), link)))
  expect(missing).toEqual([])
})

test('every npm script that the README names is there', () => {
  const { scripts } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...readme.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name as string)
  expect(named.filter((name) => !(name in scripts))).toEqual([])
})
