/** What can be said of the pages' files without a browser. */
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { repoRoot } from '../../scripts/repo.ts'

const web = join(repoRoot, 'apps', 'registration', 'web')
const here = dirname(fileURLToPath(import.meta.url))
const files = readdirSync(web, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => statSync(join(web, name)).isFile())
const read = (name: string): string => readFileSync(join(web, name), 'utf8')
const modules = files.filter((name) => name.endsWith('.js'))

/** All that a page loads before it can be used. */
function loaded(page: string): string[] {
  const html = read(page)
  const main = /<script type="module" src="\/([^"]+)"/.exec(html)?.[1] ?? ''
  const seen = new Set([main])
  for (const name of seen)
    for (const [, path = ''] of read(name).matchAll(/^(?:import|\} from) .*?'([^']+)'$|^import '([^']+)'$/gm))
      seen.add(posix.join(posix.dirname(name), path))
  return [...seen].toSorted()
}

const PAGES = ['index.html', 'teacher.html']

test('the types that the modules declare in their comments hold', () => {
  const tsc = join(repoRoot, 'node_modules', 'typescript', 'bin', 'tsc')
  const said = (() => {
    try {
      return execFileSync(process.execPath, [tsc, '-p', join(here, 'tsconfig.web.json')], {
        encoding: 'utf8',
      })
    } catch (error) {
      return (error as { stdout: string }).stdout
    }
  })()
  expect(said).toBe('')
}, 60_000)

describe.each(PAGES)('%s', (page) => {
  test('asks for all of its modules at once, and for none that it does not use', () => {
    const asked = [...read(page).matchAll(/(?:src|modulepreload" href)="\/([^"]+\.js)"/g)].map(
      ([, name]) => name,
    )
    expect(asked.toSorted()).toEqual(loaded(page))
  })

  test('is light: 120 kB, 45 kB compressed, catalogue apart', () => {
    const linked = [...read(page).matchAll(/(?:href)="\/([^"]+\.(?:css|svg))"/g)].map(
      ([, name]) => name ?? '',
    )
    const all = [page, 'icons.svg', ...linked, ...loaded(page)].map((name) => readFileSync(join(web, name)))
    expect(all.reduce((sum, bytes) => sum + bytes.length, 0)).toBeLessThan(120_000)
    expect(all.reduce((sum, bytes) => sum + gzipSync(bytes).length, 0)).toBeLessThan(45_000)
  })

  test('has no script and no style inside, which the Content-Security-Policy would stop', () => {
    expect(read(page)).not.toMatch(/<style|style=|<script(?![^>]*src=)|\son\w+=/)
  })
})

test('every file is used', () => {
  const text = [...PAGES.map(read), ...modules.map(read)].join('\n')
  const reached = new Set(PAGES.flatMap(loaded))
  const unused = files.filter(
    (name) => !PAGES.includes(name) && !reached.has(name) && !text.includes(`/${name}`),
  )
  expect(unused).toEqual([])
})

describe('words', async () => {
  const { zh } = (await import(join(web, 'words', 'zh.js'))) as { zh: Record<string, string> }
  const { en } = (await import(join(web, 'words', 'en.js'))) as { en: Record<string, string> }

  test('both languages have the same, in the same order', () => {
    expect(Object.keys(en)).toEqual(Object.keys(zh))
  })

  test('both languages put the same values in', () => {
    const values = (text = ''): string[] =>
      [...new Set([...text.matchAll(/\{(\w+)/g)].map(([, name]) => name ?? ''))].toSorted()
    const odd = Object.keys(zh).filter((key) => values(zh[key]).join() !== values(en[key]).join())
    expect(odd).toEqual([])
  })

  test('every one is used', () => {
    const text = modules
      .filter((name) => !name.startsWith('words/'))
      .map(read)
      .join('\n')
    const made = /^(window|state)-/
    const unused = Object.keys(zh).filter((key) => !text.includes(`'${key}'`) && !made.test(key))
    expect(unused).toEqual([])
  })

  test('none is left in the other language', () => {
    expect(Object.values(en).filter((text) => /\p{Script=Han}/u.test(text))).toEqual([])
    expect(
      Object.entries(zh).filter(([, text]) => !/\p{Script=Han}/u.test(text.replace(/^\{n\} \/ .*/, '个'))),
    ).toEqual([])
  })
})
