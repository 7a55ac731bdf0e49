/** `npm run reference`: writes docs/reference from the source. A test fails while it is not current. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pages } from './reference/pages.ts'
import { repoRoot } from './repo.ts'

const folder = join(repoRoot, 'docs', 'reference')
mkdirSync(folder, { recursive: true })
for (const [name, make] of Object.entries(pages)) {
  writeFileSync(join(folder, name), make())
  console.log(`docs/reference/${name}`)
}
