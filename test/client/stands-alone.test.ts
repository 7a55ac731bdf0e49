import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** Every file that importing the client loads, and every package or builtin that it asks for. */
function loadedBy(entry: URL): { files: Set<string>; outside: string[] } {
  const files = new Set<string>()
  const outside: string[] = []
  const visit = (file: URL): void => {
    if (files.has(file.pathname)) return
    files.add(file.pathname)
    const source = readFileSync(file, 'utf8')
    for (const [, specifier = ''] of source.matchAll(
      /^(?:import|export) (?!type )[^'\n]*(?:\n[^';]*?)?from '([^']+)'/gm,
    )) {
      if (specifier.startsWith('.')) visit(new URL(specifier, file))
      else outside.push(`${file.pathname} imports ${specifier}`)
    }
  }
  visit(entry)
  return { files, outside }
}

test('the client loads no builtin and no package, so that it runs in browsers', () => {
  const { files, outside } = loadedBy(new URL('../../src/client/index.ts', import.meta.url))
  expect(outside).toEqual([])
  expect(files.size).toBeGreaterThan(8)
  expect([...files].filter((file) => /\/(?:engine|server|drivers|runtime|model)\//.test(file))).toEqual([])
})
