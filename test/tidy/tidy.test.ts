import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { occurrences, read, repoFiles } from './source-files.ts'

const files = repoFiles()
const code = files.filter((file) => /\.(ts|mjs|js)$/.test(file))
const source = code.filter((file) => file.startsWith('src/'))
const tests = code.filter((file) => file.startsWith('test/'))
const text = files.filter((file) => /\.(ts|mjs|js|json|md|lua|sql|sh|ya?ml)$|^\.ci\/|^\.npmrc$/.test(file))

const knownFolders = ['kit', 'model', 'ports', 'engine', 'drivers', 'runtime', 'options']
const knownSurfaces = ['server', 'cli', 'client', 'testing']
const sourceLinesMax = 400

describe('names', () => {
  test('files and folders are kebab-case', () => {
    const odd = code.filter((file) =>
      file.split('/').some((part) => !/^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(part)),
    )
    expect(odd).toEqual([])
  })

  test('no file or folder is named after nothing in particular', () => {
    const banned = /^(utils?|helpers?|common|types?|managers?|misc|stuff)$|-(utils?|helpers?|manager)$/
    const vague = code.filter((file) =>
      file.split('/').some((part) => banned.test(part.replace(/\..*$/, ''))),
    )
    expect(vague).toEqual([])
  })

  test('no file is numbered', () => {
    expect(code.filter((file) => /^\d+[-_.]|[-_]\d+\.ts$/.test(basename(file)))).toEqual([])
  })

  test('every folder of src is one that the structure knows', () => {
    const known = [...knownFolders, ...knownSurfaces]
    const folders = new Set(
      source.filter((file) => file.split('/').length > 2).map((file) => file.split('/')[1]),
    )
    expect([...folders].filter((folder) => !known.includes(folder ?? ''))).toEqual([])
  })

  test('the files directly in src are the catalogues, the composition root and the public exports', () => {
    const top = source.filter((file) => file.split('/').length === 2).map((file) => basename(file))
    expect(
      top.filter(
        (file) =>
          !['errors.ts', 'events.ts', 'findings.ts', 'open.ts', 'stores.ts', 'index.ts'].includes(file),
      ),
    ).toEqual([])
  })
})

describe('contents', () => {
  test(`a file of src has at most ${sourceLinesMax} lines`, () => {
    const long = source
      .map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
      .filter(({ lines }) => lines > sourceLinesMax)
    expect(long).toEqual([])
  })

  test('the present moment is only asked for in kit: no `new Date()` without an argument elsewhere', () => {
    const outside = source.filter((file) => !file.startsWith('src/kit/'))
    expect(occurrences(outside, /new Date\(\s*\)|\bDate\(\s*\)/)).toEqual([])
  })

  test('nothing is left to do, and no test is focused or switched off', () => {
    const marks = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].map((word) => `\\b${word}\\b`).join('|'))
    expect(occurrences(code, marks)).toEqual([])
    const switched = new RegExp(
      `\\b(test|it|describe)\\.(${['on' + 'ly', 'sk' + 'ip', 'to' + 'do'].join('|')})\\(`,
    )
    expect(occurrences(tests, switched)).toEqual([])
  })

  test("no path, host or tool of anybody's machine is in a file", () => {
    const places = ['/wo' + 'rk/', '/ho' + 'me/', '/Us' + 'ers/', '/ro' + 'ot/', '/fa' + 'rm']
    expect(occurrences(text, new RegExp(`(^|["'\`\\s(=:])(${places.join('|')})`))).toEqual([])
  })

  test('the lockfile names no registry, and has an entry for every platform', () => {
    const lock = JSON.parse(read('package-lock.json')) as {
      packages: Record<
        string,
        { resolved?: string; link?: boolean; optionalDependencies?: Record<string, string> }
      >
    }
    const entries = Object.entries(lock.packages)
    expect(entries.filter(([, entry]) => entry.resolved !== undefined && !entry.link)).toEqual([])
    const known = new Set(entries.map(([path]) => path.replace(/^.*node_modules\//, '')))
    const wanted = entries.flatMap(([, entry]) => Object.keys(entry.optionalDependencies ?? {}))
    expect(wanted.filter((name) => !known.has(name))).toEqual([])
  })

  test('versions of dependencies are exact', () => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>
    const versions = Object.entries({ ...manifest['dependencies'], ...manifest['devDependencies'] })
    expect(versions.length).toBeGreaterThan(0)
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })
})
