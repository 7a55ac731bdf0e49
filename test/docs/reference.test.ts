import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { pages } from '../../scripts/reference/pages.ts'

const file = (name: string): string => fileURLToPath(new URL(`../../docs/reference/${name}`, import.meta.url))

test.each(Object.keys(pages))(
  'docs/reference/%s says what the source says (else: npm run reference)',
  (name) => {
    expect(readFileSync(file(name), 'utf8')).toBe(pages[name]?.())
  },
)
