import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repoRoot } from '../../scripts/repo.ts'
import { installedClosure, packAndInstall } from './packed-package.ts'
import type { PackedPackage } from './packed-package.ts'

const closurePackagesMax = 60
const closureBytesMax = 15 * 1024 * 1024
const tarballBytesMax = 1024 * 1024
const runtimes = ['node', 'bun'] as const
const doors = { spillway: 'index', 'spillway/client': 'client/index', 'spillway/testing': 'testing/index' }

let packed: PackedPackage

beforeAll(() => {
  packed = packAndInstall()
}, 300_000)

afterAll(() => packed?.remove())

const bytesUnder = (folder: string): number =>
  globSync('**/*', { cwd: folder })
    .map((file) => statSync(join(folder, file)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)

describe('the tarball', () => {
  test('holds dist, its sources, licence, readme and manifest, and nothing else', () => {
    const odd = packed.files.filter(
      (file) => !/^(dist\/.+\.(js|d\.ts|lua)|src\/.+\.(ts|lua)|LICENSE|README\.md|package\.json)$/.test(file),
    )
    expect(odd).toEqual([])
    expect(packed.files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'dist/cli/main.js']))
    expect(packed.tarballBytes).toBeLessThan(tarballBytesMax)
  })

  test('imports no .ts file, which Node refuses inside node_modules', () => {
    const dist = join(packed.packageFolder, 'dist')
    const imports = globSync('**/*.js', { cwd: dist }).filter((file) =>
      /\b(from|import)\s*\(?\s*['"][./][^'"]*\.ts['"]/.test(readFileSync(join(dist, file), 'utf8')),
    )
    expect(imports).toEqual([])
  })

  test('has nothing that publint would change', async () => {
    const { messages, pkg } = await publint({ pkgDir: packed.packageFolder, strict: true, pack: false })
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
  })
})

describe('the types', () => {
  test('a strict TypeScript program compiles against them, declarations checked too', () => {
    packed.write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          target: 'es2024',
          lib: ['es2024', 'esnext.disposable'],
          module: 'nodenext',
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          skipLibCheck: false,
          types: ['node'],
          typeRoots: [join(repoRoot, 'node_modules', '@types')],
        },
        files: ['program.ts'],
      }),
    )
    packed.write(
      'program.ts',
      `import { collection, open } from 'spillway'
import { connect } from 'spillway/client'
import * as testing from 'spillway/testing'

const notes = collection('notes', {})
await using tier = await open({
  front: 'memory:',
  journal: 'sqlite:journal.db',
  database: 'sqlite:app.db',
  collections: [notes],
})
const receipt = await tier.records(notes).put('k', { text: 'hello' }, { ifVersion: 0 })
const version: number = receipt.version
const remote = connect('http://127.0.0.1:7070', { token: 'secret' })
export { remote, testing, version }
`,
    )
    const { code, out } = packed.run(
      'node',
      join(repoRoot, 'node_modules', 'typescript', 'bin', 'tsc'),
      '--project',
      packed.folder,
    )
    expect({ code, out }).toEqual({ code: 0, out: '' })
  }, 120_000)
})

describe('the production closure', () => {
  test('is the one that is written down in closure.txt', () => {
    const names = installedClosure(packed.folder)
      .map(({ path }) => path.replace(/^node_modules\//, ''))
      .filter((name) => name !== 'spillway')
    const written = readFileSync(join(repoRoot, 'test', 'pack', 'closure.txt'), 'utf8')
      .trim()
      .split('\n')
    expect(names.toSorted()).toEqual(written)
  })

  test(`has at most ${closurePackagesMax} packages and 15 MB as installed`, () => {
    expect(installedClosure(packed.folder).length).toBeLessThanOrEqual(closurePackagesMax)
    expect(bytesUnder(join(packed.folder, 'node_modules'))).toBeLessThanOrEqual(closureBytesMax)
  })

  test('has no install script, no native build, and comes from the registry only', () => {
    const others = installedClosure(packed.folder).filter(({ path }) => path !== 'node_modules/spillway')
    expect(others.filter(({ hasInstallScript }) => hasInstallScript)).toEqual([])
    expect(
      others.filter(({ link, resolved }) => link || (resolved && !/^https:.*\.tgz$/.test(resolved))),
    ).toEqual([])
    expect(globSync('**/{*.node,binding.gyp}', { cwd: join(packed.folder, 'node_modules') })).toEqual([])
  })
})

describe.each(runtimes)('installed, on %s', (runtime) => {
  test.each(Object.entries(doors))('%s exports what its source exports', async (door, source) => {
    const { code, out, err } = packed.run(
      runtime,
      packed.write(
        'exports.mjs',
        `console.log(JSON.stringify(Object.keys(await import('${door}')).sort()))\n`,
      ),
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const expected = Object.keys((await import(join(repoRoot, 'src', `${source}.ts`))) as object).toSorted()
    expect(JSON.parse(out)).toEqual(expected)
  })

  test('spillway version prints the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as {
      version: string
    }
    const { code, out } = packed.spillway(runtime, 'version')
    expect(code).toBe(0)
    expect(out).toContain(`${version} (${runtime} `)
  })

  test('a program of a few lines journals, lands and reads back a record', () => {
    const program = packed.write(
      'program.mjs',
      `import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collection, open } from 'spillway'

const data = mkdtempSync(join(tmpdir(), 'spillway-pack-data-'))
const notes = collection('notes', {})
const tier = await open({
  front: 'memory:',
  journal: \`sqlite:\${join(data, 'journal.db')}\`,
  database: \`sqlite:\${join(data, 'app.db')}\`,
  collections: [notes],
})
const receipt = await tier.records(notes).put('k', { text: 'hello' })
const landed = await receipt.landed({ timeoutMs: 10_000 })
const record = await tier.records(notes).get('k', { atLeast: receipt.version })
await tier.close()
rmSync(data, { recursive: true })
console.log(JSON.stringify({ landed, record, version: receipt.version }))
`,
    )
    const { code, out, err } = packed.run(runtime, program)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const { record, version } = JSON.parse(out)
    expect(record).toEqual({ key: 'k', version, value: { text: 'hello' } })
  })

  test('spillway demo ends well', () => {
    const { code, out, err } = packed.spillway(runtime, 'demo')
    expect(code, `${out}${err}`).toBe(0)
  }, 120_000)
})
