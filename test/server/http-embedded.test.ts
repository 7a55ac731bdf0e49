import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { open } from '../../src/index.ts'
import { httpContract } from './http-contract.ts'

const folder = mkdtempSync(join(tmpdir(), 'spillway-http-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

httpContract('the embedded tier', () =>
  open({
    front: 'memory:',
    journal: `sqlite:${join(folder, 'journal.db')}`,
    database: `sqlite:${join(folder, 'app.db')}`,
  }),
)
